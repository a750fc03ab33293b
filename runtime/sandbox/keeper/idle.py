"""How long a sandbox has had nothing to do: when nobody asks anything of it, it goes to sleep."""

import time
from collections.abc import Callable

from ..reactor import Reactor, Timer


class IdleTime:
    """The time since somebody asked something.

    Attributes:
        sleep_after_s: After so long ``on_sleep`` is called; None for never.
        keep_alive: Whether it is not called whatever the time.
    """

    def __init__(
        self, reactor: Reactor, sleep_after_s: float | None, on_sleep: Callable[[], None]
    ) -> None:
        self.sleep_after_s = sleep_after_s
        self.keep_alive = False
        self._reactor = reactor
        self._on_sleep = on_sleep
        self._open = 0
        self._since_s = time.monotonic()
        self._timer: Timer | None = None
        self.look_again()

    @property
    def idle_s(self) -> float:
        """How long nothing was asked, and nothing is under way."""
        return 0.0 if self._open else time.monotonic() - self._since_s

    def begin(self) -> None:
        """Something is asked."""
        self._open += 1

    def end(self) -> None:
        """It was answered."""
        self._open -= 1
        self._since_s = time.monotonic()
        if self._timer is None:
            self.look_again()

    def look_again(self) -> None:
        """Sleep if it is time, else look again when it may be; also after a setting has changed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.sleep_after_s is None or self.keep_alive or self._open:
            return
        left_s = self.sleep_after_s - self.idle_s
        if left_s > 0:
            self._timer = self._reactor.call_later(left_s, self.look_again)
        else:
            self._on_sleep()
