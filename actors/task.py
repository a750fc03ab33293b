"""A task whose every resumption passes its owner's input gate.

Promise:
    An ``ActorTask`` behaves as ``asyncio.Task`` for whoever awaits, cancels or inspects it
    (``asyncio.timeout``, ``TaskGroup``, ``gather`` and anyio work inside it), but the coroutine
    moves only when its owner lets it: the return of any await, ours or a library's, waits
    while the gate is shut.
Assumes:
    The hooks asyncio documents for other implementations of tasks (``_enter_task``,
    ``_leave_task``), and the attributes ``_fut_waiter`` and ``_must_cancel`` that libraries
    read. A context can be entered once: so callbacks of the loop run in the owner's
    ``neutral`` context, and only the coroutine runs in the task's.
Rules for editing this file:
    Keep to the order of CPython's ``asyncio.Task.__step``; each line there answers a bug.
    Nothing here may await. tests/actors/test_task.py compares with ``asyncio.Task``.
Considered and refused:
    Wrapping the coroutine in a generator driven by an ``asyncio.Task``: every event would pay
    for a task and a turn of the loop (4 to 6 microseconds), even when it never suspends.
    Stepping the first turn without a task: ``asyncio.timeout`` refuses to work there.
"""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from .gates import InputGate
from .ids import DurableObjectId
from .slow_turns import name_of
from .socket_iterator import Listening

# Documented for other implementations of tasks, though spelled as private names.
_enter: Callable[[asyncio.AbstractEventLoop, Any], None] = asyncio.tasks._enter_task  # noqa: SLF001  # see above
_leave: Callable[[asyncio.AbstractEventLoop, Any], None] = asyncio.tasks._leave_task  # noqa: SLF001  # see above


class TaskOwner(Protocol):
    """What a task asks of the actor (or Worker) whose code it runs."""

    loop: asyncio.AbstractEventLoop
    neutral: contextvars.Context

    @property
    def actor_id(self) -> DurableObjectId | None:
        """None for a Worker."""
        ...

    def resume(self, turn: "ActorTask") -> None:
        """Step ``turn`` now, or hold it at its gate and step it later."""
        ...

    def forget(self, task: "ActorTask") -> None:
        """The task is done."""
        ...


