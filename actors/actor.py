"""One actor: its instance, its turns, its replies, and what happens when it breaks.

Promise:
    Every event delivered gets exactly one reply. An actor that breaks sends nothing any more,
    runs no further turn, and is forgotten by its host before anything else happens, so the next
    event starts a successor from what is durable.
Assumes:
    One thread. The host keeps one Actor for each id.
Rules for editing this file:
    A reply that tells of the actor's state goes through ``emit``; only the news that the actor
    is gone goes past it.
"""

import asyncio
import contextvars
import logging
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, Protocol

from ..storage.engine import ActorDatabase
from ..storage.errors import DatabaseFailed
from .channel import Outbound
from .clock import Clock, Timer
from .commit import AlarmIndex, Committer
from .errors import ActorAborted, ActorOverloaded, ActorReset, GateDeadlock
from .events import CallEvent, Delivered, Event, FetchEvent, OnReply, SocketEvent
from .execution import Execution, is_coroutine, wait_for_it
from .gates import InputGate
from .hibernated_socket import HibernatedSocket
from .ids import DurableObjectId
from .lifecycle import GONE, LifeStage, move
from .limits import ActorLimits
from .past import Past
from .rpc import encode_error, is_fatal
from .sessions import Sessions
from .task import ActorTask
from .websocket import WebSocket

log = logging.getLogger("perdure.actors")


class Handlers(Protocol):
    """The user's object, as an actor calls it; the one place that knows handlers by name."""

    @property
    def class_name(self) -> str:
        """The name of the object's class."""
        ...

    def handle(self, event: Event) -> Any:
        """Call the handler of ``event``; a coroutine is driven by the actor."""
        ...

    def answer(self, event: Event, result: Any) -> Any:
        """The reply that ``result`` of that handler makes; raises when it makes none."""
        ...

    def message(self, socket: Any, message: str | bytes) -> Any: ...

    def close(self, socket: Any, code: int, reason: str, was_clean: bool) -> Any: ...  # noqa: FBT001  # as users write it

    def error(self, socket: Any, error: BaseException) -> Any: ...


class Surroundings(Protocol):
    """What an actor is given by the process it lives in."""

    loop: asyncio.AbstractEventLoop
    outbound: Outbound
    clock: Clock
    limits: ActorLimits
    alarms: AlarmIndex
    past: Past

    def gone(self, actor: "Actor") -> None:
        """``actor`` takes no more events; its successor is made for the next one."""
        ...

    def quarantine(self, actor: "Actor", failure: DatabaseFailed) -> Exception:
        """The file of ``actor`` is damaged: start no successor; return what its callers get."""
        ...

    def waker(self, actor: "Actor") -> Callable[[HibernatedSocket], None]:
        """What wakes ``actor``, once it has left memory, for one of its sockets."""
        ...


