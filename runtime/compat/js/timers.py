"""``setTimeout`` and its like: callbacks that pass the gate of the actor that asked for them.

A timer is a task of the actor's or Worker's code. An actor that has one is at work: it is not put
to sleep before the timer has run.
"""

import asyncio
import itertools
import logging
import time
import weakref
from collections.abc import Coroutine
from inspect import isawaitable
from typing import Any

from ....actors.execution import Execution, current_execution
from ....actors.task import ActorTask
from ....actors.told_errors import tell_of_error
from .errors import js_error
from .promises import Promise
from .proxies import JsException, JsProxy, is_nullish
from .pyproxies import unwrapped

log = logging.getLogger("perdure.actors")
_numbers = itertools.count(1)
_tasks: weakref.WeakKeyDictionary[Execution, dict[int, ActorTask]] = weakref.WeakKeyDictionary()
_STARTED_S = time.perf_counter()


def _execution(what: str) -> Execution:
    try:
        return current_execution(what)
    except Exception as error:
        raise js_error(error) from error


def _begin(coro: Coroutine[Any, Any, Any], execution: Execution) -> ActorTask:
    task = execution.spawn(coro)
    task.on_done = _report
    return task


def _report(task: ActorTask) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("timer.failed", exc_info=error)
        if isinstance(task.owner, Execution):
            tell_of_error(task.owner, "timer", error)


async def _call(callback: Any, arguments: tuple[Any, ...]) -> None:
    result = unwrapped(callback)(*arguments)
    if isawaitable(result):
        await result


def _start(what: str, callback: Any, ms: Any, arguments: tuple[Any, ...], *, again: bool) -> int:
    execution = _execution(what)
    delay_s = 0.0 if is_nullish(ms) else max(0.0, float(ms) / 1000)
    number = next(_numbers)
    tasks = _tasks.setdefault(execution, {})

    async def run() -> None:
        try:
            while True:
                await asyncio.sleep(delay_s)
                await _call(callback, arguments)
                if not again:
                    return
        finally:
            tasks.pop(number, None)

    tasks[number] = _begin(run(), execution)
    return number


def setTimeout(callback: Any, ms: Any = 0, *arguments: Any) -> int:
    """Call ``callback(*arguments)`` in ``ms`` milliseconds; the number is for ``clearTimeout``.

    Raises:
        JsException: No handler is running.
    """
    return _start("setTimeout()", callback, ms, arguments, again=False)


def setInterval(callback: Any, ms: Any = 0, *arguments: Any) -> int:
    """Call it every ``ms`` milliseconds, and never while the last call is under way."""
    return _start("setInterval()", callback, ms, arguments, again=True)


def clearTimeout(number: Any = None) -> None:
    """Do not call; a number that is not known is ignored."""
    if not is_nullish(number):
        task = _tasks.get(_execution("clearTimeout()"), {}).pop(int(number), None)
        if task is not None:
            task.cancel()


clearInterval = clearTimeout


def queueMicrotask(callback: Any) -> None:
    """Call it when the code that runs now is done."""
    execution = _execution("queueMicrotask()")
    _begin(_call(callback, ()), execution)


def reportError(error: Any) -> None:
    """Have an error logged."""
    reason = error if isinstance(error, BaseException) else JsException(error)
    log.error("error.reported", exc_info=reason)


class Scheduler(JsProxy):
    """``await scheduler.wait(ms)``."""

    def wait(self, ms: float, options: Any = None) -> Promise:
        """A promise that is fulfilled in ``ms`` milliseconds."""
        del options
        return Promise.of(asyncio.sleep(float(ms) / 1000))


class Performance(JsProxy):
    """``performance.now()``."""

    @property
    def timeOrigin(self) -> float:
        """When the process started, in milliseconds since 1970."""
        return time.time() * 1000 - self.now()

    def now(self) -> float:
        """Milliseconds since then."""
        return (time.perf_counter() - _STARTED_S) * 1000


performance = Performance()
scheduler = Scheduler()