class ActorTask(asyncio.Future[Any]):
    """Runs a coroutine of an actor's code, one turn at a time, when the gate allows.

    Attributes:
        owner: The actor or Worker.
        gate: The gate at which its resumptions wait.
        on_done: Called once, within the last turn, before any callback of the loop.
    """

    __slots__ = (
        "_context",
        "_coro",
        "_fut_waiter",
        "_must_cancel",
        "_name",
        "_num_cancels_requested",
        "_woken_by",
        "gate",
        "on_done",
        "owner",
        "since_s",
    )

    def __init__(
        self,
        coro: Coroutine[Any, Any, Any],
        owner: TaskOwner,
        gate: InputGate,
        context: contextvars.Context,
        on_done: "Callable[[ActorTask], None] | None" = None,
    ) -> None:
        super().__init__(loop=owner.loop)
        self._coro = coro
        self.owner = owner
        self.gate = gate
        self._context = context
        self.on_done = on_done
        self._name: str | None = None
        self._fut_waiter: Any = None
        self._woken_by: asyncio.Future[Any] | None = None
        self._must_cancel = False
        self._num_cancels_requested = 0
        self.since_s = 0.0

    # What asyncio.Task offers besides a Future.

    def get_coro(self) -> Coroutine[Any, Any, Any]:
        return self._coro

    @property
    def handler(self) -> str:
        """What runs here, for who tells of a slow turn."""
        return name_of(self._coro)

    @property
    def is_at_work(self) -> bool:
        """A handler, or what was given to ``wait_until``, and not just listening to a socket."""
        return self.on_done is not None and not isinstance(self._fut_waiter, Listening)

    def get_context(self) -> contextvars.Context:
        return self._context

    def get_name(self) -> str:
        return self._name or f"ActorTask-{id(self):x}"

    def set_name(self, value: object) -> None:
        self._name = str(value)

    def get_stack(self, *, limit: int | None = None) -> list[Any]:
        frame = getattr(self._coro, "cr_frame", None)
        return [] if frame is None else [frame][:limit]

    def cancelling(self) -> int:
        return self._num_cancels_requested

    def uncancel(self) -> int:
        if self._num_cancels_requested > 0:
            self._num_cancels_requested -= 1
            if self._num_cancels_requested == 0:
                self._must_cancel = False
        return self._num_cancels_requested

    def cancel(self, msg: Any = None) -> bool:
        """Ask the coroutine to end: CancelledError is thrown into it at its next resumption."""
        if self.done():
            return False
        self._num_cancels_requested += 1
        if self._fut_waiter is not None and self._fut_waiter.cancel(msg=msg):
            return True
        self._must_cancel = True
        self._cancel_message = msg
        return True

    def cancel_quietly(self) -> None:
        self.cancel()

    # The turn.

    def step(self) -> None:
        """Run the coroutine to its next suspension, or its end. Only the owner calls this."""
        assert not self.done(), "a finished task has no turn left"
        woken_by, self._woken_by = self._woken_by, None
        # Asked for even when it is not used, so that nobody calls it "never retrieved".
        error = None if woken_by is None else _failure_of(woken_by)
        if self._must_cancel:
            if not isinstance(error, asyncio.CancelledError):
                error = self._make_cancelled_error()  # type: ignore[attr-defined]  # Future's, for its subclasses
            self._must_cancel = False
        self._fut_waiter = None
        loop = self._loop
        outer = asyncio.current_task(loop)
        if outer is not None:
            _leave(loop, outer)
        _enter(loop, self)
        try:
            if error is None:
                awaited = self._context.run(self._coro.send, None)
            else:
                awaited = self._context.run(self._coro.throw, error)
        except StopIteration as stop:
            if self._must_cancel:  # cancelled in its last turn
                self._must_cancel = False
                super().cancel(msg=self._cancel_message)
            else:
                self.set_result(stop.value)
        except asyncio.CancelledError as cancelled:
            super().cancel(msg=cancelled.args[0] if cancelled.args else None)
        except (KeyboardInterrupt, SystemExit) as stop_program:
            self.set_exception(stop_program)
            raise
        except BaseException as raised:
            self.set_exception(raised)
        else:
            self._wait_for(awaited)
        finally:
            _leave(loop, self)
            if outer is not None:
                _enter(loop, outer)
            if self.done():
                self._finish()
            error = None  # breaks the cycle exception -> traceback -> this frame

    def begin(self) -> bool:
        """Take the first turn within the turn on the stack; return whether that was the last.

        Its owner knows of the task only if it was not, and ``on_done`` is not called if it was:
        a handler that never suspends is done with sooner by a third.
        """
        loop = self._loop
        outer = asyncio.current_task(loop)
        if outer is not None:
            _leave(loop, outer)
        _enter(loop, self)
        try:
            awaited = self._context.run(self._coro.send, None)
        except StopIteration as stop:
            self.set_result(stop.value)
        except asyncio.CancelledError as cancelled:
            super().cancel(msg=cancelled.args[0] if cancelled.args else None)
        except (KeyboardInterrupt, SystemExit) as stop_program:
            self.set_exception(stop_program)
            raise
        except BaseException as raised:
            self.set_exception(raised)
        else:
            self._wait_for(awaited)
            return False
        finally:
            _leave(loop, self)
            if outer is not None:
                _enter(loop, outer)
        return True

    def start_later(self) -> None:
        """Take the first turn in the loop's next iteration, as a new ``asyncio.Task`` would."""
        self._loop.call_soon(self._resume, context=self.owner.neutral)

    def stop_waiting_for(self, future: asyncio.Future[Any]) -> bool:
        """Whether ``future`` is what this task waits for; its end no longer wakes the task then.

        Called before ``future`` is settled: settling has the loop call back at once.
        """
        if self._fut_waiter is not future:
            return False
        future.remove_done_callback(self._wake)
        self._fut_waiter = None
        return True

    def go_on_first(self, future: asyncio.Future[Any]) -> None:
        """Stand before everyone else at the gate, with what ``future`` gave."""
        self._woken_by = future
        self.gate = self.gate.current()
        self.gate.held.appendleft(self)

    def discard(self) -> None:
        """End the coroutine without another turn: its actor is gone.

        ``finally`` blocks run, outside of the actor: whatever they ask of it is refused.
        """
        if self.done():
            return
        if self._fut_waiter is not None:
            self._fut_waiter.remove_done_callback(self._wake)
            self._fut_waiter.add_done_callback(_take_note)
            self._fut_waiter = None
        super().cancel()
        try:
            self._context.run(self._coro.close)
        finally:
            self._finish()

    def _finish(self) -> None:
        on_done, self.on_done = self.on_done, None
        self.owner.forget(self)
        if on_done is not None:
            on_done(self)

    def _wait_for(self, awaited: Any) -> None:
        blocking = getattr(awaited, "_asyncio_future_blocking", None)
        if blocking is None and awaited is None:  # a bare yield: asyncio.sleep(0)
            self._loop.call_soon(self._resume, context=self.owner.neutral)
        elif not blocking:
            self._refuse(RuntimeError(f"a handler awaited {awaited!r}, which is no future"))
        elif awaited is self:
            self._refuse(RuntimeError(f"Task cannot await on itself: {self!r}"))
        elif awaited.get_loop() is not self._loop:
            self._refuse(RuntimeError(f"{awaited!r} belongs to another event loop"))
        else:
            awaited._asyncio_future_blocking = False  # noqa: SLF001  # how every task does it
            awaited.add_done_callback(self._wake, context=self.owner.neutral)
            self._fut_waiter = awaited
            if self._must_cancel and awaited.cancel(msg=self._cancel_message):
                self._must_cancel = False

    def _refuse(self, error: RuntimeError) -> None:
        failed = self._loop.create_future()
        failed.set_exception(error)
        self._woken_by = failed
        self._loop.call_soon(self._resume, context=self.owner.neutral)

    def _wake(self, future: asyncio.Future[Any]) -> None:
        self._fut_waiter = None
        self._woken_by = future
        self._resume()

    def _resume(self) -> None:
        if not self.done():  # discarded in between
            self.owner.resume(self)


def _take_note(future: asyncio.Future[Any]) -> None:
    """See what came of ``future``, so that nobody is told that its failure went unseen."""
    if not future.cancelled():
        future.exception()


def _failure_of(future: asyncio.Future[Any]) -> BaseException | None:
    if future.cancelled():
        try:
            future.result()
        except asyncio.CancelledError as cancelled:
            return cancelled
    return future.exception()