class Actor(Execution):
    """One Durable Object in memory.

    Attributes:
        id: Whose actor this is.
        instance: The user's object; None until its constructor has returned.
        sessions: Its WebSockets, the one map of them.
    """

    def __init__(
        self,
        actor_id: DurableObjectId,
        construct: "Callable[[Actor], Handlers]",
        database: ActorDatabase,
        surroundings: Surroundings,
        sessions: "Sessions[Any] | None" = None,
    ) -> None:
        """Make an actor; ``sessions`` are those that its predecessor left behind."""
        super().__init__(
            surroundings.loop,
            surroundings.outbound,
            surroundings.limits,
            surroundings.clock.monotonic,
        )
        if sessions is not None:
            self.sessions = sessions
            sessions.revive = self._revive
        self.id = actor_id
        self.database = database
        self.surroundings = surroundings
        self.limits = surroundings.limits
        self.stage = LifeStage.COLD
        self.handlers: Handlers | None = None
        self.waiting = 0
        self.replies_due: set[EventTurn] = set()
        self.committer = Committer(
            actor_id, database, surroundings.alarms, self.loop, self.neutral, self.break_
        )
        self._construct = construct

    # Events in.

    def deliver(self, event: Delivered, on_reply: OnReply) -> None:
        """Take in ``event``; ``on_reply`` is called once, maybe at once."""
        if isinstance(event, SocketEvent):
            self._wake_socket(event.session_id)
            on_reply(None, None)
            return
        if self.waiting >= self.limits.mailbox_events_max:
            on_reply(None, encode_error(ActorOverloaded(self.waiting)))
            return
        turn = EventTurn(self, event, on_reply)
        self.replies_due.add(turn)
        self.waiting += 1
        if self.stage is LifeStage.COLD:
            self._start()
            if self.stage in GONE:
                return
        self.resume(turn)

    def _wake_socket(self, session_id: str) -> None:
        """Let a socket hear what it has heard while nobody was there."""
        if self.stage is LifeStage.COLD:
            self._start()
        if self.stage not in GONE:
            self.sessions.wake_if_asleep(session_id)

    def _revive(self, kept: HibernatedSocket) -> WebSocket:
        socket = WebSocket.unaccepted()
        socket.revive(kept, self, self.handlers or _HandlersToBe(self))
        return socket

    def _start(self) -> None:
        """Run the constructor. If it raises, every event that waits fails with its error."""
        self.stage = move(self.stage, LifeStage.STARTING)
        turn = ConstructorTurn(self)
        self._take(turn)
        if turn.error is not None:
            self.break_(turn.error, is_reset=False)  # there was no memory to lose
        elif self.stage is LifeStage.STARTING:  # it may have aborted itself
            self.stage = move(self.stage, LifeStage.LIVE)
            self.pump()

    def construct(self) -> None:
        self.handlers = self.context.copy().run(self._construct, self)

    def describe(self) -> Mapping[str, str]:
        name = self.id.name or str(self.id)
        if self.handlers is None:  # it is being constructed
            return {"namespace": self.id.unique_key, "actor": name}
        return {"class": self.handlers.class_name, "actor": name}

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        return self.surroundings.clock.call_later(delay_s, callback)

    # Output.

    def let_out(self, action: Callable[..., None], *arguments: object) -> None:
        self.committer.output.emit(action, *arguments)

    def check_may_call_out(self) -> None:
        database = self.database
        if database.is_explicit and database.has_writes and not database.is_unconfirmed:
            raise GateDeadlock(
                "a call out of a transaction that has written something would wait for the "
                "transaction's own commit; make the call before the first write, or after the "
                "transaction"
            )

    def after_turn(self) -> None:
        if self.sessions.unsent:
            self.sessions.flush(self.committer.output.emit)
        if self.is_over:  # broken by this very turn, which has gone on until here
            self._discard_turns()
        elif self.database.failure is not None:  # even if the handler has caught the error
            self.break_(self.database.failure)

    # The end.

    @property
    def is_idle(self) -> bool:
        """Nothing is under way, nothing waits, and no socket is held but such as can hibernate."""
        return not (
            self.tasks
            or self.replies_due
            or self.gate.held
            or self.gate is not self.root
            or self.committer.output.waiting
            or self.committer.is_dirty()
            or self.turn is not None
        ) and (not self.sessions or self.sessions.can_hibernate)

    def evict(self) -> None:
        """Leave memory in good order. Only for an idle actor."""
        assert self.is_idle, "only an idle actor leaves memory"
        self.stage = move(self.stage, LifeStage.EVICTED)
        self.is_over = True
        if self.sessions:
            self.sessions.hibernate(self.surroundings.waker(self))
        self.surroundings.gone(self)
        self.database.close()
        self._come_apart()

    def _come_apart(self) -> None:
        """Let go of what leads back here, so that memory is free now and not when gc looks.

        Thousands of actors leave at a time, and an idle process runs no collection.
        """
        self.handlers = None
        self.context = contextvars.Context()
        self.committer.come_apart()

    def abort(self, reason: str | None) -> None:
        """``ctx.abort``: lose memory and what is not durable. Does not return into user code."""
        self.break_(ActorReset(reason or "Application called abort() to reset Durable Object."))
        raise ActorAborted(reason or "the actor was aborted")

    def break_(self, error: BaseException, *, is_reset: bool = True) -> None:
        """Stop for good: nothing leaves any more, every waiting caller gets ``error``."""
        if self.stage in GONE:
            return
        self.stage = move(self.stage, LifeStage.BROKEN)
        self.is_over = True
        self.surroundings.gone(self)
        if isinstance(error, DatabaseFailed) and error.is_damage:
            error = self.surroundings.quarantine(self, error)
        self.committer.output.break_()
        if is_reset:
            _mark_as_reset(error)
            log.error("actor.reset", extra={"actor": str(self.id), "cause": str(error)})
        failure = encode_error(error)
        self.database.close()
        for turn in list(self.replies_due):
            turn.reply(None, failure)
        self.sessions.sever("Durable Object connection closed because the object was reset.")
        self._discard_turns()

    def _discard_turns(self) -> None:
        gate: Any = self.gate
        while gate is not None:
            gate.held.clear()
            gate.sections.clear()
            gate = gate.parent
        self.discard_tasks()

    def start(
        self,
        coro: Coroutine[Any, Any, Any],
        gate: InputGate,
        on_done: Callable[[ActorTask], None] | None = None,
        context: contextvars.Context | None = None,
    ) -> ActorTask:
        task = super().start(coro, gate, on_done, context)
        if self.stage in GONE:  # code that is being discarded makes a last task
            task.discard()
        return task


