"""Watches whether one child answers, and finds out what holds it up when it does not."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from .limits import SupervisionLimits
from .liveness import Liveness, Verdict
from .process import Process
from .stack_dump import StackReader

_STOPPED_STATES = frozenset({"T", "t"})  # of /proc/<pid>/stat
_STOPPED = "the process is stopped by a signal (SIGSTOP) or a debugger; no code of it runs"
_IN_KERNEL = "the process waits inside the kernel, for a disk or a network file system"
_NOTHING = "its stack could not be had"


class Watched(Protocol):
    """The child: ``child.Child``."""

    @property
    def is_watched(self) -> bool:
        """Whether it should answer now."""
        ...

    @property
    def is_coming(self) -> bool:
        """Whether it is on its way to serve, and need not answer."""
        ...

    def ask(self, number: int) -> None:
        """Send it a question."""
        ...

    def is_silent(self, silent_s: float, stack: str) -> None:
        """It has not answered for long."""
        ...

    def answers_again(self, silent_s: float) -> None:
        """It was silent, and is not any more."""
        ...

    def hangs(self, silent_s: float, stack: str) -> None:
        """It will not answer any more: replace it."""
        ...


class ChildWatch:
    """The questions to one child; they begin at once."""

    def __init__(
        self,
        watched: Watched,
        process: Process,
        stacks: StackReader,
        limits: SupervisionLimits,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._watched = watched
        self._process = process
        self._stacks = stacks
        self._limits = limits
        self._loop = loop
        self._liveness = Liveness(
            limits.ping_interval_s, limits.silence_report_s, limits.silence_max_s
        )
        self._stopped_ticks = 0
        self._reports: set[asyncio.Task[None]] = set()
        self._arm()

    @property
    def silent_s(self) -> float:
        """How long it has not answered, or has been stopped before it could."""
        return max(self._liveness.silent_s, self._stopped_s)

    @property
    def _stopped_s(self) -> float:
        return round(self._stopped_ticks * self._limits.ping_interval_s, 3)

    def answered(self, number: int) -> None:
        """The child has answered a question."""
        silent_s = self._liveness.answered(number)
        if silent_s is not None:
            self._watched.answers_again(silent_s)

    async def stack(self) -> str:
        """Return the stacks of the child's threads, or why they cannot be had.

        The child must have said that it is there: before, the question would end it.
        """
        state = self._process.kernel_state()
        if state in _STOPPED_STATES:
            return _STOPPED
        text = await self._stacks.read(self._process.send_signal, self._limits.stack_timeout_s)
        return text or (_IN_KERNEL if state == "D" else _NOTHING)

    def close(self) -> None:
        """Ask no more. Closing twice does nothing."""
        self._timer.cancel()
        for report in self._reports:
            report.cancel()

    def _arm(self) -> None:
        self._timer = self._loop.call_later(self._limits.ping_interval_s, self._tick)

    def _tick(self) -> None:
        if not self._watched.is_watched:
            self._liveness.rest()
            if not self._is_stopped_for_good():
                self._arm()
            return
        self._stopped_ticks = 0
        verdict = self._liveness.tick()
        if verdict is Verdict.REPLACE:
            self._begin(self._tell(self._watched.hangs))
            return
        if verdict is Verdict.PING:
            self._watched.ask(self._liveness.number)
        elif verdict is Verdict.REPORT:
            self._begin(self._tell(self._watched.is_silent))
        self._arm()

    def _is_stopped_for_good(self) -> bool:
        """See whether one that is not asked is stopped; report it, and say whether it is ended."""
        limits, before_s = self._limits, self._stopped_s
        if not self._watched.is_coming or self._process.kernel_state() not in _STOPPED_STATES:
            self._stopped_ticks = 0
            if before_s >= limits.silence_report_s:
                self._watched.answers_again(before_s)
            return False
        self._stopped_ticks += 1
        if limits.silence_max_s is not None and self._stopped_s >= limits.stopped_max_s:
            self._watched.hangs(self._stopped_s, _STOPPED)
            return True
        if before_s < limits.silence_report_s <= self._stopped_s:
            self._watched.is_silent(self._stopped_s, _STOPPED)
        return False

    def _begin(self, report: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(report)
        self._reports.add(task)
        task.add_done_callback(self._reports.discard)

    async def _tell(self, tell: Callable[[float, str], None]) -> None:
        silent_s = self.silent_s
        tell(silent_s, await self.stack())
