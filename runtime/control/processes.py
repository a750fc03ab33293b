"""What there is to see of a server's processes: a line for each, as ``perdure ps`` shows it."""

import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from ..edge.statistics import EdgeStatistics
from ..host.operations.house import Told, Values
from ..host.statistics import HostStatistics

_PAGE_SIZE_BYTES = os.sysconf("SC_PAGE_SIZE")
_STARTED_MS = time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class ProcessesArguments:
    """Nothing can be chosen."""


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """What a process that has actors holds.

    Attributes:
        partitions: Of all actors that there may be, of 1024 parts so many are its own.
        actors: In memory.
        hibernated: Not in memory, with WebSockets that are open.
        actor_sockets: WebSockets that its actors hold.
        events: Delivered to actors, and not answered yet.
        turns_held: Turns that wait until other code of their actor has run.
    """

    partitions: int
    actors: int
    hibernated: int
    actor_sockets: int
    events: int
    turns_held: int

    @classmethod
    def of(cls, host: HostStatistics, partitions: int) -> "WorkerFacts":
        """From what a host says of itself."""
        names = host.namespaces.values()
        return cls(
            partitions,
            host.actors_live,
            host.actors_hibernated,
            host.sessions,
            sum(name.events_unanswered for name in names),
            sum(name.turns_held for name in names),
        )


@dataclass(frozen=True, slots=True)
class RouterFacts:
    """What a process that has clients holds.

    Attributes:
        connections: Of clients, HTTP and WebSocket.
        client_sockets: WebSockets among them; None where nobody counts them apart from actors'.
        unacknowledged: Messages of theirs that no worker has finished handling; likewise.
    """

    connections: int
    client_sockets: int | None = None
    unacknowledged: int | None = None

    @classmethod
    def of(cls, edge: EdgeStatistics) -> "RouterFacts":
        """From what a front says of itself, where clients and actors are in one process."""
        return cls(edge.connections.open)


@dataclass(frozen=True, slots=True)
class ProcessLine:
    """One process.

    Attributes:
        role: ``server`` for the one process of a server that has no others; else ``supervisor``,
            ``router`` or ``worker``; ``spare`` for one that waits to be told what to be.
        slot: Which of its role; empty for a role that one process has.
        pid: Its number; None for a place that nobody fills at the moment.
        state: How far it has got: shards/supervisor/states.py; ``away`` for such a place.
        started_ms: When it was launched, in Unix milliseconds; None likewise.
        restarts: How often a process in its place has died unasked, or hung.
        memory_size_bytes: Resident; None if it has gone meanwhile.
        silent_s: How long it has not answered its supervisor; 0 as a rule.
        failure: Why it goes, if that was not planned; else None.
    """

    role: str
    slot: str
    pid: int | None
    state: str
    started_ms: int | None
    restarts: int = 0
    memory_size_bytes: int | None = None
    silent_s: float = 0.0
    failure: str | None = None

    def as_item(self, *facts: Values) -> Values:
        """As it travels, with what else is known; what is not, is None."""
        item = dict.fromkeys(FACTS) | asdict(self)
        for some in facts:
            item |= {key: value for key, value in some.items() if key in FACTS}
        return item


FACTS = (*WorkerFacts.__dataclass_fields__, *RouterFacts.__dataclass_fields__)


def of_this_process(role: str) -> ProcessLine:
    """The line of the process that this is called in."""
    pid = os.getpid()
    return ProcessLine(
        role, "", pid, "serving", _STARTED_MS, memory_size_bytes=memory_size_bytes(pid)
    )


def memory_size_bytes(pid: int) -> int | None:
    """Return how much memory of a process is resident, what it shares among it; None if gone."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except (OSError, IndexError):
        return None
    return int(pages) * _PAGE_SIZE_BYTES


async def tell_of_one(
    told: Told, host: HostStatistics, edge: EdgeStatistics, partitions: int
) -> Values:
    """Carry out ``processes`` where one process is the whole server."""
    facts = (asdict(WorkerFacts.of(host, partitions)), asdict(RouterFacts.of(edge)))
    await told.item(of_this_process("server").as_item(*facts))
    return {"processes": 1}
