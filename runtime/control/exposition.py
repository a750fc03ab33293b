"""The counters of a server as Prometheus reads them; docs/observability.md describes each.

Nothing is counted here: the numbers are read where they are kept, when somebody asks.
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from ...actors.counters import BOUNDS_S, Durations
from ...actors.counters import counters as actor_counters
from ..sockets.counters import counters as socket_counters
from .observed import Observed

STATUS_CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")


def expose(observed: Observed, accept: str) -> tuple[bytes, str]:
    """Return all metrics and their content type, in the format that ``accept`` asks for."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(ServerCollector(observed))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class ServerCollector(Collector):
    """Reads what a server and its process have counted."""

    def __init__(self, observed: Observed) -> None:
        self._observed = observed

    def collect(self) -> Iterator[Metric]:
        yield from _sockets()
        yield from self._requests()
        yield from self._firewall()
        yield from self._actors()
        yield from self._alarms()
        yield from _errors()
        yield from _gates()
        yield from self._storage()

    def _requests(self) -> Iterator[Metric]:
        edge = self._observed.edge_statistics()
        answered = _counter("requests", "Requests that were answered, by their status.", "status")
        for name, count in zip(STATUS_CLASSES, edge.answered[1:], strict=True):
            answered.add_metric([name], count)
        yield answered
        refused = _counter("requests_refused", "Requests that broke a limit.", "reason")
        refused.add_metric(["head_too_large"], edge.heads_too_large)
        refused.add_metric(["head_late"], edge.heads_late)
        refused.add_metric(["answer_unread"], edge.answers_unread)
        refused.add_metric(["body_too_large"], edge.bodies_too_large)
        refused.add_metric(["body_stalled"], edge.bodies_stalled)
        yield refused
        yield _gauge("connections", "Connections of clients that are open.", edge.connections.open)
        turned_away = _counter("connections_refused", "Connections beyond a limit.", "reason")
        turned_away.add_metric(["too_many"], edge.connections.refused)
        turned_away.add_metric(["too_many_of_address"], edge.connections.refused_of_address)
        yield turned_away
        if edge.tls is not None:
            handshakes = _counter("tls_handshakes", "TLS handshakes that are over.", "outcome")
            handshakes.add_metric(["done"], edge.tls.done)
            handshakes.add_metric(["failed"], edge.tls.failed)
            handshakes.add_metric(["late"], edge.tls.late)
            handshakes.add_metric(["plain"], edge.tls.plain)
            yield handshakes

    def _firewall(self) -> Iterator[Metric]:
        found = self._observed.firewall.statistics()
        hits = _counter(
            "firewall_hits", "What rules have done with requests.", "rule", "action", "outcome"
        )
        # Rules may share a name and an action, series may not.
        sums: dict[tuple[str, str, str], int] = {}
        for rule in found.rules:
            outcomes = {
                "matched": rule.matched,
                "refused": rule.refused,
                "would_have": rule.would_have,
            }
            for outcome, count in outcomes.items():
                key = (rule.name, rule.action, outcome)
                sums[key] = sums.get(key, 0) + count
        for key, count in sums.items():
            hits.add_metric(key, count)
        yield hits
        refused = _counter("firewall_origins_refused", "Upgrades of pages of other sites refused.")
        refused.add_metric([], found.origins_refused)
        yield refused

    def _actors(self) -> Iterator[Metric]:
        host = self._observed.statistics()
        live = GaugeMetricFamily("perdure_actors_live", "Actors in memory.", labels=["namespace"])
        slept = GaugeMetricFamily(
            "perdure_actors_hibernated",
            "Actors that are not in memory and whose sockets are open.",
            labels=["namespace"],
        )
        depth = GaugeMetricFamily(
            "perdure_mailbox_events",
            "Events delivered to actors that have no reply yet.",
            labels=["namespace"],
        )
        held = GaugeMetricFamily(
            "perdure_input_gate_turns",
            "Turns that wait until other code of their actor has run.",
            labels=["namespace"],
        )
        events = _counter("actor_lifecycle_events", "What became of actors.", "namespace", "event")
        for key, names in host.namespaces.items():
            live.add_metric([key], names.live)
            slept.add_metric([key], names.hibernated)
            depth.add_metric([key], names.events_unanswered)
            held.add_metric([key], names.turns_held)
            events.add_metric([key, "started"], names.counts.started)
            events.add_metric([key, "evicted"], names.counts.evicted)
            events.add_metric([key, "hibernated"], names.counts.hibernated)
            events.add_metric([key, "reset"], names.counts.reset)
        yield from (live, slept, depth, held, events)
        yield _gauge("actor_sockets", "WebSockets that actors hold.", host.sessions)

    def _alarms(self) -> Iterator[Metric]:
        counts = self._observed.alarm_counts
        alarms = _counter("alarms", "Deliveries of alarms, and what became of them.", "event")
        alarms.add_metric(["fired"], counts.fired)
        alarms.add_metric(["retried"], counts.retried)
        alarms.add_metric(["given_up"], counts.given_up)
        yield alarms

    def _storage(self) -> Iterator[Metric]:
        health = self._observed.health()
        yield _gauge("storage_degraded", "1 while /health says why.", int(health.is_degraded))
        yield _gauge("storage_log_bytes", "What a recovery would read.", health.live_size_bytes)
        yield _gauge("storage_quarantined_actors", "Actors with damage.", health.quarantined)
        if health.space is not None:
            free = health.space.free_size_bytes
            yield _gauge("storage_free_bytes", "What is left on the disk.", free)
        checkpoints = _counter("storage_checkpoints", "How often the log was shortened.")
        checkpoints.add_metric([], health.checkpoints)
        yield checkpoints


