"""Events and requests that come over a link, and how they are answered.

*Promise*: what is called on an answer that is not given yet is done behind it, in order.

*Rules for editing*: ``mark_begun`` comes before whatever may run user code.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from ....actors.channel import ActorChannel
from ....actors.events import CallEvent, FetchEvent
from ....actors.http import Request, Response
from ....actors.ids import DurableObjectId
from ....actors.packing import discard
from ....actors.parcel import Parcel
from ....actors.response_stream import let_go
from ....actors.rpc import encode_error
from ...host.worker import OnResponse
from ...observe.tracers import tracers
from .answers import Answer
from .errors import LinkBroken, WorkerLost
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
from .messages import SocketPassing, read_request, write_response
from .parcels import Parcels
from .streams import Streams


class Entrypoint(Protocol):
    """Who answers requests that are for no actor. ``runtime.host.worker.Worker`` is one."""

    def fetch(self, request: Request, on_response: OnResponse) -> None: ...


class ReceivedCalls:
    """What the other process asks of this one; see ``LinkCalls``.

    Attributes:
        count: Of calls and requests that came.
        under_way: How many of them are not answered yet.
    """

    def __init__(
        self,
        link: Link,
        streams: Streams,
        sockets: SocketPassing,
        parcels: Parcels,
        actors: ActorChannel | None,
        entrypoint: Entrypoint | None,
    ) -> None:
        self._link = link
        self._streams = streams
        self._sockets = sockets
        self._parcels = parcels
        self._actors = actors
        self._entrypoint = entrypoint
        self._answers: dict[int, Answer] = {}
        self.count = 0
        self.under_way = 0
        self._highest = 0
        self._refusal: bytes | None = None
        # The number of their next call and what is told of its trace, between the two frames.
        self._trace: Frame | None = None
        if actors is not None:
            link.handle(CALL, self._on_call)
            link.handle(TRACE, self._on_trace)
            link.handle(ON_TARGET, self._on_target_call)
            link.handle(ON_ANSWER, self._on_answer_call)
            link.handle(FINISH, self._on_finish)
            link.handle(GIVE_UP, self._on_give_up)
            link.handle(RELEASE, parcels.on_release)
        if actors is not None or entrypoint is not None:
            link.handle(FETCH, self._on_fetch)
        link.when_ended(lambda _: self._answers.clear())

    def __len__(self) -> int:
        """How many answers are to be given, or kept for what is called on them."""
        return len(self._answers)

    def refuse(self, reason: str) -> None:
        """Answer what comes from now on with a ``WorkerLost`` that says it has not begun.

        Not so what is called on targets and answers of what is under way.
        """
        error = WorkerLost(self._link.own.slot, reason, may_have_run=False)
        self._refusal = encode_error(error)

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
            self.under_way -= 1
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

    def _deliver(self, number: int, deliver: Callable[[], None], answer: Answer) -> None:
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
    ) -> Answer | None:
        """Who answers call ``number``, which begins; None when that has been refused."""
        if number <= self._highest:
            raise LinkBroken(f"call {number} comes after call {self._highest}")
        self._highest = number
        self.count += 1
        self.under_way += 1
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

    def _answered(self, answer: Answer, value: Any, failure: bytes | None) -> None:
        self.under_way -= 1
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

    def _wire_of(self, answer: Answer, value: Any) -> Frame:
        if not answer.is_fetch:
            return [REPLY, answer.number, self._parcels.write(value)]
        wire, _ = write_response(value, self._streams, self._sockets)
        return [RESPONSE, answer.number, wire, getattr(value, "served_by", None)]

    def _send_failure(self, number: int, failure: bytes) -> None:
        try:
            self._link.send([FAILURE, number, failure])
        except Exception as error:  # an exception that carries more than may be sent
            self._link.send([FAILURE, number, encode_error(error)])


def _hand_over(action: Callable[[], None], answer: Answer) -> None:
    try:
        action()
    except LinkBroken:  # whoever has the actors knows that this is a lie
        raise
    except Exception as error:
        if answer.is_given:
            raise
        answer(None, encode_error(error))
