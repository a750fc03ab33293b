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
from typing import Any, Protocol

from ..storage.engine import ActorDatabase
from ..storage.errors import DatabaseFailed
from .channel import Outbound
from .clock import Clock, Timer
from .commit import AlarmIndex, Committer
from .errors import ActorAborted, ActorOverloaded, ActorReset, GateDeadlock
from .event_turn import ConstructorTurn, EventHandlers, EventTurn
from .events import (
    CallEvent,
    Delivered,
    FetchEvent,
    OnReply,
    SocketEvent,
)
from .execution import Execution
from .gates import InputGate
from .hibernated_socket import HibernatedSocket
from .ids import DurableObjectId
from .lifecycle import GONE, LifeStage, move
from .limits import ActorLimits
from .past import Past
from .rpc import encode_error
from .sessions import Sessions
from .targets import LocalTargets
from .task import ActorTask
from .told_errors import tell_of_error
from .watch import watch
from .websocket import WebSocket

log = logging.getLogger("perdure.actors")


class Handlers(EventHandlers, Protocol):
    """The user's object, as an actor calls it; the one place that knows handlers by name."""

    @property
    def class_name(self) -> str:
        """The name of the object's class."""
        ...

    @property
    def on_restart(self) -> str:
        """What the class wants done with its sockets when its process has gone."""
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

    def call(self, action: Callable[[], None]) -> None:
        """Hand an event over: now, or a little later when the stack is too deep."""
        ...

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
        self.stage = LifeStage.COLD
        self.handlers: Handlers | None = None
        self.targets = LocalTargets()
        self._failure: bytes | None = None
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
        if type(event) is CallEvent:
            event.route = turn
        if watch.tracer is not None:
            request = event.request if isinstance(event, FetchEvent) else None
            turn.trace = watch.tracer.event(self, turn, request)
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

    def adopt(self, socket: HibernatedSocket) -> None:
        """Have a socket again that an earlier process had; it becomes one when it is asked for."""
        self.sessions.revive = self._revive
        self.sessions.add(socket)

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
            tell_of_error(self, "constructor", turn.error)
            self.break_(turn.error, is_reset=False)  # there was no memory to lose
        elif self.stage is LifeStage.STARTING:  # it may have aborted itself
            self.stage = move(self.stage, LifeStage.LIVE)
            self.pump()

    def construct(self) -> None:
        self.handlers = self.context.copy().run(self._construct, self)

    @property
    def actor_id(self) -> DurableObjectId:
        return self.id

    @property
    def commit_s(self) -> float:
        return self.committer.took_s

    @property
    def on_restart(self) -> str:
        return super().on_restart if self.handlers is None else self.handlers.on_restart

    def describe(self) -> Mapping[str, str]:
        name = self.id.name or str(self.id)
        if self.handlers is None:  # it is being constructed
            return {"namespace": self.id.unique_key, "actor": name}
        return {"class": self.handlers.class_name, "actor": name}

    def call(self, action: Callable[[], None]) -> None:
        self.surroundings.call(action)

    @property
    def failure(self) -> bytes | None:
        return self._failure

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
        """Nothing is under way, nothing waits, nobody else has a capability of it, and no socket is
        held but such as can hibernate.
        """
        return not (
            self.tasks
            or self.replies_due
            or self.gate.held
            or self.gate is not self.root
            or self.committer.output.waiting
            or self.committer.is_dirty()
            or self.turn is not None
            or self.targets
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
        failure = self._failure = encode_error(error)
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


def _mark_as_reset(error: BaseException) -> None:
    if not getattr(error, "durable_object_reset", False):
        try:
            error.durable_object_reset = True  # type: ignore[attr-defined]  # a flag callers read
        except AttributeError:  # a class with __slots__: told by the message alone
            return
