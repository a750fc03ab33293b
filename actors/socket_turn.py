"""One event of a WebSocket, as a turn of its owner."""

import contextvars
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .errors import ActorAborted
from .execution import Execution, is_coroutine
from .gates import InputGate
from .session import (
    INTERNAL_ERROR,
    LOST,
    NO_CODE,
    OVER,
    CloseFrame,
    Heard,
    Lost,
    Receipted,
    SocketState,
    echo_of,
    move,
)
from .socket_events import (
    CloseEvent,
    ErrorEvent,
    EventName,
    Listener,
    OpenEvent,
    SocketEvent,
    message_event,
)
from .socket_iterator import SocketIterator
from .task import ActorTask
from .told_errors import tell_of_error

log = logging.getLogger("perdure.actors")

OPEN = SocketState.OPEN
_MESSAGE = (str, bytes)  # made once: what a turn asks for first, each time
# Messages kept for a listener that is not there yet; later ones are dropped, with a warning.
UNHEARD_MESSAGES_MAX = 1024
NOT_CONNECTED_REASON = "Failed to establish websocket connection"  # workerd's text


@dataclass(frozen=True, slots=True)
class Kept:
    """No frame: somebody listens now to the messages that were kept."""


@dataclass(frozen=True, slots=True)
class Dispatched:
    """An event that the peer has not said: of user code's making."""

    event: SocketEvent


@dataclass(frozen=True, slots=True)
class NotConnected:
    """A connection to another server could not be made."""

    error: Exception


SocketInput = Heard | Kept | OpenEvent | Dispatched | NotConnected


class SocketHandlers(Protocol):
    """A class's own handlers, for sockets taken with ``ctx.accept_web_socket``."""

    def message(self, socket: Any, message: str | bytes) -> Any: ...

    def close(self, socket: Any, code: int, reason: str, was_clean: bool) -> Any: ...  # noqa: FBT001  # as users write it

    def error(self, socket: Any, error: BaseException) -> Any: ...


class HearingSocket(Protocol):
    """What a turn asks of the socket whose event it is."""

    state: SocketState
    handlers: SocketHandlers | None
    unheard: Any
    dropped: int
    waiting: int
    is_paused: bool
    is_half_open: bool
    id: str
    gate: InputGate
    iterator: SocketIterator | None
    hearing: tuple[Listener, ...] | None

    def listeners(self, name: EventName) -> list[Listener]: ...
    def message_listeners(self) -> Sequence[Listener]: ...
    def resume_if_few_wait(self) -> None: ...
    def iterate(self, message: str | bytes | Receipted, *, is_heard: bool) -> bool: ...
    def follow_kept(self, receipt: Receipted) -> bool: ...
    def reply_close(self, frame: CloseFrame) -> None: ...
    def sever(self, code: int, reason: str) -> None: ...


