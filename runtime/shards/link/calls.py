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
from typing import Any, Protocol

from ....actors.channel import ActorChannel
from ....actors.events import CallEvent, Delivered, FetchEvent, OnReply
from ....actors.http import Request, Response
from ....actors.http_errors import BodyTooLate
from ....actors.ids import DurableObjectId
from ....actors.response_stream import let_go
from ....actors.rpc import decode_shown, encode_error
from ....actors.watch import watch
from ....storage.errors import ValueCorrupt
from ...host.worker import OnResponse
from ...observe.tracers import tracers
from .errors import LinkBroken, LinkEnded, LinkOverloaded, WorkerLost
from .framing import Frame
from .kinds import CALL, FAILURE, FETCH, REPLY, RESPONSE, TRACE
from .link import Link
from .messages import (
    SocketPassing,
    read_request,
    read_response,
    write_request,
    write_response,
)
from .streams import IncomingBody, Streams, rebuilt

log = logging.getLogger("perdure.link")

# More than this waits for a process that does not read: it gets no more calls. Twice the largest
# message, so that one of those does not shut out whatever comes after it.
UNSENT_SIZE_BYTES_MAX = 128 * 2**20


class Entrypoint(Protocol):
    """Who answers requests that are for no actor. ``runtime.host.worker.Worker`` is one."""

    def fetch(self, request: Request, on_response: OnResponse) -> None: ...


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
    """

    def __init__(
        self,
        link: Link,
        streams: Streams,
        sockets: SocketPassing,
        *,
        actors: ActorChannel | None = None,
        entrypoint: Entrypoint | None = None,
    ) -> None:
        self._link = link
        self._streams = streams
        self._sockets = sockets
        self._actors = actors
        self._entrypoint = entrypoint
        self._waiting: dict[int, _Waiting] = {}
        self._sent_count = 0
        self._received_count = 0
        self._highest_received = 0
        self._under_way = 0
        self._refusal: bytes | None = None
        # The number of their next call and what is told of its trace, between the two frames.
        self._trace: Frame | None = None
        link.handle(REPLY, self._on_reply)
        link.handle(RESPONSE, self._on_response)
        link.handle(FAILURE, self._on_failure)
        if actors is not None:
            link.handle(CALL, self._on_call)
            link.handle(TRACE, self._on_trace)
        if actors is not None or entrypoint is not None:
            link.handle(FETCH, self._on_fetch)
        link.when_ended(self._on_link_end)

    # To the other process.

    def deliver(self, actor_id: DurableObjectId, event: Delivered, on_reply: OnReply) -> None:
        """Send ``event`` to an actor of the other process; see ``ActorChannel``."""
        whose = [actor_id.unique_key, actor_id.raw, actor_id.name]
        if isinstance(event, CallEvent):
            frame = [CALL, 0, *whose, event.method, event.arguments]
            self._call(frame, None, _Waiting(on_reply, is_fetch=False))
        else:
            assert isinstance(event, FetchEvent), "told where the actor is"
            self._call([FETCH, 0, *whose], event.request, _Waiting(on_reply, is_fetch=True))

    def fetch(self, request: Request, on_response: OnResponse) -> None:
        """Have the other process's entrypoint answer ``request``; see ``Worker.fetch``."""

        def on_reply(answer: Any, failure: bytes | None) -> None:
            on_response(answer, None if failure is None else decode_shown(failure))

        self._call([FETCH, 0, None, None, None], request, _Waiting(on_reply, is_fetch=True))

    def statistics(self) -> CallStatistics:
        return CallStatistics(
            sent=self._sent_count,
            waiting=len(self._waiting),
            received=self._received_count,
            under_way=self._under_way,
        )

    def stop_taking(self, reason: str) -> None:
        """Answer what comes from now on with a ``WorkerLost`` that says it has not begun."""
        error = WorkerLost(self._link.own.slot, reason, may_have_run=False)
        self._refusal = encode_error(error)

    def _call(self, frame: Frame, request: Request | None, waiting: "_Waiting") -> None:
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
            link.send(frame)
        except Exception as error:  # it is too large, or its body is used: the caller's to hear
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
        _, number, value = frame
        waiting = self._take(number, is_fetch=False)
        try:
            waiting.on_reply(value, None)
        except ValueCorrupt as error:
            waiting.on_reply(None, encode_error(error))
            raise LinkBroken(f"REPLY: its value is none: {error}") from None

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

    def _take(self, number: int, *, is_fetch: bool | None = None) -> "_Waiting":
        waiting = self._waiting.get(number)
        if waiting is None:
            raise LinkBroken(f"an answer to call {number}, which waits for none")
        if is_fetch is not None and waiting.is_fetch is not is_fetch:
            raise LinkBroken(f"call {number} cannot be answered so")
        del self._waiting[number]
        return waiting

    def _stop_body(self, waiting: "_Waiting", reason: Exception) -> None:
        """The request is answered: nobody reads on."""
        if waiting.stream is not None:
            self._streams.stop(waiting.stream, reason)

    # From the other process.

    def _on_call(self, frame: Frame) -> None:
        _, number, unique_key, raw_id, name, method, arguments = frame
        answer = self._begin(number, is_fetch=False)
        if answer is not None:
            assert self._actors is not None, "who has no actors takes no calls"
            actor_id, event = (
                DurableObjectId(unique_key, raw_id, name),
                CallEvent(method, arguments),
            )
            self._deliver(number, partial(self._actors.deliver, actor_id, event, answer), answer)

    def _on_trace(self, frame: Frame) -> None:
        self._trace = frame

    def _deliver(self, number: int, deliver: Callable[[], None], answer: "_Answer") -> None:
        """Give an event to its actor, as part of the trace of whoever has sent it."""
        trace, self._trace = self._trace, None
        if trace is not None and trace[1] == number and trace[2]:
            deliver = partial(tracers.within, dict(trace[2]), deliver)
        _hand_over(deliver, answer)

    def _on_fetch(self, frame: Frame) -> None:
        _, number, unique_key, raw_id, name, wire = frame
        if (unique_key is None) is not (raw_id is None) or (raw_id is None and name is not None):
            raise LinkBroken("FETCH: half of an actor is named")
        if (self._entrypoint if raw_id is None else self._actors) is None:
            raise LinkBroken("FETCH: nobody here takes such requests")
        request = read_request(wire, self._streams)
        answer = self._begin(number, is_fetch=True)
        if answer is None:
            if request.body is not None:
                request.body.cancel()
        elif raw_id is None:
            assert self._entrypoint is not None, "just looked at"
            _hand_over(partial(self._entrypoint.fetch, request, answer.on_response), answer)
        else:
            assert self._actors is not None, "just looked at"
            actor_id, event = DurableObjectId(unique_key, raw_id, name), FetchEvent(request)
            self._deliver(number, partial(self._actors.deliver, actor_id, event, answer), answer)

    def _begin(self, number: int, *, is_fetch: bool) -> "_Answer | None":
        """Who answers call ``number``, which begins; None when that has been refused."""
        if number <= self._highest_received:
            raise LinkBroken(f"call {number} comes after call {self._highest_received}")
        self._highest_received = number
        self._received_count += 1
        self._under_way += 1
        answer = _Answer(self._answered, number, is_fetch=is_fetch)
        if self._refusal is not None:
            answer(None, self._refusal)
            return None
        self._link.mark_begun(number)
        return answer

    def _answered(self, answer: "_Answer", value: Any, failure: bytes | None) -> None:
        self._under_way -= 1
        if self._link.ended is not None:
            if isinstance(value, Response):  # nobody will read it
                let_go(value)
            return
        if failure is None:
            try:
                self._link.send(self._frame_of(answer, value))
            except Exception as error:  # it is too large, or its body is used
                failure = encode_error(error)
        if failure is not None:
            self._send_failure(answer.number, failure)

    def _frame_of(self, answer: "_Answer", value: Any) -> Frame:
        if not answer.is_fetch:
            return [REPLY, answer.number, value]
        wire, _ = write_response(value, self._streams, self._sockets)
        return [RESPONSE, answer.number, wire, getattr(value, "served_by", None)]

    def _send_failure(self, number: int, failure: bytes) -> None:
        try:
            self._link.send([FAILURE, number, failure])
        except Exception as error:  # an exception that carries more than may be sent
            self._link.send([FAILURE, number, encode_error(error)])

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
        return None if self._link.peer is None else self._link.peer.slot


