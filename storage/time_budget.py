"""How long one SQL statement may hold up the whole process."""

from collections.abc import Callable

import apsw

# SQLite asks after so many instructions of its virtual machine, which is some 0.3 ms of work;
# asking costs 0.2 us, so nothing.
_INSTRUCTIONS = 10_000


class TimeBudget:
    """Interrupts statements that run too long.

    Attributes:
        seconds: The budget of one call: one ``exec``, or one read from its cursor.
    """

    __slots__ = ("_is_running", "_monotonic", "_started", "seconds")

    def __init__(self, seconds: float, monotonic: Callable[[], float] | None) -> None:
        self.seconds = seconds
        self._monotonic = monotonic
        self._is_running = False
        self._started: float | None = None

    def watch(self, connection: apsw.Connection) -> None:
        """Have ``connection`` ask; without a clock it is left alone."""
        if self._monotonic is not None:
            connection.set_progress_handler(self._is_spent, _INSTRUCTIONS)

    def start(self) -> None:
        # The clock is read when SQLite first asks: most statements are over before that.
        self._is_running = True
        self._started = None

    def stop(self) -> None:
        self._is_running = False

    def _is_spent(self) -> bool:
        if not self._is_running or self._monotonic is None:
            return False
        now = self._monotonic()
        if self._started is None:
            self._started = now
        return now - self._started > self.seconds