class _HandlersToBe:
    """The handlers of an actor whose constructor looks at its sockets before it has returned."""

    __slots__ = ("_actor",)

    def __init__(self, actor: Actor) -> None:
        self._actor = actor

    def _handlers(self) -> Handlers:
        handlers = self._actor.handlers
        assert handlers is not None, "events wait until the constructor has returned"
        return handlers

    def message(self, socket: Any, message: str | bytes) -> Any:
        return self._handlers().message(socket, message)

    def close(self, socket: Any, code: int, reason: str, was_clean: bool) -> Any:  # noqa: FBT001  # as users write it
        return self._handlers().close(socket, code, reason, was_clean)

    def error(self, socket: Any, error: BaseException) -> Any:
        return self._handlers().error(socket, error)


class ConstructorTurn:
    """The first turn of an actor: its class's ``__init__``."""

    __slots__ = ("actor", "error", "gate")
    handler = "__init__"

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.gate = actor.root
        self.error: Exception | None = None

    def step(self) -> None:
        try:
            self.actor.construct()
        except Exception as error:
            self.error = error
        except ActorAborted:
            return


class EventTurn:
    """One event: the first turn of its handler, and its reply."""

    __slots__ = ("_event", "_on_reply", "actor", "gate")

    def __init__(self, actor: Actor, event: Event, on_reply: OnReply) -> None:
        self.actor = actor
        self.gate = actor.root
        self._event = event
        self._on_reply = on_reply

    def step(self) -> None:
        actor = self.actor
        actor.waiting -= 1
        handlers = actor.handlers
        assert handlers is not None, "an event is taken up after the constructor has returned"
        context = actor.context.copy()
        try:
            result = context.run(handlers.handle, self._event)
        except BaseException as error:
            self.fail(error)
            if is_fatal(error):
                raise
            return
        if is_coroutine(result):
            self._follow(result, context)
        elif hasattr(type(result), "__await__"):
            self._follow(wait_for_it(result), context)
        else:
            self.finish(result)

    @property
    def handler(self) -> str:
        event = self._event
        if isinstance(event, CallEvent):
            return event.method
        return "fetch" if isinstance(event, FetchEvent) else "alarm"

    def _follow(self, coro: Any, context: contextvars.Context) -> None:
        self.actor.begin(coro, self.gate, self._on_task_done, context)

    def _on_task_done(self, task: ActorTask) -> None:
        if task.cancelled():
            self.fail(asyncio.CancelledError("the handler was cancelled"))
        elif (error := task.exception()) is not None:
            self.fail(error)
        else:
            self.finish(task.result())

    def finish(self, result: Any) -> None:
        """The handler returned: reply, when everything it may tell of is durable."""
        actor = self.actor
        if self not in actor.replies_due:  # broken meanwhile; its caller knows
            return
        handlers = actor.handlers
        assert handlers is not None, "it has handled this event"
        try:
            answer = handlers.answer(self._event, result)
        except Exception as error:
            self.fail(error)
            return
        actor.emit(partial(self.reply, answer, None))

    def fail(self, error: BaseException) -> None:
        """The handler raised. What it wrote stands; its caller gets the error."""
        if self in self.actor.replies_due:
            failure = encode_error(error, is_handlers=True)
            self.actor.emit(partial(self.reply, None, failure))

    def reply(self, answer: Any, failure: bytes | None) -> None:
        self.actor.replies_due.discard(self)
        self._on_reply(answer, failure)


def _mark_as_reset(error: BaseException) -> None:
    if not getattr(error, "durable_object_reset", False):
        try:
            error.durable_object_reset = True  # type: ignore[attr-defined]  # a flag callers read
        except AttributeError:  # a class with __slots__: told by the message alone
            return
