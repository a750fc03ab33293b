"""What the control port tells of: a running server, as far as it can be asked."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from ...actors.counters import counters as actor_counters
from ...storage.health import StoreHealth
from ..edge.firewall.firewall import Firewall
from ..edge.statistics import EdgeStatistics
from ..host.alarms import AlarmCounts
from ..host.statistics import HostStatistics
from ..sockets.counters import counters as socket_counters
from .families import (
    Family,
    of_actors,
    of_alarms,
    of_firewall,
    of_gates,
    of_requests,
    of_sockets,
    of_storage,
)


class Observed(Protocol):
    """A server in either shape."""

    async def families(self) -> Sequence[Family]:
        """What it has counted."""
        ...

    async def reasons(self) -> Sequence[str]:
        """Why it is degraded, in words; empty while all is well."""
        ...


class WithActors(Protocol):
    """What has actors, and can be asked."""

    @property
    def alarm_counts(self) -> AlarmCounts: ...
    def statistics(self) -> HostStatistics: ...
    def health(self) -> StoreHealth: ...


class WithClients(Protocol):
    """What has clients' connections, and can be asked."""

    @property
    def firewall(self) -> Firewall: ...
    def edge_statistics(self) -> EdgeStatistics: ...


class OneProcess(WithActors, WithClients, Protocol):
    """Is ``runtime.server.Server``."""


def families_of_clients(server: WithClients) -> Iterator[Family]:
    """What the side of the clients has counted, in this process."""
    yield from of_requests(server.edge_statistics())
    yield from of_firewall(server.firewall.statistics())


def families_of_actors(server: WithActors) -> Iterator[Family]:
    """What the side of the actors has counted, in this process."""
    yield from of_actors(server.statistics())
    yield from of_alarms(server.alarm_counts)
    yield from of_gates(actor_counters)
    yield from of_storage(server.health())


def families_of_sockets() -> Iterator[Family]:
    """What has happened to connections of this process, those that go out included."""
    yield from of_sockets(socket_counters)


class ObservedProcess:
    """A server of one process. Is an ``Observed``."""

    def __init__(self, server: OneProcess) -> None:
        self._server = server

    async def families(self) -> Sequence[Family]:
        server = self._server
        return [
            *families_of_sockets(),
            *families_of_clients(server),
            *families_of_actors(server),
        ]

    async def reasons(self) -> Sequence[str]:
        return self._server.health().reasons