def _hand_over(action: Callable[[], None], answer: "_Answer") -> None:
    try:
        action()
    except LinkBroken:  # whoever has the actors knows that this is a lie
        raise
    except Exception as error:
        if answer.is_given:
            raise
        answer(None, encode_error(error))


class _Waiting:
    """A call of ours that has no answer yet.

    Attributes:
        on_reply: Who waits.
        is_fetch: It is answered with a response.
        stream: The number of its body, if that is a stream.
    """

    __slots__ = ("is_fetch", "on_reply", "stream")

    def __init__(self, on_reply: OnReply, *, is_fetch: bool) -> None:
        self.on_reply = on_reply
        self.is_fetch = is_fetch
        self.stream: int | None = None


class _Answer:
    """The ``on_reply`` of a call of theirs.

    Attributes:
        is_given: It has been answered.
    """

    __slots__ = ("_answered", "is_fetch", "is_given", "number")

    def __init__(
        self,
        answered: "Callable[[_Answer, Any, bytes | None], None]",
        number: int,
        *,
        is_fetch: bool,
    ) -> None:
        self._answered = answered
        self.number = number
        self.is_fetch = is_fetch
        self.is_given = False

    def __call__(self, value: Any, failure: bytes | None) -> None:
        assert not self.is_given, "a call is answered once"
        self.is_given = True
        self._answered(self, value, failure)

    def on_response(self, response: Response | None, error: BaseException | None) -> None:
        """As the entrypoint answers."""
        self(response, None if error is None else encode_error(error))
