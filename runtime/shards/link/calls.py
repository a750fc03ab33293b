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
from ....actors.packing import discard
from ....actors.parcel import Parcel
from ....actors.response_stream import let_go
from ....actors.rpc import decode_shown, encode_error
from ....actors.watch import watch
from ....storage.errors import ValueCorrupt
from ...host.worker import OnResponse
from ...observe.tracers import tracers
from .answers import Answer, Waiting
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
    RELEASE,
    REPLY,
    RESPONSE,
    TRACE,
)
from .link import Link
from .messages import (
    SocketPassing,
    read_request,
    read_response,
    write_request,
    write_response,
)
from .parcels import Parcels, StubMaker
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
        stub_of: Gives what leads to an actor whose stub has come; None where none come.
    """

    def __init__(
        self,
        link: Link,
        streams: Streams,
        sockets: SocketPassing,
        *,
        actors: ActorChannel | None = None,
        entrypoint: Entrypoint | None = None,
        stub_of: StubMaker | None = None,
    ) -> None:
        self._link = link
        self._streams = streams
        self._sockets = sockets
        self._actors = actors
        self._entrypoint = entrypoint
        self._waiting: dict[int, Waiting] = {}
        self._answers: dict[int, Answer] = {}
        self._parcels = Parcels(link, streams, sockets, self, stub_of)
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
            link.handle(ON_TARGET, self._on_target_call)
            link.handle(ON_ANSWER, self._on_answer_call)
            link.handle(ANSWERED, self._on_answered_before)
            link.handle(FINISH, self._on_finish)
            link.handle(GIVE_UP, self._on_give_up)
            link.handle(RELEASE, self._parcels.on_release)
        if actors is not None or entrypoint is not None:
            link.handle(FETCH, self._on_fetch)
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
        return len(self._waiting) + len(self._answers) + len(self._parcels)

    def __bool__(self) -> bool:
        return True

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
        waiting = self._take(frame[1], is_fetch=False)
        if waiting.otherwise is None:
            raise LinkBroken("ANSWERED, to a call that is not on an answer")
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

    # From the other process.

    def _on_call(self, frame: Frame) -> None:
        _, number, unique_key, raw_id, name, method, wire = frame
        event = CallEvent(method, self._parcels.read(wire))
        answer = self._begin(number, event)
        if answer is not None:
            assert self._actors is not None, "who has no actors takes no calls"
            actor_id = DurableObjectId(unique_key, raw_id, name)
            self._deliver(number, partial(self._actors.deliver, actor_id, event, answer), answer)

    def _on_target_call(self, frame: Frame) -> None:
        _, number, target, method, wire = frame
        capability = self._parcels.find(target)
        event = CallEvent(method, self._parcels.read(wire))
        answer = self._begin(number, event, is_refusable=False)
        assert answer is not None, "who calls a target was called by somebody who goes on"
        self._deliver(number, partial(capability.deliver, event, answer), answer)

    def _on_answer_call(self, frame: Frame) -> None:
        _, number, of, method, wire = frame
        if of >= number:
            raise LinkBroken(f"call {number} is on the answer to call {of}, which comes later")
        event = CallEvent(method, self._parcels.read(wire))
        first = self._answers.get(of)
        answer = self._begin(number, event, is_refusable=False)
        assert answer is not None, "as above"
        if first is None:
            discard(event.arguments)
            answer.is_given = True
            self._under_way -= 1
            del self._answers[number]
            self._link.send([ANSWERED, number])
        else:
            self._deliver(number, partial(first.call, event, answer), answer)

    def _on_finish(self, frame: Frame) -> None:
        answer = self._answers.get(frame[1])
        if answer is None or answer.value is None:
            raise LinkBroken(f"FINISH: call {frame[1]} is not one that is kept")
        del self._answers[frame[1]]

    def _on_give_up(self, frame: Frame) -> None:
        answer = self._answers.get(frame[1])
        if answer is not None:
            answer.give_up()

    def _on_trace(self, frame: Frame) -> None:
        self._trace = frame

    def _deliver(self, number: int, deliver: Callable[[], None], answer: "Answer") -> None:
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
        answer = self._begin(number)
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

    def _begin(
        self, number: int, event: CallEvent | None = None, *, is_refusable: bool = True
    ) -> "Answer | None":
        """Who answers call ``number``, which begins; None when that has been refused."""
        if number <= self._highest_received:
            raise LinkBroken(f"call {number} comes after call {self._highest_received}")
        self._highest_received = number
        self._received_count += 1
        self._under_way += 1
        answer = Answer(self._answered, number, is_fetch=event is None)
        if event is not None:
            answer.event = event
            self._answers[number] = answer
        if self._refusal is not None and is_refusable:
            if event is not None:
                discard(event.arguments)
            answer(None, self._refusal)
            return None
        self._link.mark_begun(number)
        return answer

    def _answered(self, answer: "Answer", value: Any, failure: bytes | None) -> None:
        self._under_way -= 1
        if self._link.ended is not None:
            if isinstance(value, Response):  # nobody will read it
                let_go(value)
            else:
                discard(value)
            return
        if failure is None:
            wire: Any = None
            try:
                wire = self._wire_of(answer, value)
                self._link.send(wire)
            except Exception as error:  # it is too large, or its body is used
                failure = encode_error(error)
                if not answer.is_fetch and wire is not None:
                    self._parcels.undo(wire[-1], error)
        if failure is not None:
            self._send_failure(answer.number, failure)
        if answer.is_fetch:
            return
        if failure is None and isinstance(value, Parcel):
            answer.value = value  # until the other end says that it has it
        else:
            del self._answers[answer.number]
        answer.give(value, failure)

    def _wire_of(self, answer: "Answer", value: Any) -> Frame:
        if not answer.is_fetch:
            return [REPLY, answer.number, self._parcels.write(value)]
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
        self._answers.clear()
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


def _hand_over(action: Callable[[], None], answer: "Answer") -> None:
    try:
        action()
    except LinkBroken:  # whoever has the actors knows that this is a lie
        raise
    except Exception as error:
        if answer.is_given:
            raise
        answer(None, encode_error(error))


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
