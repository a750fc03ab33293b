"""What a process counts, as families of series; docs/observability.md describes each.

Nothing is counted here: the numbers are read where they are kept, when somebody asks. The library
that writes them for collectors is imported where they are written only (exposition.py); a process
that somebody else asks for its numbers never pays for it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ...actors.counters import ActorCounters, Durations
from ...storage.health import StoreHealth
from ..edge.firewall.firewall import FirewallStatistics
from ..edge.statistics import EdgeStatistics
from ..host.alarms import AlarmCounts
from ..host.statistics import HostStatistics, NamespaceStatistics
from ..sockets.counters import SocketCounters

STATUS_CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"
KINDS = (COUNTER, GAUGE, HISTOGRAM)
# How a series of several processes becomes one.
SUM, MAX, MIN = "sum", "max", "min"
MERGES = (SUM, MAX, MIN)

# One number; of a histogram, how often by ``BOUNDS_S`` and beyond, then the sum in seconds.
Numbers = tuple[float, ...]
Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric.

    Attributes:
        name: Without ``perdure_``, and a counter's without ``_total``.
        kind: One of ``KINDS``.
        text: What it is, in a sentence.
        labels: The names of its labels.
        merge: One of ``MERGES``: what the same series of two processes make together.
        series: By the values of the labels.
    """

    name: str
    kind: str
    text: str
    labels: Labels = ()
    merge: str = SUM
    series: dict[Labels, Numbers] = field(default_factory=dict)

    def of(self, *values: str, is_now: float) -> "Family":
        """Add a series; return this."""
        self.series[values] = (is_now,)
        return self


def counter(name: str, text: str, label: str, counts: Mapping[str, float]) -> Family:
    """Return a counter with one label, and its series."""
    return Family(name, COUNTER, text, (label,), SUM, {(k,): (v,) for k, v in counts.items()})


def single(name: str, text: str, value: float, kind: str = GAUGE, merge: str = SUM) -> Family:
    """Return a family of one series, which has no labels."""
    return Family(name, kind, text, (), merge, {(): (value,)})


def of_sockets(counts: SocketCounters) -> Iterator[Family]:
    """WebSockets."""
    events = {
        "websocket.connection.accepted": counts.connections_accepted,
        "websocket.connection.closed": counts.connections_closed,
        "websocket.protocol.error": counts.protocol_errors,
        "websocket.queue.overflowed": counts.queues_overflowed,
        "websocket.peer.dead": counts.peers_found_dead,
        "message.received": counts.messages_received,
        "message.sent": counts.messages_sent,
        "message.dropped": counts.messages_dropped,
        "ping.sent": counts.pings_sent,
    }
    yield counter("websocket_events", "Events of WebSockets.", "event", events)


def of_requests(edge: EdgeStatistics) -> Iterator[Family]:
    """What clients have asked for, and their connections."""
    answered = dict(zip(STATUS_CLASSES, edge.answered[1:], strict=True))
    text = "Requests that were answered, by their status."
    yield counter("requests", text, "status", answered)
    refused = {
        "head_too_large": edge.heads_too_large,
        "head_late": edge.heads_late,
        "answer_unread": edge.answers_unread,
        "body_too_large": edge.bodies_too_large,
        "body_stalled": edge.bodies_stalled,
    }
    yield counter("requests_refused", "Requests that broke a limit.", "reason", refused)
    yield single("connections", "Connections of clients that are open.", edge.connections.open)
    turned_away = {
        "too_many": edge.connections.refused,
        "too_many_of_address": edge.connections.refused_of_address,
    }
    yield counter("connections_refused", "Connections beyond a limit.", "reason", turned_away)
    if edge.tls is not None:
        outcomes = {
            "done": edge.tls.done,
            "failed": edge.tls.failed,
            "late": edge.tls.late,
            "plain": edge.tls.plain,
        }
        yield counter("tls_handshakes", "TLS handshakes that are over.", "outcome", outcomes)


