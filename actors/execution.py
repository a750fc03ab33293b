"""Where user code runs: an actor, or a Worker's entrypoint. One turn at a time, never two.

Promise:
    No two turns of one execution are ever on the stack together, however events arrive: a turn
    that is due while another runs waits at its gate and is taken up right after it.
Assumes:
    One thread and one loop.
Rules for editing this file:
    ``_take`` is the only caller of ``Turn.step``, and ``resume``, which is the same once more
    without a call. What happens after each turn belongs into ``after_turn`` of the subclass; it is
    not counted as the turn's time.
"""

import asyncio
import contextvars
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from types import CoroutineType
from typing import Any, Protocol

from .channel import Outbound
from .clock import Timer
from .counters import counters
from .errors import NotInHandler, WrongThread
from .gates import InputGate, Turn
from .ids import DurableObjectId
from .limits import ActorLimits
from .link import REPLAY
from .sessions import Sessions
from .slow_turns import SLOW_TURNS
from .task import ActorTask
from .told_errors import tell_of_error

log = logging.getLogger("perdure.actors")

CURRENT: contextvars.ContextVar["Execution | None"] = contextvars.ContextVar(
    "perdure_execution", default=None
)

# So many turns in a row, then the loop gets a chance to read sockets and fire timers.
TURNS_PER_PUMP_MAX = 128
DEFAULT_LIMITS = ActorLimits()


class Targets(Protocol):
    """What of one execution others can call without a name. ``targets.LocalTargets`` is one."""

    def __len__(self) -> int: ...

    def export(self, execution: "Execution", target: object) -> Any:
        """The capability that leads to ``target``: the same one while anybody has it."""
        ...


