"""How a program behind a wall ended, and what it used."""

# Pure: it imports nothing that does anything.

import enum
from dataclasses import dataclass

TO_DO_WITHOUT_WALL = "perdure doctor says what this machine lacks, and what to do"


class Cause(enum.StrEnum):
    """Why a program behind a wall has ended."""

    EXITED = "exited"  # by itself, or by a signal from inside
    ENDED = "ended"  # by Wall.end
    OUT_OF_MEMORY = "out of memory"  # the kernel killed it for its limit of memory
    NO_WALL = "no wall"  # bubblewrap could not make the wall: Ending.said has its words


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What all programs behind a wall use together; None is what this machine does not tell."""

    memory_bytes: int | None = None
    memory_peak_bytes: int | None = None
    processes: int | None = None  # and threads
    cpu_s: float | None = None
    cpu_throttled: int | None = None  # tenths of a second that were cut short
    out_of_memory_kills: int | None = None  # processes that the kernel has killed so far
    forks_refused: int | None = None  # for the limit of processes


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How it ended; ``usage`` is the last before that."""

    cause: Cause
    exit_code: int | None  # behind a wall as a shell tells it: 128 and the number of a signal
    signal: int | None  # without a wall, or if bubblewrap itself was killed; exit_code is None then
    said: str  # the last that it wrote on standard error, 4 KiB at most
    usage: Usage

    def __str__(self) -> str:
        """Return it as a sentence's end, for whoever lost what was inside."""
        said = self.said.strip()
        match self.cause:
            case Cause.NO_WALL:
                what = said or "it does not say why"
                return f"bubblewrap could make no wall: {what}. {TO_DO_WITHOUT_WALL}"
            case Cause.OUT_OF_MEMORY:
                # The kernel counts whom it has killed, and does not say whom.
                return f"it was killed; {self._for_memory()}"
            case Cause.EXITED if self.signal is not None:
                how = f"it was ended by signal {self.signal}"
            case Cause.EXITED:
                how = f"it ended with exit code {self.exit_code}"
            case _ if self.usage.out_of_memory_kills:
                # Whoever ended it may have been quicker than the kernel with the rest.
                how = self._for_memory()
            case _:
                how = ""
        return "; ".join(filter(None, (how, f"its last words: {said}" if said else "")))

    def _for_memory(self) -> str:
        killed = self.usage.out_of_memory_kills
        what = "process" if killed == 1 else "processes"
        return f"the kernel had killed {killed} {what} in it, for its limit of memory"