def of_firewall(found: FirewallStatistics) -> Iterator[Family]:
    """What rules have done."""
    labels = ("rule", "action", "outcome")
    hits = Family("firewall_hits", COUNTER, "What rules have done with requests.", labels)
    for rule in found.rules:
        outcomes = {
            "matched": rule.matched,
            "refused": rule.refused,
            "would_have": rule.would_have,
        }
        for outcome, count in outcomes.items():
            # Rules may share a name and an action, series may not.
            key = (rule.name, rule.action, outcome)
            hits.series[key] = (hits.series.get(key, (0,))[0] + count,)
    yield hits
    text = "Upgrades of pages of other sites refused."
    yield single("firewall_origins_refused", text, found.origins_refused, COUNTER)


def of_actors(host: HostStatistics) -> Iterator[Family]:
    """Actors, by their namespaces."""
    slept_text = "Actors that are not in memory and whose sockets are open."
    depth_text = "Events delivered to actors that have no reply yet."
    held_text = "Turns that wait until other code of their actor has run."
    for name, text, attribute in (
        ("actors_live", "Actors in memory.", "live"),
        ("actors_hibernated", slept_text, "hibernated"),
        ("mailbox_events", depth_text, "events_unanswered"),
        ("input_gate_turns", held_text, "turns_held"),
    ):
        family = Family(name, GAUGE, text, ("namespace",))
        for key, names in host.namespaces.items():
            family.of(key, is_now=getattr(names, attribute))
        yield family
    yield _lives(host.namespaces)
    yield single("actor_sockets", "WebSockets that actors hold.", host.sessions)


def _lives(namespaces: Mapping[str, NamespaceStatistics]) -> Family:
    labels = ("namespace", "event")
    events = Family("actor_lifecycle_events", COUNTER, "What became of actors.", labels)
    for key, names in namespaces.items():
        for event in ("started", "evicted", "hibernated", "reset"):
            events.of(key, event, is_now=getattr(names.counts, event))
    return events


def of_alarms(counts: AlarmCounts) -> Iterator[Family]:
    """Alarms."""
    events = {"fired": counts.fired, "retried": counts.retried, "given_up": counts.given_up}
    yield counter("alarms", "Deliveries of alarms, and what became of them.", "event", events)


def of_gates(counts: ActorCounters) -> Iterator[Family]:
    """Errors of handlers, and what they wait for."""
    raised = Family("handler_errors", COUNTER, "Handlers that have raised.", ("namespace", "kind"))
    for (unique_key, kind), count in sorted(counts.handler_errors.items()):
        raised.of(unique_key, kind, is_now=count)
    yield raised
    text = "Outputs of actors that waited for a commit."
    yield single("outputs_held", text, counts.outputs_held, COUNTER)
    text = "How long outputs that had to wait did so."
    yield _histogram("output_gate_wait_seconds", text, counts.output_waits)
    text = "How long turns that had to wait did so."
    yield _histogram("input_gate_wait_seconds", text, counts.input_waits)
    text = "From a commit of an actor until it is durable."
    yield _histogram("commit_seconds", text, counts.commits)


def of_storage(health: StoreHealth) -> Iterator[Family]:
    """The log, and the directory it is in."""
    degraded = int(health.is_degraded)
    yield single("storage_degraded", "1 while /health says why.", degraded, merge=MAX)
    yield single("storage_log_bytes", "What a recovery would read.", health.live_size_bytes)
    quarantined = health.quarantined
    yield single("storage_quarantined_actors", "Actors with damage.", quarantined, merge=MAX)
    if health.space is not None:  # of the disk, which is the same for all
        free = health.space.free_size_bytes
        yield single("storage_free_bytes", "What is left on the disk.", free, merge=MIN)
    text = "How often the log was shortened."
    yield single("storage_checkpoints", text, health.checkpoints, COUNTER)


def _histogram(name: str, text: str, durations: Durations) -> Family:
    numbers = (*map(float, durations.counts), durations.sum_s)
    return Family(name, HISTOGRAM, text, (), SUM, {(): numbers})
