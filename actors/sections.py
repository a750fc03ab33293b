"""Critical sections: code during which no other event of the actor runs.

``block_concurrency_while`` and ``transaction`` are both one. A section is a gate below the one
its caller stands at; the caller's gate is shut until the section has ended.

Rules for editing this file:
    When a section ends, its caller goes on before anything else that waits: awaiting perdure's
    own storage is not a suspension, so nothing may slip in between a transaction and the code
    behind it. A section ends after the sections opened inside it, awaited or not.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any

from ..storage.errors import UsageError
from .errors import ActorAborted, GateDeadlock
from .execution import Execution, is_coroutine, wait_for_it
from .gates import InputGate
from .slow_turns import name_of
from .task import ActorTask


class CriticalSection:
    """One section: opens when its parent's turn has come, runs ``callback``, ends.

    Attributes:
        result: What the caller awaits; cancelling it cancels the callback.
        gate: The section's own gate; None until it opens.
    """

    __slots__ = (
        "_actor",
        "_callback",
        "_caller",
        "_context",
        "_settle",
        "_task",
        "gate",
        "result",
        "since_s",
    )

    def __init__(
        self,
        actor: Execution,
        callback: Callable[[], Any],
        settle: Callable[["CriticalSection", Any, BaseException | None], None],
    ) -> None:
        self._actor = actor
        self._callback = callback
        self._settle = settle
        self._context = contextvars.copy_context()
        self._task: ActorTask | None = None
        self.result: asyncio.Future[Any] = actor.loop.create_future()
        turn = actor.turn
        self._caller = turn if isinstance(turn, ActorTask) else None
        self.gate = InputGate()  # replaced when the section opens
        self.since_s = 0.0

    def request(self, parent: InputGate, depth_max: int) -> None:
        """Open now if ``parent`` is the innermost gate, else when the sections there have ended.

        The callback takes its first turn when the present turn is over, so that a constructor
        has set all its attributes by then.
        """
        if parent.depth >= depth_max:
            raise UsageError("blockConcurrencyWhile() calls are nested too deeply.")
        if parent is self._actor.gate and not parent.sections:
            self._open(parent)
        else:
            parent.sections.append(lambda: self._open(parent.current()))

    def _open(self, parent: InputGate) -> None:
        self.gate = InputGate(parent)
        self._actor.gate = self.gate
        self.gate.held.append(self)

    @property
    def handler(self) -> str:
        return name_of(self._callback)

    def step(self) -> None:
        """The first turn: call the callback, and drive what it returns."""
        actor = self._actor
        if self.result.cancelled():
            self._finish(None, asyncio.CancelledError())
            return
        try:
            value = self._context.run(self._callback)
        except (Exception, ActorAborted) as error:
            self._finish(None, error)
            return
        if not is_coroutine(value):
            if not isinstance(value, Awaitable):
                self._finish(value, None)
                return
            value = wait_for_it(value)
        self._task = actor.start(value, self.gate, self._on_task_done, self._context)
        self.result.add_done_callback(self._pass_on_cancellation, context=actor.neutral)
        actor.follow(self._task)

    def _pass_on_cancellation(self, result: asyncio.Future[Any]) -> None:
        if result.cancelled() and self._task is not None:
            self._task.cancel()

    def _on_task_done(self, task: ActorTask) -> None:
        if task.cancelled():
            self._finish(None, asyncio.CancelledError())
        elif (error := task.exception()) is not None:
            self._finish(None, error)
        else:
            self._finish(task.result(), None)

    def _finish(self, value: Any, error: BaseException | None) -> None:
        """The callback is over; so is the section, when those inside it are."""
        gate = self.gate
        if self._actor.gate is gate and not gate.sections:
            self._settle(self, value, error)
        else:
            gate.held.append(_Then(gate, partial(self._finish, value, error)))

    def end(self, value: Any, error: BaseException | None) -> None:
        """Open the parent's gate again and let the caller go on first."""
        parent = self.gate.end()
        self._actor.gate = parent
        goes_first = self._caller is not None and self._caller.stop_waiting_for(self.result)
        if not self.result.done():  # the caller may have been cancelled
            if error is None:
                self.result.set_result(value)
            elif isinstance(error, asyncio.CancelledError):
                self.result.cancel()
            else:
                self.result.set_exception(error)
        if parent.sections:
            parent.held.appendleft(_Then(parent, partial(_open_next, self._actor)))
        if goes_first and self._caller is not None:
            self._caller.go_on_first(self.result)


class SelfCall(asyncio.Future[Any]):
    """The reply of a call that an actor has made to itself while a section of its own is open.

    The call is taken up when the section has ended. So a section's callback that awaits it would
    wait for its own end; whoever else awaits it, a task or the code behind the section, may.
    """

    def __init__(self, section: InputGate, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._section = section

    def __await__(self) -> Generator[Any, None, Any]:
        task = asyncio.current_task(self.get_loop())
        is_held = not self.done() and not self._section.ended
        if is_held and isinstance(task, ActorTask) and _is_callback(task):
            raise GateDeadlock(
                "awaiting a call to the actor itself, inside its own transaction() or "
                "block_concurrency_while(), would wait for the end of just that. The call runs "
                "afterwards: await it there, or call the method directly"
            )
        return super().__await__()

    __iter__ = __await__


def _is_callback(task: ActorTask) -> bool:
    """``task`` is what a section waits for before it ends."""
    return isinstance(getattr(task.on_done, "__self__", None), CriticalSection)


class _Then:
    """A turn that runs none of the user's code: what is to be done when its gate is innermost."""

    __slots__ = ("gate", "since_s", "step")

    def __init__(self, gate: InputGate, step: Callable[[], None]) -> None:
        self.gate = gate
        self.step = step
        self.since_s = 0.0


def _open_next(actor: Execution) -> None:
    """Open the section that waits longest at the innermost gate, if one still does."""
    if actor.gate.sections:
        actor.gate.sections.popleft()()
