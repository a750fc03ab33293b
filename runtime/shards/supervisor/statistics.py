# Pure: no asyncio, clock, randomness, file or socket.
"""What a supervisor knows of its processes."""

from dataclasses import dataclass

from .places import Role
from .states import ChildState


@dataclass(frozen=True, slots=True)
class ProcessStatistics:
    """One process.

    Attributes:
        pid: Its number.
        role: What it was told to be; None for a spare one.
        slot: Which of its role; empty for a spare one.
        generation: 0 for a spare one.
        state: How far it has got.
        started_ms: When it was launched, in Unix milliseconds.
        silent_s: How long it has been without an answer.
        restarts: How often a process in this place has died unasked, or was replaced because it
            did not answer.
        failure: Why it goes, or has gone, where that was not planned; else None.
        last_stack: Of its threads, when it last did not answer; None if it always has.
    """

    pid: int
    role: Role | None
    slot: str
    generation: int
    state: ChildState
    started_ms: int
    silent_s: float
    restarts: int
    failure: str | None
    last_stack: str | None


@dataclass(frozen=True, slots=True)
class SupervisorStatistics:
    """All processes.

    Attributes:
        processes: By role and slot, those that go and come among them; spare ones last.
        backoff_failures: For a place that nobody serves, how often in a row one has died before
            it served; by ``str(place)``.
    """

    processes: tuple[ProcessStatistics, ...]
    backoff_failures: dict[str, int]