def _sockets() -> Iterator[Metric]:
    counts = socket_counters
    events = _counter("websocket_events", "Events of WebSockets.", "event")
    events.add_metric(["websocket.connection.accepted"], counts.connections_accepted)
    events.add_metric(["websocket.connection.closed"], counts.connections_closed)
    events.add_metric(["websocket.protocol.error"], counts.protocol_errors)
    events.add_metric(["websocket.queue.overflowed"], counts.queues_overflowed)
    events.add_metric(["websocket.peer.dead"], counts.peers_found_dead)
    events.add_metric(["message.received"], counts.messages_received)
    events.add_metric(["message.sent"], counts.messages_sent)
    events.add_metric(["message.dropped"], counts.messages_dropped)
    events.add_metric(["ping.sent"], counts.pings_sent)
    yield events


def _gates() -> Iterator[Metric]:
    counts = actor_counters
    held = _counter("outputs_held", "Outputs of actors that waited for a commit.")
    held.add_metric([], counts.outputs_held)
    yield held
    yield _histogram(
        "output_gate_wait_seconds", "How long outputs that had to wait did so.", counts.output_waits
    )
    yield _histogram(
        "input_gate_wait_seconds", "How long turns that had to wait did so.", counts.input_waits
    )
    yield _histogram(
        "commit_seconds", "From a commit of an actor until it is durable.", counts.commits
    )


def _errors() -> Iterator[Metric]:
    raised = _counter("handler_errors", "Handlers that have raised.", "namespace", "kind")
    for (unique_key, kind), count in sorted(actor_counters.handler_errors.items()):
        raised.add_metric([unique_key, kind], count)
    yield raised


def _histogram(name: str, text: str, durations: Durations) -> HistogramMetricFamily:
    buckets: list[tuple[str, float]] = []
    total = 0
    for bound, count in zip((*BOUNDS_S, None), durations.counts, strict=True):
        total += count
        buckets.append(("+Inf" if bound is None else str(bound), total))
    family = HistogramMetricFamily(f"perdure_{name}", text)
    family.add_metric([], buckets, sum_value=durations.sum_s)
    return family


def _counter(name: str, text: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"perdure_{name}", text, labels=labels)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"perdure_{name}", text, value=value)
