"""Moments at which a process of a run dies, or stops: it is told from outside which.

Nothing of this is in the product: the programs of this folder put it there (worker.py), and so
does the user's program (program.py). A process is told by a file with its number and SIGUSR1.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Generator
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Any

FOLDER = "PERDURE_CHAOS"  # the variable that names where orders lie
ORDER_SIGNAL = signal.SIGUSR1
COUNTS = "PERDURE_CHAOS_COUNTS"  # with this variable, it is noted how often what is passed
COUNTED = "counted"
DIE, STOP = "die", "stop"

# Moment -> how often it is passed until the process dies of it.
_armed: dict[str, tuple[int, str]] = {}


def order(folder: Path, pid: int, moment: str, count: int, what: str = DIE) -> None:
    """Have a process die or stop when it passes ``moment`` for the ``count``-th time from now."""
    (folder / f"order-{pid}").write_text(f"{count} {what} {moment}")
    with contextlib.suppress(ProcessLookupError):  # somebody was faster
        os.kill(pid, ORDER_SIGNAL)


def take_orders() -> None:
    """Be one of those that may be told."""
    signal.signal(ORDER_SIGNAL, _take_order)


def is_due(moment: str) -> bool:
    """Whether it is to happen now; each call is one time that this process passes."""
    if COUNTS in os.environ:
        with (Path(os.environ[FOLDER]) / COUNTED).open("a") as counted:
            counted.write(moment + "\n")
    if moment not in _armed:
        return False
    left, what = _armed[moment]
    _armed[moment] = left - 1, what
    return left == 1


def passed(moment: str) -> None:
    """Die or stop here, if that was the order."""
    if not is_due(moment):
        return
    if _armed[moment][1] == STOP:
        # Not to the process: another of its threads would take it, and this one run on meanwhile.
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
    else:
        die()


def die() -> None:
    """As with kill -9."""
    os.kill(os.getpid(), signal.SIGKILL)


class _Watched:
    """Something awaitable, each suspension of which is a moment."""

    def __init__(self, work: Awaitable[Any], moment: str) -> None:
        self._work = work
        self._moment = moment

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = self._work.__await__()
        step: Callable[[], Any] = lambda: next(steps)  # noqa: E731  # the first of several
        while True:
            try:
                waits_for = step()
            except StopIteration as over:
                return over.value
            passed(self._moment)
            try:
                value = yield waits_for
            except BaseException as error:  # a cancellation, as a rule
                step = _thrower(steps, error)
            else:
                step = _sender(steps, value)


def _thrower(steps: Generator[Any, Any, Any], error: BaseException) -> Callable[[], Any]:
    return lambda: steps.throw(error)


def _sender(steps: Generator[Any, Any, Any], value: Any) -> Callable[[], Any]:
    return lambda: steps.send(value)


def watch_awaits(owner: type, name: str) -> None:
    """Make each await of a coroutine function, a method of ``owner``, a moment: ``await of NAME``."""
    function = getattr(owner, name)

    @wraps(function)
    async def watched(*arguments: Any, **named: Any) -> Any:
        return await _Watched(function(*arguments, **named), f"await of {name}")

    setattr(owner, name, watched)


def _take_order(number: int, frame: FrameType | None) -> None:
    del number, frame
    text = (Path(os.environ[FOLDER]) / f"order-{os.getpid()}").read_text()
    count, what, moment = text.split(" ", 2)
    _armed[moment] = int(count), what