class SocketTurn:
    """Tells listeners, or the class's handlers, of one frame."""

    __slots__ = ("_frame", "_owner", "_socket", "gate", "since_s")

    def __init__(self, socket: HearingSocket, owner: Execution, frame: SocketInput) -> None:
        self.since_s = 0.0
        self._socket = socket
        self._owner = owner
        self._frame = frame
        self.gate = socket.gate

    @property
    def handler(self) -> str:
        frame = self._frame
        kind = "message" if isinstance(frame, str | bytes | Kept) else "close"
        if isinstance(frame, OpenEvent):
            kind = "open"
        return f"{kind} listener" if self._socket.handlers is None else f"web_socket_{kind}"

    @property
    def _kind(self) -> str:
        """For who counts errors."""
        if self._socket.handlers is None:
            return "listener"
        return "message" if isinstance(self._frame, str | bytes) else "close"

    def step(self) -> None:
        socket = self._socket
        socket.waiting -= 1
        if socket.is_paused:
            socket.resume_if_few_wait()
        frame = self._frame
        if isinstance(frame, _MESSAGE):
            if socket.state is OPEN or socket.state not in OVER:
                hearing = socket.hearing
                if socket.handlers is not None:
                    self._call(socket.handlers.message, socket, frame)
                elif hearing and len(hearing) == 1 and not socket.unheard and not socket.iterator:
                    self._call(hearing[0], message_event(frame))  # as _tell does
                elif socket.unheard or not self._tell(frame):
                    self._keep_unheard(frame)
        elif isinstance(frame, Kept):
            self._hear_kept()
        elif isinstance(frame, Dispatched):
            self._dispatch(frame.event)
        elif socket.state in OVER:
            return
        elif isinstance(frame, CloseFrame):
            self._closed_by_peer(frame)
        elif isinstance(frame, Lost):
            self._lost(frame)
        elif isinstance(frame, OpenEvent):
            if socket.state is OPEN:  # else it was closed before it opened
                self._dispatch(frame)
        elif isinstance(frame, NotConnected):
            self._not_connected(frame.error)

    def _tell(self, message: str | bytes) -> bool:
        """Whether anybody was there to hear ``message``."""
        socket = self._socket
        listeners = socket.message_listeners()
        for listener in listeners:
            self._call(listener, message_event(message))
        if socket.iterator is None:
            return bool(listeners)
        self._iterate(message, is_heard=bool(listeners))
        return True

    def _iterate(self, message: str | bytes, *, is_heard: bool) -> None:
        self._socket.iterate(message, is_heard=is_heard)

    def _hear_kept(self) -> None:
        unheard = self._socket.unheard
        while unheard:
            kept = unheard.popleft()
            follows = isinstance(kept, Receipted)
            if not (self._socket.follow_kept(kept) if follows else self._tell(kept)):
                unheard.appendleft(kept)
                return

    def _keep_unheard(self, message: str | bytes) -> None:
        socket = self._socket
        if len(socket.unheard) < UNHEARD_MESSAGES_MAX:
            socket.unheard.append(message)
            return
        socket.dropped += 1
        if socket.dropped == 1:  # once for each socket: a chatty client must not fill the log
            why = "nobody listens to this WebSocket"
            log.warning("socket.message_dropped", extra={"socket": socket.id, "why": why})

    def _dispatch(self, event: SocketEvent) -> None:
        for listener in self._socket.listeners(event.type):
            self._call(listener, event)

    def _not_connected(self, error: Exception) -> None:
        socket = self._socket
        socket.state = move(socket.state, SocketState.CLOSED)
        self._tell_error(str(error), error)
        self._tell_close(CloseEvent(LOST, NOT_CONNECTED_REASON, was_clean=False))

    def _closed_by_peer(self, frame: CloseFrame) -> None:
        socket = self._socket
        code = NO_CODE if frame.code is None else frame.code
        event = CloseEvent(code, frame.reason, was_clean=True)
        if socket.state is SocketState.OPEN and socket.is_half_open:
            socket.state = move(socket.state, SocketState.HALF_CLOSED)
            self._tell_close(event)
            return
        if socket.state is SocketState.OPEN:
            socket.reply_close(echo_of(frame))
        self._end(event)

    def _lost(self, lost: Lost) -> None:
        """A peer that vanished is closed with 1006; one that broke the protocol is an error too."""
        if lost.code != LOST:
            self._tell_error(lost.reason, ConnectionError(lost.reason))
        if self._socket.state not in OVER:  # else by an error listener that raised
            self._end(CloseEvent(lost.code, lost.reason, was_clean=False))

    def _tell_error(self, message: str, error: Exception) -> None:
        socket = self._socket
        if socket.handlers is not None:
            self._call(socket.handlers.error, socket, error)
        for listener in socket.listeners("error"):
            self._call(listener, ErrorEvent(message, error))

    def _end(self, event: CloseEvent) -> None:
        socket = self._socket
        # A class's handler may send to all sockets that it finds, this one among them.
        over = SocketState.CLOSED if socket.handlers is None else SocketState.ENDING
        socket.state = move(socket.state, over)
        self._tell_close(event)

    def _tell_close(self, event: CloseEvent) -> None:
        """The last that listeners hear; the session is over then."""
        socket = self._socket
        if socket.handlers is not None:
            self._call(socket.handlers.close, socket, event.code, event.reason, event.was_clean)
        else:
            for listener in socket.listeners("close"):
                self._call(listener, event)
        if socket.iterator is not None:
            socket.iterator.end()
        if socket.state is SocketState.ENDING:
            socket.state = move(socket.state, SocketState.CLOSED)
        self._owner.sessions.remove(socket)

    def _call(self, function: Any, *arguments: Any) -> None:
        """Call one listener in this turn; if it is a coroutine it goes on as a task."""
        owner = self._owner
        context = owner.context.copy()
        try:
            result = context.run(function, *arguments)
        except (Exception, ActorAborted) as error:
            self._failed(error)
            return
        if result is not None and is_coroutine(result):
            task = self._begin(result, context)
            timeout_ms = owner.sessions.event_timeout_ms
            if timeout_ms is not None and self._socket.handlers is not None and not task.done():
                self._limit(task, timeout_ms)

    def _begin(self, handler: Coroutine[Any, Any, Any], context: contextvars.Context) -> ActorTask:
        return self._owner.begin(handler, self.gate, self._on_task_done, context)

    def _limit(self, task: ActorTask, timeout_ms: int) -> None:
        """Cancel a handler of the class that takes longer."""

        def end() -> None:
            extra = {"socket": self._socket.id, "timeout_ms": timeout_ms}
            log.error("socket.handler_timed_out", extra=extra)
            task.cancel("the handler took longer than the event timeout")

        timer = self._owner.call_later(timeout_ms / 1000, end)
        task.add_done_callback(lambda _: timer.cancel(), context=self._owner.neutral)

    def _on_task_done(self, task: ActorTask) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        """A class's handler: logged, and the socket lives. A listener: the connection ends.

        Its error and close listeners hear of it: who keeps a map of sockets takes it out there.
        """
        socket = self._socket
        if not isinstance(error, Exception):
            return  # ctx.abort() has ended the actor, and this handler with it
        log.error("socket.handler_raised", extra={"socket": socket.id}, exc_info=error)
        tell_of_error(self._owner, self._kind, error, self.handler)
        if socket.handlers is not None or socket.state in OVER:
            return
        reason = "a listener of this WebSocket raised"
        socket.sever(INTERNAL_ERROR, reason)
        self._tell_error(f"Uncaught {type(error).__name__}: {error}", error)
        self._tell_close(CloseEvent(INTERNAL_ERROR, reason, was_clean=False))
