"""One event of an actor as a turn, from its handler's first step to its reply.

*Rules for editing*: a reply that tells of the actor's state goes through ``emit``.
"""

import asyncio
import contextvars
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from .errors import ActorAborted, ActorError
from .events import AlarmEvent, CallEvent, Event, FetchEvent, OnReply
from .execution import is_coroutine, wait_for_it
from .gates import InputGate
from .ids import DurableObjectId
from .rpc import encode_error, is_fatal
from .scope import SCOPE, Scope
from .task import ActorTask
from .told_errors import tell_of_error
from .watch import EventTrace


class EventHandlers(Protocol):
    """The user's object, as events call it."""

    def handle(self, event: Event) -> Any:
        """Call the handler of ``event``; a coroutine is driven by the actor."""
        ...

    def answer(self, event: Event, result: Any) -> Any:
        """The reply that ``result`` of that handler makes; raises when it makes none."""
        ...


class TurningActor(Protocol):
    """What the turns of events ask of their actor.

    Attributes:
        waiting: Events that have not had their first turn.
        replies_due: Those that have no reply yet.
    """

    root: InputGate
    context: contextvars.Context
    waiting: int

    @property
    def handlers(self) -> EventHandlers | None: ...

    @property
    def replies_due(self) -> "set[EventTurn]": ...

    @property
    def actor_id(self) -> DurableObjectId: ...

    @property
    def commit_s(self) -> float: ...

    def construct(self) -> None: ...

    def emit(self, action: Callable[..., None], *arguments: object) -> None: ...

    def begin(
        self,
        coro: Any,
        gate: InputGate,
        on_done: Callable[[ActorTask], None],
        context: contextvars.Context,
    ) -> ActorTask: ...


class ConstructorTurn:
    """The first turn of an actor: its class's ``__init__``."""

    __slots__ = ("actor", "error", "gate", "since_s")
    handler = "__init__"

    def __init__(self, actor: TurningActor) -> None:
        self.actor = actor
        self.gate = actor.root
        self.since_s = 0.0
        self.error: Exception | None = None

    def step(self) -> None:
        try:
            self.actor.construct()
        except Exception as error:
            self.error = error
        except ActorAborted:
            return


KIND_OF = {FetchEvent: "fetch", CallEvent: "call", AlarmEvent: "alarm"}


class EventTurn(Scope):
    """One event: the first turn of its handler, and its reply."""

    __slots__ = (
        "_event",
        "_on_reply",
        "actor",
        "gate",
        "is_given_up",
        "since_s",
        "trace",
    )

    def __init__(self, actor: TurningActor, event: Event, on_reply: OnReply) -> None:
        self._held = None
        self.is_over = False
        self.is_given_up = False
        self.actor = actor
        self.gate = actor.root
        self.since_s = 0.0
        self.trace: EventTrace | None = None
        self._event = event
        self._on_reply = on_reply

    def step(self) -> None:
        actor = self.actor
        actor.waiting -= 1
        if self.is_given_up:  # nobody waits for it, and nothing of it has happened
            self.reply(None, encode_error(ActorError("the call was given up")))
            return
        context = actor.context.copy()
        if self.trace is not None:
            self.trace.begin(context)
        try:
            result = context.run(self._begin)
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

    def _begin(self) -> Any:
        SCOPE.set(self)
        return self._handle()

    def _handle(self) -> Any:
        """Call what handles the event, and give what it gives."""
        handlers = self.actor.handlers
        assert handlers is not None, "an event is taken up after the constructor has returned"
        return handlers.handle(self._event)

    def _answer(self, result: Any) -> Any:
        """The reply that ``result`` makes."""
        handlers = self.actor.handlers
        assert handlers is not None, "it has handled this event"
        return handlers.answer(self._event, result)

    # For whoever has sent it.

    def pipeline(self, event: CallEvent, on_reply: OnReply, otherwise: Callable[[], None]) -> bool:
        """Nothing is gained by sending it before there is an answer: all is in one process."""
        del event, on_reply, otherwise
        return False

    def give_up(self) -> None:
        """Nobody waits for the reply. What has begun goes on to its end."""
        self.is_given_up = True

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
        try:
            answer = self._answer(result)
        except Exception as error:
            self.fail(error)
            return
        if self._held is not None:
            self.end()
        self.is_over = True
        if self.trace is not None:
            self.trace.end(None, answer)
        actor.emit(partial(self.reply, answer, None))
        if self.trace is not None and self in actor.replies_due:
            self.trace.hold()

    def fail(self, error: BaseException) -> None:
        """The handler raised. What it wrote stands; its caller gets the error."""
        actor = self.actor
        if self not in actor.replies_due:
            return
        if self._held is not None:
            self.end()
        self.is_over = True
        tell_of_error(actor, KIND_OF[type(self._event)], error, self.handler)
        if self.trace is not None:
            self.trace.end(error, None)
        failure = encode_error(error, is_handlers=True)
        actor.emit(partial(self.reply, None, failure))
        if self.trace is not None and self in actor.replies_due:
            self.trace.hold()

    def reply(self, answer: Any, failure: bytes | None) -> None:
        self.actor.replies_due.discard(self)
        event = self._event
        if type(event) is CallEvent:
            event.route = None  # they refer to each other: memory is free now, not when gc looks
        if self.trace is not None:
            self.trace.left(self.actor.commit_s)
        self._on_reply(answer, failure)
