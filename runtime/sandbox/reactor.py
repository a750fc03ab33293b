"""An event loop of one page: descriptors, times, and what is to be done soon.

Keepers, the launcher and agents run on it. asyncio takes 60 ms to import and 10 MB to have, for
each sandbox twice; what they do is to wait for descriptors.
"""

import contextlib
import heapq
import os
import select
import signal
import time
from collections import deque
from collections.abc import Callable

Callback = Callable[[], object]


class Timer:
    """Something that is to happen later."""

    __slots__ = ("callback", "due")

    def __init__(self, due: float, callback: Callback) -> None:
        self.due = due
        self.callback: Callback | None = callback

    def cancel(self) -> None:
        """Let it not happen."""
        self.callback = None

    def __lt__(self, other: "Timer") -> bool:
        return self.due < other.due


class Reactor:
    """Waits, and calls who is concerned. An exception of a callback ends ``run``.

    Attributes:
        is_stopped: Whether ``run`` returns, or has.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._watched: dict[int, tuple[Callback | None, Callback | None]] = {}
        self._timers: list[Timer] = []
        self._soon: deque[Callback] = deque()
        self.is_stopped = False
        self._signals: dict[int, Callback] = {}
        self._pipe: tuple[int, int] | None = None

    def watch(
        self, descriptor: int, reads: Callback | None = None, writes: Callback | None = None
    ) -> None:
        """Say who is called when a descriptor can be read and written; None and None: nobody."""
        known = self._watched.get(descriptor)
        if reads is None and writes is None:
            if known is not None:
                del self._watched[descriptor]
                with contextlib.suppress(OSError):  # it is closed already
                    self._epoll.unregister(descriptor)
            return
        events = _events(reads, writes)
        if known is None:
            self._epoll.register(descriptor, events)
        elif _events(*known) != events:
            self._epoll.modify(descriptor, events)
        self._watched[descriptor] = reads, writes

    def unwatch(self, descriptor: int) -> None:
        """Call nobody any more; before a descriptor is closed."""
        self.watch(descriptor)

    def call_later(self, delay_s: float, callback: Callback) -> Timer:
        """Call after so many seconds."""
        timer = Timer(time.monotonic() + delay_s, callback)
        heapq.heappush(self._timers, timer)
        return timer

    def call_soon(self, callback: Callback) -> None:
        """Call when everybody else had a turn."""
        self._soon.append(callback)

    def on_signal(self, number: int, callback: Callback) -> None:
        """Call when a signal has come, between other calls; several may count as one."""
        if self._pipe is None:
            self._pipe = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
            signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
            self.watch(self._pipe[0], self._signalled)
        self._signals[number] = callback
        signal.signal(number, lambda *_: None)

    def stop(self) -> None:
        """Let ``run`` return."""
        self.is_stopped = True

    def run(self) -> None:
        """Wait and call until ``stop`` is called."""
        while not self.is_stopped:
            self._turn()

    def close(self) -> None:
        """Let go of what it has open, but not of the descriptors that it watched."""
        self._epoll.close()
        if self._pipe is not None:
            signal.set_wakeup_fd(-1)
            for descriptor in self._pipe:
                os.close(descriptor)

    def _signalled(self) -> None:
        assert self._pipe is not None, "it is watched"
        came = b""
        with contextlib.suppress(BlockingIOError):
            came = os.read(self._pipe[0], 4096)
        for number in set(came):
            self._signals.get(number, _nothing)()

    def _turn(self) -> None:
        for descriptor, events in self._epoll.poll(self._patience_s()):
            # Whoever was called before may have closed this one, or changed what it is for.
            for index, others in enumerate((select.EPOLLOUT, select.EPOLLIN)):
                now = self._watched.get(descriptor)
                callback = now[index] if now is not None and events & ~others else None
                if callback is not None:
                    callback()
        now_s = time.monotonic()
        while self._timers and self._timers[0].due <= now_s:
            timer = heapq.heappop(self._timers)
            if timer.callback is not None:
                timer.callback()
        for _ in range(len(self._soon)):
            self._soon.popleft()()

    def _patience_s(self) -> float | None:
        if self._soon:
            return 0
        while self._timers and self._timers[0].callback is None:
            heapq.heappop(self._timers)
        if not self._timers:
            return None
        return max(0.0, self._timers[0].due - time.monotonic())


def _events(reads: Callback | None, writes: Callback | None) -> int:
    return (select.EPOLLIN if reads else 0) | (select.EPOLLOUT if writes else 0)


def _nothing() -> None:
    """A signal that somebody else has a handler for."""
