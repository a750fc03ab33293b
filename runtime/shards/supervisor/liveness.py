# Pure: no asyncio, clock, randomness, file or socket.
"""Whether a child process answers, counted in the ticks of its supervisor.

*Promise*: a supervisor that was itself held up (stopped, swapped out, its machine asleep) blames
no child for it: silence is counted in ticks that were made, never in time that passed. The answer
may have been there all the time, unread.
"""

import enum


class Verdict(enum.Enum):
    PING = "ping"  # ask it
    WAIT = "wait"  # it has not answered yet
    REPORT = "report"  # it has not answered for long: say so, once
    REPLACE = "replace"  # it will not answer any more


class Liveness:
    """The questions to one child, and its answers.

    Args:
        interval_s: Between two ticks.
        report_s: Silent for so long, it is reported.
        max_s: Silent for so long, it is replaced; None for never.

    Attributes:
        number: Of the last question.
    """

    def __init__(self, interval_s: float, report_s: float, max_s: float | None) -> None:
        self._interval_s = interval_s
        self._report_s = report_s
        self._max_s = max_s
        self._silent_ticks = 0
        self._is_waiting = False
        self._is_reported = False
        self.number = 0

    @property
    def silent_s(self) -> float:
        """How long the last question has been without an answer."""
        return round(self._silent_ticks * self._interval_s, 3)

    def tick(self) -> Verdict:
        """Return what to do now; with ``PING``, ``number`` is what to ask with."""
        if not self._is_waiting:
            self._is_waiting = True
            self.number += 1
            return Verdict.PING
        self._silent_ticks += 1
        if self._max_s is not None and self.silent_s >= self._max_s:
            return Verdict.REPLACE
        if self.silent_s >= self._report_s and not self._is_reported:
            self._is_reported = True
            return Verdict.REPORT
        return Verdict.WAIT

    def answered(self, number: int) -> float | None:
        """Take an answer.

        Returns:
            How long it took, in seconds, if the silence had been reported.
        """
        if number != self.number or not self._is_waiting:
            return None
        silent_s = self.silent_s if self._is_reported else None
        self.rest()
        return silent_s

    def rest(self) -> None:
        """Forget the question: it may be busy now, and rightly so."""
        self._is_waiting = self._is_reported = False
        self._silent_ticks = 0
