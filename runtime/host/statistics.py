"""How much a process holds in memory."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HostStatistics:
    """What a process holds in memory."""

    actors_live: int
    actors_started: int
    actors_evicted: int
    sessions: int
    actors_hibernated: int = 0
