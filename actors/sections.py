"""Critical sections: code during which no other event of the actor runs.

``block_concurrency_while`` and ``transaction`` are both one. A section is a gate below the one
its caller stands at; the caller's gate is shut until the section has ended.

Rules for editing this file:
    When a section ends, its caller goes on before anything else that waits: awaiting perdure's
    own storage is not a suspension, so nothing may slip in between a transaction and the code
    behind it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ..storage.errors import UsageError
from .execution import Execution, is_coroutine, wait_for_it
from .gates import InputGate
from .task import ActorTask


class CriticalSection:
    """One section: opens when its parent's turn has come, runs ``callback``, ends.

    Attributes:
        result: What the caller awaits.
        gate: The section's own gate; None until it opens.
    """

    __slots__ = ("_actor", "_callback", "_caller", "_settle", "gate", "result")

    def __init__(
        self,
        actor: Execution,
        callback: Callable[[], Any],
        settle: Callable[["CriticalSection", Any, BaseException | None], None],
    ) -> None:
        self._actor = actor
        self._callback = callback
        self._settle = settle
        self.result: asyncio.Future[Any] = actor.loop.create_future()
        turn = actor.turn
        self._caller = turn if isinstance(turn, ActorTask) else None
        self.gate = InputGate()  # replaced when the section opens

    def request(self, parent: InputGate, depth_max: int) -> None:
        """Open now if ``parent`` is the innermost gate, else when the section there has ended.

        The callback takes its first turn when the present turn is over, so that a constructor
        has set all its attributes by then.
        """
        if parent.depth >= depth_max:
            raise UsageError("blockConcurrencyWhile() calls are nested too deeply.")
        if parent is self._actor.gate:
            self._open(parent)
        else:
            parent.sections.append(lambda: self._open(parent.current()))

    def _open(self, parent: InputGate) -> None:
        self.gate = InputGate(parent)
        self._actor.gate = self.gate
        self.gate.held.append(self)

    def step(self) -> None:
        """The first turn: call the callback, and drive what it returns."""
        try:
            value = self._actor.context.copy().run(self._callback)
        except Exception as error:
            self._settle(self, None, error)
            return
        if is_coroutine(value):
            self._actor.follow(self._actor.start(value, self.gate, self._on_task_done))
        elif isinstance(value, Awaitable):
            task = self._actor.start(wait_for_it(value), self.gate, self._on_task_done)
            self._actor.follow(task)
        else:
            self._settle(self, value, None)

    def _on_task_done(self, task: ActorTask) -> None:
        if task.cancelled():
            self._settle(self, None, asyncio.CancelledError())
        elif (error := task.exception()) is not None:
            self._settle(self, None, error)
        else:
            self._settle(self, task.result(), None)

    def end(self, value: Any, error: BaseException | None) -> None:
        """Open the parent's gate again and let the caller go on first."""
        parent = self.gate.end()
        self._actor.gate = parent
        goes_first = self._caller is not None and self._caller.stop_waiting_for(self.result)
        if not self.result.done():  # the caller may have been cancelled
            if error is None:
                self.result.set_result(value)
            else:
                self.result.set_exception(error)
        if parent.sections:
            parent.sections.popleft()()
        if goes_first and self._caller is not None:
            self._caller.go_on_first(self.result)
