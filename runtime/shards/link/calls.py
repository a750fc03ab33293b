"""Events for actors of another process, requests for its entrypoint, and their answers.

``LinkCalls`` stands for the other process here: ``deliver`` is that of an ``ActorChannel``,
``fetch`` that of the ``Worker``. At the other end a ``LinkCalls`` gives what comes to the channel
and the entrypoint of its own process.

*Promise*: events arrive in the order in which they were handed over. ``on_reply`` is called once
for each, whatever becomes of the link; when that ends, with ``WorkerLost``, which says whether the
handler may have begun. What travels is what travels within one process: arguments, results and
failures as the bytes that stubs make and read anyway.

*Assumes*: alarms and what sockets have heard are never sent: they are told where the actor is.

*Rules for editing*: a call leaves ``_waiting`` before its ``on_reply`` is called. ``mark_begun``
comes before whatever may run user code.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from ....actors.channel import ActorChannel
from ....actors.events import CallEvent, Delivered, FetchEvent, OnReply
from ....actors.http import Request
from ....actors.http_errors import BodyTooLate
from ....actors.ids import DurableObjectId
from ....actors.parcel import Parcel
from ....actors.rpc import decode_shown, encode_error
from ....actors.watch import watch
from ....storage.errors import ValueCorrupt
from ...host.worker import OnResponse
from ...observe.tracers import tracers
from .answers import Waiting
from .errors import LinkBroken, LinkEnded, LinkOverloaded, WorkerLost
from .framing import Frame
from .kinds import (
    ANSWERED,
    CALL,
    FAILURE,
    FETCH,
    FINISH,
    GIVE_UP,
    ON_ANSWER,
    ON_TARGET,
    REPLY,
    RESPONSE,
    TRACE,
)
from .link import Link
from .messages import (
    SocketPassing,
    read_response,
    write_request,
)
from .parcels import Named, Parcels
from .received_calls import Entrypoint, ReceivedCalls
from .streams import IncomingBody, Streams, rebuilt

log = logging.getLogger("perdure.link")

# More than this waits for a process that does not read: it gets no more calls. Twice the largest
# message, so that one of those does not shut out whatever comes after it.
UNSENT_SIZE_BYTES_MAX = 128 * 2**20


@dataclass(frozen=True, slots=True)
class CallStatistics:
    """What has been asked over a link.

    Attributes:
        sent: Calls and requests sent to the other process.
        waiting: How many of them have no answer yet.
        received: Calls and requests that came from it.
        under_way: How many of them are not answered yet.
    """

    sent: int
    waiting: int
    received: int
    under_way: int


class LinkCalls:
    """Calls to and from the process at the other end of a link. Is an ``ActorChannel``.

    Args:
        link: The link.
        streams: Of the same link.
        sockets: What becomes of WebSockets that responses carry.
        actors: Who gets the events that come; None where there are no actors.
        entrypoint: Who gets the requests that are for no actor; None likewise.
        named: Finds what stubs lead to that have come; None where none come.
    """

    def __init__(
        self,
        link: Link,
        streams: Streams,
        sockets: SocketPassing,
        *,
        actors: ActorChannel | None = None,
        entrypoint: Entrypoint | None = None,
        named: Named | None = None,
    ) -> None:
        self._link = link
        self._streams = streams
        self._sockets = sockets
        self._waiting: dict[int, Waiting] = {}
        self._parcels = Parcels(link, streams, sockets, self, named)
        self._received = ReceivedCalls(link, streams, sockets, self._parcels, actors, entrypoint)
        self._sent_count = 0
        link.handle(REPLY, self._on_reply)
        link.handle(RESPONSE, self._on_response)
        link.handle(FAILURE, self._on_failure)
        if actors is not None:
            link.handle(ANSWERED, self._on_answered_before)
        link.when_ended(self._on_link_end)

    # To the other process.

    def deliver(self, actor_id: DurableObjectId, event: Delivered, on_reply: OnReply) -> None:
        """Send ``event`` to an actor of the other process; see ``ActorChannel``."""
        whose = [actor_id.unique_key, actor_id.raw, actor_id.name]
        if isinstance(event, CallEvent):
            self._call_event([CALL, 0, *whose, event.method], event, on_reply)
        else:
            assert isinstance(event, FetchEvent), "told where the actor is"
            self._call([FETCH, 0, *whose], event.request, Waiting(on_reply, is_fetch=True))

    def call_target(self, number: int, event: CallEvent, on_reply: OnReply) -> None:
        """Call something that the other process has sent."""
        self._call_event([ON_TARGET, 0, number, event.method], event, on_reply)

    def call_answer(
        self, number: int, event: CallEvent, on_reply: OnReply, otherwise: Callable[[], None]
    ) -> bool:
        """Call what the other process will answer; see ``Route.pipeline``."""
        if number not in self._waiting:
            return False
        self._call_event([ON_ANSWER, 0, number, event.method], event, on_reply, otherwise)
        return True

    def give_up(self, number: int) -> None:
        """Nobody waits for the answer to a call."""
        if number in self._waiting:
            self._link.send([GIVE_UP, number])

    def _call_event(
        self,
        frame: Frame,
        event: CallEvent,
        on_reply: OnReply,
        otherwise: Callable[[], None] | None = None,
    ) -> None:
        waiting = Waiting(on_reply, is_fetch=False)
        waiting.otherwise = otherwise
        frame.append(event.arguments)
        sent_count = self._sent_count
        self._call(frame, None, waiting)
        if self._sent_count > sent_count:
            event.route = _Route(self, self._sent_count)

    def fetch(self, request: Request, on_response: OnResponse) -> None:
        """Have the other process's entrypoint answer ``request``; see ``Worker.fetch``."""

        def on_reply(answer: Any, failure: bytes | None) -> None:
            on_response(answer, None if failure is None else decode_shown(failure))

        self._call([FETCH, 0, None, None, None], request, Waiting(on_reply, is_fetch=True))

    def __len__(self) -> int:
        """How much is kept for the other process: calls, answers, and what they have carried."""
        return len(self._waiting) + len(self._received) + len(self._parcels)

    def __bool__(self) -> bool:
        return True

    def statistics(self) -> CallStatistics:
        return CallStatistics(
            sent=self._sent_count,
            waiting=len(self._waiting),
            received=self._received.count,
            under_way=self._received.under_way,
        )

    def stop_taking(self, reason: str) -> None:
        """Answer what comes from now on with a ``WorkerLost`` that says it has not begun."""
        self._received.refuse(reason)

    def _call(self, frame: Frame, request: Request | None, waiting: "Waiting") -> None:
        link = self._link
        if link.ended is not None:
            waiting.on_reply(None, self._lost(link.ended, may_have_run=False))
            return
        if link.is_writing_paused and link.unsent_size_bytes > UNSENT_SIZE_BYTES_MAX:
            error = LinkOverloaded(self._their_slot, link.unsent_size_bytes)
            waiting.on_reply(None, encode_error(error))
            return
        number = self._sent_count + 1
        frame[1] = number
        is_traced = watch.tracer is not None and self._tell_trace(number)
        try:
            if request is not None:
                wire, waiting.stream = write_request(request, self._streams)
                frame.append(wire)
            elif isinstance(frame[-1], Parcel):
                frame[-1] = self._parcels.write(frame[-1])
            link.send(frame)
        except Exception as error:  # it is too large, or its body is used: the caller's to hear
            if request is None:
                self._parcels.undo(frame[-1], error)
            if is_traced:  # the next call has this number
                link.send([TRACE, number, []])
            self._stop_body(waiting, error)
            waiting.on_reply(None, encode_error(error))
            return
        self._sent_count = number
        self._waiting[number] = waiting

    def _tell_trace(self, number: int) -> bool:
        """Say whose trace the next call belongs to, if to any."""
        fields = tracers.carried()
        if fields:
            self._link.send([TRACE, number, [list(pair) for pair in fields.items()]])
        return bool(fields)

    # What the other process answers.

    def _on_reply(self, frame: Frame) -> None:
        _, number, wire = frame
        value = self._parcels.read(wire)
        waiting = self._take(number, is_fetch=False)
        try:
            waiting.on_reply(value, None)
        except ValueCorrupt as error:
            waiting.on_reply(None, encode_error(error))
            raise LinkBroken(f"REPLY: its value is none: {error}") from None
        if value is not wire:
            self._link.send([FINISH, number])

    def _on_answered_before(self, frame: Frame) -> None:
        waiting = self._waiting.get(frame[1])
        if waiting is None or waiting.otherwise is None:
            raise LinkBroken(f"ANSWERED: call {frame[1]} is not one on an answer")
        del self._waiting[frame[1]]
        waiting.otherwise()

    def _on_response(self, frame: Frame) -> None:
        _, number, wire, served_by = frame
        waiting = self._take(number, is_fetch=True)
        try:
            response = read_response(wire, self._streams, self._sockets)
        except LinkBroken as error:
            waiting.on_reply(None, self._lost(error, may_have_run=True))
            raise
        content = response.content
        stop = partial(self._stop_body, waiting, BodyTooLate("request"))
        if isinstance(content, IncomingBody):  # it may be made of the request's
            content.on_over = stop
        else:
            stop()
        origin = served_by or self._their_slot
        if origin is not None:
            response.served_by = origin
        waiting.on_reply(response, None)

    def _on_failure(self, frame: Frame) -> None:
        _, number, failure = frame
        waiting = self._take(number)
        self._stop_body(waiting, BodyTooLate("request"))
        try:
            rebuilt(failure)
        except LinkBroken as error:
            waiting.on_reply(None, self._lost(error, may_have_run=True))
            raise
        waiting.on_reply(None, failure)

    def _take(self, number: int, *, is_fetch: bool | None = None) -> "Waiting":
        waiting = self._waiting.get(number)
        if waiting is None:
            raise LinkBroken(f"an answer to call {number}, which waits for none")
        if is_fetch is not None and waiting.is_fetch is not is_fetch:
            raise LinkBroken(f"call {number} cannot be answered so")
        del self._waiting[number]
        return waiting

    def _stop_body(self, waiting: "Waiting", reason: Exception) -> None:
        """The request is answered: nobody reads on."""
        if waiting.stream is not None:
            self._streams.stop(waiting.stream, reason)

    # The end.

    def _on_link_end(self, end: LinkEnded) -> None:
        highest = self._link.highest_begun(end)
        waiting, self._waiting = self._waiting, {}
        for number, call in waiting.items():
            may_have_run = highest is None or number <= highest
            try:
                call.on_reply(None, self._lost(end, may_have_run=may_have_run))
            except Exception:  # a bug, and the others have to know all the same
                log.exception("link.reply_failed", extra={"link": repr(self._link)})

    def _lost(self, end: LinkEnded, *, may_have_run: bool) -> bytes:
        return encode_error(WorkerLost(self._their_slot, end.reason, may_have_run))

    @property
    def _their_slot(self) -> str | None:
        # A process that is gone before it has said its name has a successor all the same.
        whom = self._link.peer or self._link.expected
        return None if whom is None else whom.slot


class _Route:
    """Where a call of ours has gone. Is a ``Route``."""

    __slots__ = ("_calls", "_number")

    def __init__(self, calls: LinkCalls, number: int) -> None:
        self._calls = calls
        self._number = number

    def pipeline(self, event: CallEvent, on_reply: OnReply, otherwise: Callable[[], None]) -> bool:
        return self._calls.call_answer(self._number, event, on_reply, otherwise)

    def give_up(self) -> None:
        self._calls.give_up(self._number)
