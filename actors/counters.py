"""What actors of this process have done, and how long that took, as plain numbers."""

from bisect import bisect_left
from dataclasses import dataclass, field

# Upper bounds in seconds: a sync takes a tenth of a millisecond on a good disk, 10 ms on a
# spinning one; what takes longer than a second is a disk in trouble.
BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


@dataclass(slots=True)
class Durations:
    """How long something took, each time it happened.

    Attributes:
        counts: How often, by the first of ``BOUNDS_S`` that is not less; the last entry has
            those beyond.
        sum_s: All together.
    """

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    sum_s: float = 0.0

    def add(self, took_s: float) -> None:
        """It has happened once more."""
        self.counts[bisect_left(BOUNDS_S, took_s)] += 1
        self.sum_s += took_s


@dataclass(slots=True)
class ActorCounters:
    """Counts since the process began; whoever collects them reads them when asked.

    Attributes:
        outputs_held: What actors emitted and an output gate kept back until a commit was durable.
        output_waits: How long it did so, of each output that has left since.
        input_waits: How long events, and continuations of earlier ones, waited at an input gate
            because other code of their actor ran; those that did not wait are not among them.
        commits: From a commit until it was durable.
        handler_errors: How often which kind of handler has raised, by the unique key of the
            namespace and the kind; a Worker's key is "".
    """

    outputs_held: int = 0
    output_waits: Durations = field(default_factory=Durations)
    input_waits: Durations = field(default_factory=Durations)
    commits: Durations = field(default_factory=Durations)
    handler_errors: dict[tuple[str, str], int] = field(default_factory=dict)

    def raised(self, unique_key: str, kind: str) -> None:
        """A handler has raised."""
        key = (unique_key, kind)
        self.handler_errors[key] = self.handler_errors.get(key, 0) + 1


counters = ActorCounters()
