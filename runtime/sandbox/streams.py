"""Requests over a channel, as both of their sides have them: who asks, and who answers.

*Promise*: of raw bytes each side holds no more than the windows that it gave, whatever the other
one does. Who sends more than it may, answers what was not asked, or uses a number twice, has
``Garbled`` raised about it. Each request gets one answer, also when it was cancelled; what comes
for a stream after its end was under way, and is forgotten.
*Rules for editing*: the agent runs this file, too: nothing but the standard library.
"""

from collections.abc import Callable
from typing import Any, Final

from .channel import Channel
from .wire import (
    ANSWER,
    CANCEL,
    CHUNK_BYTES_MAX,
    CREDIT,
    DATA,
    END,
    EVENT,
    NOTICES,
    OVERHEAD_BYTES,
    RAW_KINDS,
    REQUEST,
    STREAM_MAX,
    WINDOW_BYTES,
    Garbled,
    cost,
    decode_credit,
    decode_json,
    encode_credit,
    encode_json,
)

# Of one channel; each may hold a window.
STREAMS_MAX: Final = 1024
# In an answer that has a descriptor with it.
DESCRIPTOR: Final = "descriptor"

Json = dict[str, Any]


class Refused(Exception):
    """A request cannot be fulfilled.

    Attributes:
        code: What programs look at, such as FILE_NOT_FOUND.
        message: For people.
        context: What it is about.
    """

    def __init__(self, code: str, message: str, **context: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.context = context

    def as_json(self) -> Json:
        """Return what goes over the wire."""
        return {"error": {"code": self.code, "message": self.message, "context": self.context}}


def nothing(*_: object) -> None:
    """Nobody is interested."""


class Flow:
    """The raw bytes of one stream, in both directions: what may go, and what may come.

    Attributes:
        number: The stream's.
        is_open: Whether the answer is still to come; afterwards nothing is sent.
        given_back_bytes: How much credit has come, all in all.
    """

    def __init__(self, channel: Channel, number: int) -> None:
        self.number = number
        self.is_open = True
        self.given_back_bytes = 0
        self._channel = channel
        self._may_send = WINDOW_BYTES
        self._may_come = WINDOW_BYTES
        self._consumed = 0

    @property
    def room(self) -> int:
        """How many bytes may be sent as one frame now."""
        return max(0, min(CHUNK_BYTES_MAX, self._may_send - OVERHEAD_BYTES))

    def send(self, data: bytes, kind: int = DATA) -> None:
        """Send no more bytes than there is room for."""
        if not self.is_open:
            return
        assert len(data) <= self.room, "whoever sends looks at the room before"
        self._may_send -= cost(len(data))
        self._channel.send(kind, self.number, data)

    def tell(self, event: Json) -> None:
        """Send an event."""
        if self.is_open:
            self._channel.send(EVENT, self.number, encode_json(event))

    def consumed(self, cost_bytes: int) -> None:
        """Give back what frames cost that were dealt with."""
        self._consumed += cost_bytes
        # Not each time: who sends has to stop only when a whole window is under way.
        if self._consumed >= WINDOW_BYTES // 4 and self.is_open:
            self._channel.send(CREDIT, self.number, encode_credit(self._consumed))
            self._may_come += self._consumed
            self._consumed = 0

    def came(self, size_bytes: int) -> None:
        """Count a frame.

        Raises:
            Garbled: There was no room for it.
        """
        self._may_come -= cost(size_bytes)
        if self._may_come < 0:
            raise Garbled("it sends more than there is room for")

    def credited(self, payload: bytes) -> None:
        """Take what the other side gives.

        Raises:
            Garbled: It gives more than there ever was.
        """
        size_bytes = decode_credit(payload)
        self.given_back_bytes += size_bytes
        self._may_send += size_bytes
        if self._may_send > WINDOW_BYTES:
            raise Garbled("it gives back more than it got")


class Exchange(Flow):
    """One request, as the side has it that answers.

    Attributes:
        request: What is asked.
        has_ended: Whether all data has come that will.
        is_cancelled: Whether who asked is not interested any more.
        on_data: Told of raw bytes; give their cost to ``consumed`` when they are dealt with.
        on_end: Told that no more comes.
        on_event: Told what was said in between.
        on_room: Told that more may be sent.
        on_cancel: Told that who asked is not interested; the answer is still to be given.
    """

    def __init__(self, channel: Channel, number: int, request: Json, side: "AnswerSide") -> None:
        super().__init__(channel, number)
        self.request = request
        self.has_ended = False
        self.is_cancelled = False
        self.on_data: Callable[[bytes], None] = lambda data: self.consumed(cost(len(data)))
        self.on_end: Callable[[], None] = nothing
        self.on_event: Callable[[Json], None] = nothing
        self.on_room: Callable[[], None] = nothing
        self.on_cancel: Callable[[], None] = self.interrupted
        self._closings: list[Callable[[], None]] = []
        self._side = side

    def after_closing(self, callback: Callable[[], None]) -> None:
        """Call once it was answered; the last one added is called first."""
        self._closings.append(callback)

    def answer(self, answer: Json, descriptor: int = -1) -> None:
        """End it, with what was asked for; a descriptor is closed here."""
        if self.is_open:
            self.is_open = False
            if descriptor >= 0:
                answer = {**answer, DESCRIPTOR: True}
            try:
                payload = encode_json(answer)
            except Garbled as error:
                payload = encode_json(Refused("INTERNAL_ERROR", error.why).as_json())
            self._channel.send(ANSWER, self.number, payload, descriptor)
            self._side.closed(self)
            while self._closings:
                self._closings.pop()()

    def refuse(self, refused: Refused) -> None:
        """End it, with why."""
        self.answer(refused.as_json())

    def interrupted(self) -> None:
        """End one that was cancelled."""
        self.refuse(Refused("OPERATION_INTERRUPTED", "It was cancelled by who had asked"))


class AnswerSide:
    """All requests of one channel, for the side that answers.

    Args:
        channel: Theirs.
        on_request: Told of each. What it raises as ``Refused`` is the answer.
    """

    def __init__(self, channel: Channel, on_request: Callable[[Exchange], None]) -> None:
        self.exchanges: dict[int, Exchange] = {}
        self._channel = channel
        self._on_request = on_request
        self._last = NOTICES

    def frame(self, kind: int, number: int, payload: bytes) -> None:
        """Take a frame.

        Raises:
            Garbled: It is none that who asks may send.
        """
        if kind == REQUEST:
            self._begin(number, decode_json(payload))
            return
        exchange = self.exchanges.get(number)
        if exchange is None:
            if not NOTICES < number <= self._last:
                raise Garbled(f"a frame of kind {kind} for stream {number}, which was not opened")
            return
        try:
            self._pass_on(exchange, kind, payload)
        except Refused as refused:
            exchange.refuse(refused)

    def closed(self, exchange: Exchange) -> None:
        """Forget one that was answered."""
        self.exchanges.pop(exchange.number, None)

    def lost(self) -> None:
        """Cancel all: nobody is there any more."""
        for exchange in list(self.exchanges.values()):
            self._cancel(exchange)

    def _begin(self, number: int, request: Json) -> None:
        if number <= self._last:
            raise Garbled(f"stream {number} is opened a second time")
        self._last = number
        exchange = Exchange(self._channel, number, request, self)
        self.exchanges[number] = exchange
        try:
            self._on_request(self._checked(exchange))
        except Refused as refused:
            exchange.refuse(refused)

    def _checked(self, exchange: Exchange) -> Exchange:
        if len(self.exchanges) > STREAMS_MAX:
            raise Refused("TOO_MANY_REQUESTS", f"{STREAMS_MAX:,} requests are under way")
        return exchange

    def _pass_on(self, exchange: Exchange, kind: int, payload: bytes) -> None:
        if kind == DATA:
            if exchange.has_ended:
                raise Garbled("data after the end of data")
            exchange.came(len(payload))
            exchange.on_data(payload)
        elif kind == CREDIT:
            exchange.credited(payload)
            exchange.on_room()
        elif kind == EVENT:
            exchange.on_event(decode_json(payload))
        elif kind == END:
            if not exchange.has_ended:
                exchange.has_ended = True
                exchange.on_end()
        elif kind == CANCEL:
            self._cancel(exchange)
        else:
            raise Garbled(f"a frame of kind {kind} from who asks")

    def _cancel(self, exchange: Exchange) -> None:
        if not exchange.is_cancelled:
            exchange.is_cancelled = True
            exchange.on_cancel()


class Question(Flow):
    """One request, as the side has it that asks.

    Attributes:
        on_answer: Told of it, and of the descriptor that came with it, or -1.
        on_data: Told of raw bytes and their kind; give their cost to ``consumed``.
        on_event: Told what was said in between.
        on_room: Told that more may be sent.
    """

    def __init__(
        self, channel: Channel, number: int, on_answer: Callable[[Json, int], None]
    ) -> None:
        super().__init__(channel, number)
        self.on_answer = on_answer
        self.on_data: Callable[[int, bytes], None] = lambda _, data: self.consumed(cost(len(data)))
        self.on_event: Callable[[Json], None] = nothing
        self.on_room: Callable[[], None] = nothing
        self._has_ended = False

    def end(self) -> None:
        """Say that no more data comes."""
        if self.is_open and not self._has_ended:
            self._has_ended = True
            self._channel.send(END, self.number)

    def cancel(self) -> None:
        """Say that the answer is not needed any more; one comes all the same."""
        if self.is_open:
            self._channel.send(CANCEL, self.number)


class AskSide:
    """All requests of one channel, for the side that asks.

    Args:
        channel: Theirs.
        on_notice: Told what the other side says without having been asked.
    """

    def __init__(self, channel: Channel, on_notice: Callable[[Json], None] = nothing) -> None:
        self.questions: dict[int, Question] = {}
        self._channel = channel
        self._on_notice = on_notice
        self._next = NOTICES + 1

    def ask(self, request: Json, on_answer: Callable[[Json, int], None]) -> Question:
        """Ask."""
        assert self._next <= STREAM_MAX, "four thousand million requests are a connection's end"
        payload = encode_json(request)
        question = Question(self._channel, self._next, on_answer)
        self.questions[self._next] = question
        self._next += 1
        self._channel.send(REQUEST, question.number, payload)
        return question

    def frame(self, kind: int, number: int, payload: bytes) -> None:
        """Take a frame.

        Raises:
            Garbled: It is none that who answers may send.
        """
        if number == NOTICES and kind == EVENT:
            self._on_notice(decode_json(payload))
            return
        question = self.questions.get(number)
        if question is None:
            raise Garbled(f"a frame of kind {kind} for stream {number}, which nobody asked for")
        if kind == ANSWER:
            answer = decode_json(payload)
            descriptor = self._channel.take_descriptor() if answer.pop(DESCRIPTOR, None) else -1
            del self.questions[number]
            question.is_open = False
            try:
                question.on_answer(answer, descriptor)
            except Garbled:
                self.questions[number] = question  # it has no answer yet: ``lost`` gives it one
                raise
        elif kind in RAW_KINDS:
            question.came(len(payload))
            question.on_data(kind, payload)
        elif kind == CREDIT:
            question.credited(payload)
            question.on_room()
        elif kind == EVENT:
            question.on_event(decode_json(payload))
        else:
            raise Garbled(f"a frame of kind {kind} from who answers")

    def lost(self, answer: Json) -> None:
        """Answer all that is still open: nobody else will."""
        while self.questions:
            _, question = self.questions.popitem()
            question.is_open = False
            question.on_answer(answer, -1)


def error_of(answer: Json) -> Refused | None:
    """Return what went wrong, as an answer says it, checked: it may come from a hostile side.

    Raises:
        Garbled: The error has not the form that it should have.
    """
    if "error" not in answer:
        return None
    error = answer["error"]
    fields = error if type(error) is dict else {}
    code, message, context = (fields.get(name) for name in ("code", "message", "context"))
    if type(code) is not str or type(message) is not str or type(context) is not dict:
        raise Garbled("an error that is none")
    refused = Refused(code, message)
    refused.context = context
    return refused
