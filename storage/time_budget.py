"""How long one SQL statement may hold up the whole process."""

from collections.abc import Callable

import apsw

from .authorizer import Authorizer

# SQLite asks after so many instructions of its virtual machine, which is some 0.3 ms of work;
# asking costs 0.2 us, so nothing.
_INSTRUCTIONS = 10_000


class TimeBudget:
    """Interrupts statements of the user's that run too long.

    Attributes:
        seconds: The budget of one call: one ``exec``, or one read from its cursor.
        started: When SQLite first asked during this call; None before that. (Most statements
            are over by then, and the clock need not be read for them.)
    """

    __slots__ = ("_monotonic", "_rules", "seconds", "started")

    def __init__(
        self, seconds: float, monotonic: Callable[[], float] | None, rules: Authorizer
    ) -> None:
        self.seconds = seconds
        self.started: float | None = None
        self._monotonic = monotonic
        self._rules = rules

    def watch(self, connection: apsw.Connection) -> None:
        """Have ``connection`` ask; without a clock it is left alone."""
        if self._monotonic is not None:
            connection.set_progress_handler(self._is_spent, _INSTRUCTIONS)

    def _is_spent(self) -> bool:
        if not self._rules.enforcing or self._monotonic is None:
            return False
        now = self._monotonic()
        if self.started is None:
            self.started = now
        return now - self.started > self.seconds
