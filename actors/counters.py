"""What actors of this process have committed, and how long that took, as plain numbers."""

from bisect import bisect_left
from dataclasses import dataclass, field

# Upper bounds in seconds: a sync takes a tenth of a millisecond on a good disk, 10 ms on a
# spinning one; what takes longer than a second is a disk in trouble.
COMMIT_BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


@dataclass(slots=True)
class ActorCounters:
    """Counts since the process began; whoever collects them reads them when asked.

    Attributes:
        outputs_held: What actors emitted and an output gate kept back until a commit was durable.
        commits: How many became durable, by the first of ``COMMIT_BOUNDS_S`` that is not less
            than the seconds from the commit until then; the last entry has those beyond.
        commits_s: Those seconds in all.
    """

    outputs_held: int = 0
    commits: list[int] = field(default_factory=lambda: [0] * (len(COMMIT_BOUNDS_S) + 1))
    commits_s: float = 0.0

    def committed(self, took_s: float) -> None:
        """A commit has become durable ``took_s`` after it was made."""
        self.commits[bisect_left(COMMIT_BOUNDS_S, took_s)] += 1
        self.commits_s += took_s


counters = ActorCounters()
