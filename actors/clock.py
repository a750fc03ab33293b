"""Time as actors see it: handed in, so that tests can jump."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A call that was arranged for later."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """The two times there are: Unix time for alarms, monotonic time for everything else."""

    def time_ms(self) -> int:
        """Unix time in milliseconds."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean anything."""
        ...

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Call back on the loop's thread, no sooner than ``delay_s`` from now."""
        ...


class SystemClock:
    """The machine's clocks, and the running loop's timers."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def time_ms(self) -> int:
        return time.time_ns() // 1_000_000

    # What the loop's own time is made of; read twice in each turn, so without a detour.
    monotonic = staticmethod(time.monotonic)

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        return self._loop.call_later(delay_s, callback)
