"""Functions that wait in their middle: what ``run_sync`` needs.

Promise:
    A handler that waits by ``run_sync`` waits as one that awaits: other events of its actor, and
    other actors, go on meanwhile, and it is cancelled and ended like any other.
Assumptions:
    Each handler runs in a greenlet of its own, once a program has asked for ``run_sync``; what it
    waits for is handed to whoever has resumed it, and yielded from there to the actor's task.
Rules for editing:
    A greenlet is resumed by ``_resume`` only: the frames of another handler may lie below, and it
    must go back to them and have the context of who resumes it.
"""

import inspect
from collections.abc import Awaitable, Callable, Generator
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet

from ....actors.execution import CURRENT, Execution
from ....storage.errors import UsageError


class Wish:
    """Whether a program has asked for ``run_sync``.

    Attributes:
        is_there: It has; handlers that begin from then on can wait.
    """

    __slots__ = ("is_there",)

    def __init__(self) -> None:
        self.is_there = False


WISH = Wish()


class CannotSuspend(UsageError, RuntimeError):
    """``run_sync`` was asked to wait where it cannot."""

    def __init__(self) -> None:
        super().__init__(
            "run_sync() cannot wait here. It can in handlers and in methods that others call, and "
            "in what those call, if it was imported before they began: import it at the top of "
            "the module. Elsewhere, as in listeners and timers, await it."
        )


class _Handler(greenlet):
    """The stack of one handler.

    Attributes:
        execution: Whose handler it is.
    """

    execution: Execution | None

    def begin(self, *arguments: Any) -> Any:
        """What the function returns, or, if it is not ``dead`` then, what it waits for."""
        self.execution = CURRENT.get()
        return self._resume(self.switch, *arguments)

    def go_on(self, sent: Any) -> Any:
        """Likewise, after what it waited for."""
        return self._resume(self.switch, sent)

    def fail(self, error: BaseException) -> Any:
        """Likewise, with an error in its place."""
        return self._resume(self.throw, error)

    def end(self) -> None:
        """Nobody goes on with it."""
        self._resume(self.throw, GreenletExit)
        if not self.dead:
            raise RuntimeError("a handler has gone on after its end")

    def _resume(self, how: Callable[..., Any], *arguments: Any) -> Any:
        below = getcurrent()
        self.parent = below
        self.gr_context = below.gr_context
        return how(*arguments)


class _Rest:
    """What is left of a handler that waits."""

    __slots__ = ("_handler", "_waits_for")

    def __init__(self, handler: _Handler, waits_for: Any) -> None:
        self._handler = handler
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, Any]:
        handler, given = self._handler, self._waits_for
        while not handler.dead:
            try:
                sent = yield given
            except GeneratorExit:
                handler.end()
                raise
            except BaseException as error:
                given = handler.fail(error)
            else:
                given = handler.go_on(sent)
        return given


async def run(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a handler, async or not, that may use ``run_sync``.

    Async itself, so that it is a task of its own from the beginning: what a function that waits
    asks of the task that runs, as ``asyncio.timeout`` does, must not reach its caller's.
    """
    handler = _Handler(_call)
    given = handler.begin(function, *arguments)
    return given if handler.dead else await _Rest(handler, given)


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    result = function(*arguments)
    return wait_for(result) if inspect.isawaitable(result) else result


def suspendable(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function``, called so that it can use ``run_sync`` if the program has asked for that."""

    def call(*arguments: Any) -> Any:
        return run(function, *arguments) if WISH.is_there else function(*arguments)

    return call


def can_wait() -> bool:
    """Whether the function that runs can be left in its middle."""
    here = getcurrent()
    return isinstance(here, _Handler) and here.execution is CURRENT.get()


def wait_for(awaitable: Awaitable[Any]) -> Any:
    """The result of ``awaitable``, if need be after a while.

    Raises:
        CannotSuspend: It would have to wait, and cannot here. It is given up then.
    """
    steps = awaitable.__await__()
    step: Callable[[], Any] = lambda: next(steps)  # noqa: E731  # the next one is another
    while True:
        try:
            waits_for = step()
        except StopIteration as end:
            return end.value
        if not can_wait():
            _close(steps)
            raise CannotSuspend
        parent = getcurrent().parent
        assert parent is not None, "it has been resumed by somebody"
        try:
            sent = parent.switch(waits_for)
        except GreenletExit:
            _close(steps)
            raise
        except BaseException as error:
            step = _failing(steps, error)
        else:
            step = _going_on(steps, sent)


def _going_on(steps: Any, sent: Any) -> Callable[[], Any]:
    return lambda: next(steps) if sent is None else steps.send(sent)


def _failing(steps: Any, error: BaseException) -> Callable[[], Any]:
    def fail() -> Any:
        if not hasattr(steps, "throw"):
            raise error
        return steps.throw(error)

    return fail


def _close(steps: Any) -> None:
    if (close := getattr(steps, "close", None)) is not None:
        close()
