"""How much a process holds in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class LifeCounts:
    """What has become of the actors of one namespace since the start.

    Attributes:
        started: Instances that were made.
        evicted: Those that left memory when idle; hibernated ones are among them.
        hibernated: Those that left sockets open.
        reset: Those that ended because of an error, ``ctx.abort`` or a change of their file, or
            were at work when the server stopped.
    """

    started: int = 0
    evicted: int = 0
    hibernated: int = 0
    reset: int = 0


@dataclass(frozen=True, slots=True)
class NamespaceStatistics:
    """One namespace: what it holds now, and what has become of its actors.

    Attributes:
        live: Actors in memory.
        hibernated: Actors that are not, and whose sockets are open.
        events_unanswered: Events that were delivered to actors and have no reply yet.
        turns_held: Turns, first ones and later ones, that wait at gates of actors.
        counts: Since the start; a copy.
    """

    live: int
    hibernated: int
    events_unanswered: int
    turns_held: int
    counts: LifeCounts


@dataclass(frozen=True, slots=True)
class HostStatistics:
    """What a process holds in memory.

    Attributes:
        namespaces: By their unique keys.
    """

    actors_live: int
    actors_started: int
    actors_evicted: int
    sessions: int
    actors_hibernated: int = 0
    namespaces: Mapping[str, NamespaceStatistics] = field(default_factory=dict)