class Execution:
    """Runs user code turn by turn.

    Attributes:
        root: The gate of events from outside.
        gate: The innermost gate; only its turns run.
        turn: The turn on the stack, or None.
        ran_s: When the last turn ended, on the clock it was given.
        is_over: No turn is taken any more.
        tasks: Tasks under way, suspended ones included.
        sessions: WebSockets accepted here.
        socket_messages_waiting_max: Of one WebSocket, before its peer is read no further.
        attachment_size_bytes_max: Of one WebSocket, encoded.
        outbound: What the code reaches the outside through.
        waiting: Events that have not had their first turn.
        replies_due: Those that have no reply yet.
        targets: What of it others can call without a name; None where nothing can.
        limits: What it may have.
        exports: What its code has as ``ctx.exports``.
        sandboxes: Where sandboxes of its program are found; None where nothing starts any.
    """

    targets: Targets | None = None
    exports: Any = None
    sandboxes: Any = None

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        outbound: Outbound,
        limits: ActorLimits = DEFAULT_LIMITS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.loop = loop
        self._monotonic = monotonic
        self._slow_turn_s = limits.slow_turn_ms / 1000
        self.outbound = outbound
        self.limits = limits
        self.waiting = 0
        self.replies_due: set[Any] = set()
        self.root = InputGate()
        self.gate = self.root
        self.turn: Turn | None = None
        self.ran_s = 0.0
        self.is_over = False
        self.tasks: set[ActorTask] = set()
        self.sessions: Sessions[Any] = Sessions()
        self.socket_messages_waiting_max = limits.socket_messages_waiting_max
        self.attachment_size_bytes_max = limits.websocket_attachment_size_bytes_max
        self.thread = threading.get_ident()
        self._pump_is_due = False
        # Empty, not a copy: an actor is often started from another actor's turn, and must not
        # see that one's variables.
        self.context = contextvars.Context()
        self.context.run(CURRENT.set, self)
        self.neutral = contextvars.Context()

    # For subclasses.

    @property
    def actor_id(self) -> DurableObjectId | None:
        """Whose code runs here; None for a Worker."""
        return None

    @property
    def commit_s(self) -> float:
        """How long the last commit here took to be durable; 0 where nothing is committed."""
        return 0.0

    @property
    def on_restart(self) -> str:
        """What becomes of its sockets when its process has gone: a Worker's are had again."""
        return REPLAY

    def describe(self) -> Mapping[str, str]:
        """Whose code runs here, as fields of a log record."""
        return {}

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Call back outside of any turn, no sooner than ``delay_s`` from now."""
        return self.loop.call_later(delay_s, callback, context=self.neutral)

    def after_turn(self) -> None:
        """Called when a turn has ended, before the next is taken up."""
        if self.sessions.unsent:
            self.sessions.flush(self.let_out)

    def let_out(self, action: Callable[..., None], *arguments: object) -> None:
        """Do what the outside will see: now, or as soon as it may be seen."""
        action(*arguments)

    def emit(self, action: Callable[..., None], *arguments: object) -> None:
        """Let ``action(*arguments)`` out, behind everything that was emitted or sent before it."""
        if self.sessions.unsent:
            self.sessions.flush(self.let_out)
        self.let_out(action, *arguments)

    def call(self, action: Callable[[], None]) -> None:
        """Hand an event over: now, or a little later when the stack is too deep."""
        action()

    @property
    def failure(self) -> bytes | None:
        """What whoever calls it gets once it is over, as it travels."""
        return None

    def check_may_call_out(self) -> None:
        """Raise when what leaves now could only wait for its own caller."""

    # Turns.

    def resume(self, turn: Turn) -> None:
        """Take ``turn`` now if the gate is open and nothing runs or waits; else hold it.

        Once the execution is over, it is dropped.
        """
        if self.is_over:
            return
        gate = turn.gate
        if gate.ended:
            gate = turn.gate = gate.current()
        if self.turn is None and gate is self.gate and not gate.held:
            self.turn = turn  # as _take does: this runs for nearly every event
            monotonic = self._monotonic
            told_s = SLOW_TURNS.told_s
            started = monotonic()
            try:
                turn.step()
            finally:
                self.turn = None
                self.ran_s = ended = monotonic()
                if (took_s := ended - started) > self._slow_turn_s:
                    SLOW_TURNS.ended(turn, took_s, told_s, self._slow_turn_s, self.describe)
                self.after_turn()
            if self.gate.held:
                self.pump()
        else:
            turn.since_s = self._monotonic()
            gate.held.append(turn)

    def pump(self) -> None:
        """Take up turns that wait at the innermost gate."""
        if self.turn is not None:
            return
        for _ in range(TURNS_PER_PUMP_MAX):
            held = self.gate.held
            if not held:
                return
            turn = held.popleft()
            turn.gate = self.gate
            if turn.since_s:
                counters.input_waits.add(self._monotonic() - turn.since_s)
                turn.since_s = 0.0
            if not (isinstance(turn, ActorTask) and turn.done()):
                self._take(turn)
        if not self._pump_is_due:
            self._pump_is_due = True
            self.loop.call_soon(self._pump_again, context=self.neutral)

    def _pump_again(self) -> None:
        self._pump_is_due = False
        self.pump()

    def _take(self, turn: Turn) -> None:
        self.turn = turn
        monotonic = self._monotonic
        told_s = SLOW_TURNS.told_s
        started = monotonic()
        try:
            turn.step()
        finally:
            self.turn = None
            self.ran_s = ended = monotonic()
            if (took_s := ended - started) > self._slow_turn_s:
                SLOW_TURNS.ended(turn, took_s, told_s, self._slow_turn_s, self.describe)
            self.after_turn()

    def follow(self, task: ActorTask) -> None:
        """Give ``task`` its first turn as part of the turn on the stack."""
        if not task.done():  # of an actor that is gone
            self.turn = task
            task.step()

    # Tasks.

    def start(
        self,
        coro: Coroutine[Any, Any, Any],
        gate: InputGate,
        on_done: Callable[[ActorTask], None] | None = None,
        context: contextvars.Context | None = None,
    ) -> ActorTask:
        """A task for ``coro``; it has not taken its first turn yet."""
        task = ActorTask(coro, self, gate, context or self.context.copy(), on_done)
        self.tasks.add(task)
        return task

    def begin(
        self,
        coro: Coroutine[Any, Any, Any],
        gate: InputGate,
        on_done: Callable[[ActorTask], None],
        context: contextvars.Context,
    ) -> ActorTask:
        """Run ``coro`` within the turn on the stack; ``on_done`` hears of its end, maybe now."""
        if self.is_over:  # code that is being discarded
            task = self.start(coro, gate, on_done, context)
            self.follow(task)
            return task
        task = ActorTask(coro, self, gate, context, on_done)
        outer, self.turn = self.turn, task
        if task.begin():
            on_done(task)
        else:
            self.tasks.add(task)
        self.turn = outer
        return task

    def forget(self, task: ActorTask) -> None:
        self.tasks.discard(task)

    def discard_tasks(self) -> None:
        """End all tasks but the one on the stack; what their cleanup raises is logged."""
        for task in list(self.tasks):
            if task is not self.turn:
                try:
                    task.discard()
                except Exception as error:
                    log.warning("task.cleanup_raised", exc_info=error)

    def spawn(
        self, coro: Coroutine[Any, Any, Any], context: contextvars.Context | None = None
    ) -> ActorTask:
        """What ``asyncio.create_task`` gives inside a handler: first turn in the next iteration."""
        gate = self.turn.gate if self.turn is not None else self.root
        if context is None:
            context = contextvars.copy_context()
        if context.get(CURRENT) is not self:  # a context that user code made for the task
            context.run(CURRENT.set, self)
        task = self.start(coro, gate, None, context)
        task.start_later()
        return task

    def wait_until(self, awaitable: Awaitable[Any]) -> None:
        """Keep running until ``awaitable`` is done; its failure is logged, nobody waits for it."""
        self.spawn(wait_for_it(awaitable)).on_done = _log_failure

    @property
    def turns_held(self) -> int:
        """How many turns wait at its gates."""
        count = len(self.gate.held)
        outer = self.gate.parent
        while outer is not None:
            count += len(outer.held)
            outer = outer.parent
        return count

    @property
    def is_at_work(self) -> bool:
        """Handlers are under way, or what was given to ``wait_until``."""
        return any(task.is_at_work for task in self.tasks)

    @property
    def work_count(self) -> int:
        """How many of them."""
        return sum(task.is_at_work for task in self.tasks)


def is_coroutine(value: object) -> bool:
    """As ``asyncio.iscoroutine``, which takes a microsecond to say no."""
    return type(value) is CoroutineType or (value is not None and asyncio.iscoroutine(value))


async def wait_for_it(awaitable: Awaitable[Any]) -> Any:
    """A coroutine out of any awaitable."""
    return await awaitable


def _log_failure(task: ActorTask) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("wait_until.failed", exc_info=error)
        tell_of_error(task.owner, "wait_until", error)


def current_execution(what: str) -> Execution:
    """The actor or Worker whose code is running.

    Raises:
        NotInHandler: No handler is running; the message names ``what`` was tried.
        WrongThread: One is, and this is a thread that it has started.
    """
    execution = CURRENT.get()
    if execution is None:
        raise NotInHandler(f"{what} works only while a handler of a Worker or an actor is running")
    if execution.thread != threading.get_ident():
        raise WrongThread(what)
    return execution


def install_task_factory(loop: asyncio.AbstractEventLoop) -> None:
    """Have tasks that user code creates inside an actor stepped by that actor.

    A factory that is there already keeps making all other tasks. Calling this again changes
    nothing.
    """
    earlier = loop.get_task_factory()
    if getattr(earlier, "is_perdures", False):
        return

    def factory(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Future[Any]:
        execution = CURRENT.get()
        if execution is not None and execution.loop is loop:
            if not is_coroutine(coro) and hasattr(type(coro), "__await__"):
                coro = wait_for_it(coro)  # a call of another actor, as it was made
            task = execution.spawn(coro, options.pop("context", None))
            if (name := options.pop("name", None)) is not None:
                task.set_name(name)
            return task
        if earlier is not None:
            return earlier(loop, coro, **options)
        return asyncio.Task(coro, loop=loop, **options)

    factory.is_perdures = True  # type: ignore[attr-defined]  # how a second call knows the first
    loop.set_task_factory(factory)
