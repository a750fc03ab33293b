"""What a run has shown, and whether that is enough."""

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.chaos.client import Broken

# What a router keeps for one client: its limit, and one message that began below it.
KEPT_SIZE_MAX = 2 * 2**20 + 2**17
# Of the way from a death to the first answer, in order.
PHASES = (
    "reaped",
    "a successor is ready",
    "the log is sealed",
    "the successor serves",
    "the first answer",
)


@dataclass
class Report:
    """What has happened.

    Attributes:
        events: How often each thing.
        moments: How many workers died where.
        drained: How many of them had been told to finish, and may have had nothing in hand.
        deaths: For each worker that was killed and whose clients were told of it: how many
            messages it had in hand.
        first_answers_s: From each death to the first answer of a successor.
        slowest: What happened to all processes during the longest of these times.
        phases_s: The steps of that way, each from the one before.
        said: Messages.
        again: Answers that came again, and
        redelivered: to messages that were marked.
        pushes: Messages that came unasked.
        largest_kept: The most that a router kept for one client, in characters.
    """

    events: Counter[str] = field(default_factory=Counter)
    moments: Counter[str] = field(default_factory=Counter)
    drained: int = 0
    deaths: dict[tuple[str, int], int] = field(default_factory=dict)
    first_answers_s: list[float] = field(default_factory=list)
    slowest: str = ""
    phases_s: dict[str, list[float]] = field(default_factory=dict)
    said: int = 0
    again: int = 0
    redelivered: int = 0
    pushes: int = 0
    largest_kept: int = 0

    @property
    def kills(self) -> int:
        """How many workers were killed."""
        return sum(self.moments.values())

    @property
    def hits(self) -> int:
        """How many of them had messages in hand."""
        return sum(had > 0 for had in self.deaths.values())

    def passed(self, times: Sequence[float]) -> None:
        """Note when each of ``PHASES`` was over after a death, noticed at the first of these times."""
        at = times[0]
        for phase, then in zip(PHASES, times[1:], strict=True):
            self.phases_s.setdefault(phase, []).append(max(then - at, 0.0))
            at = max(at, then)  # a successor may be ready before the dead one is reaped

    def answered(self, took_s: float, history: str) -> None:
        """Note how long it was from a death to the first answer, and what happened meanwhile."""
        if took_s > max(self.first_answers_s, default=0.0):
            self.slowest = history
        self.first_answers_s.append(took_s)

    def check(self) -> None:
        """Raise when the run has shown too little, or what a client cannot see."""
        if self.hits < 0.8 * (self.kills - self.drained):
            raise Broken(f"only {self.hits} of {self.kills} kills have met messages: {self}")
        if self.kills and not self.redelivered:
            raise Broken(f"nothing was delivered again: {self}")
        if self.largest_kept > KEPT_SIZE_MAX:
            raise Broken(f"a router kept {self.largest_kept:,} characters for one client")

    def __str__(self) -> str:
        had = sorted(self.deaths.values())
        in_hand = f"{had[0]} to {had[-1]}" if had else "none"
        lines = [
            f"events: {dict(self.events)}",
            f"{self.kills} kills, {self.drained} in a drain; {self.hits} met messages: {in_hand}",
            f"{self.said} messages, {self.pushes} pushes",
            f"at most {self.largest_kept:,} characters kept for one client",
            f"{self.redelivered} answers to messages delivered again, {self.again} came twice",
            f"first answer after a kill: {_times(self.first_answers_s)}",
            *(f"  {phase}: {_times(took)}" for phase, took in self.phases_s.items()),
            f"the slowest: {self.slowest}",
            *(f"  {count:4} died {moment}" for moment, count in sorted(self.moments.items())),
        ]
        return "\n".join(lines)


def _times(took_s: Sequence[float]) -> str:
    if not took_s:
        return "no kills"
    took = sorted(took_s)
    p99 = took[min(len(took) - 1, int(len(took) * 0.99))]
    return (
        f"median {statistics.median(took) * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, "
        f"worst {took[-1] * 1000:.0f} ms"
    )
