import contextlib
import functools
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.sandbox.channel import Channel
from perdure.runtime.sandbox.reactor import Reactor
from perdure.runtime.sandbox.streams import (
    STREAMS_MAX,
    AnswerSide,
    AskSide,
    Exchange,
    Json,
    Refused,
    error_of,
)
from perdure.runtime.sandbox.wire import (
    ANSWER,
    CREDIT,
    DATA,
    END,
    EVENT,
    REQUEST,
    STDOUT,
    WINDOW_BYTES,
    Garbled,
    cost,
    encode_credit,
)


class Pair:
    """Who asks and who answers, on one reactor."""

    def __init__(self) -> None:
        self.reactor = Reactor()
        self.exchanges: list[Exchange] = []
        self.answers: list[Json] = []
        self.wanted = 0
        near, far = socket.socketpair()
        self.asking = Channel(
            near, self.reactor, on_frame=self._to_asker, on_lost=self._lost, descriptors_max=1
        )
        self.answering = Channel(far, self.reactor, on_frame=self._to_answerer, on_lost=self._lost)
        self.ask_side = AskSide(self.asking)
        self.answer_side = AnswerSide(self.answering, self.begin)

    def begin(self, exchange: Exchange) -> None:
        if exchange.request["op"] == "settle":
            exchange.answer({})
        else:
            self.exchanges.append(exchange)

    def answered(self, answer: Json, descriptor: int) -> None:
        self.answers.append(answer)
        if len(self.answers) >= self.wanted:
            self.reactor.stop()

    def until(self, count: int) -> None:
        self.wanted = count
        self.reactor.is_stopped = False
        if len(self.answers) < count:
            self.reactor.run()

    def settle(self) -> None:
        """Let what is under way arrive."""
        self.ask_side.ask({"op": "settle"}, self.answered)
        self.until(len(self.answers) + 1)

    def close(self) -> None:
        self.asking.close()
        self.answering.close()
        self.reactor.close()

    def _to_asker(self, kind: int, number: int, payload: bytes) -> None:
        self.ask_side.frame(kind, number, payload)

    def _to_answerer(self, kind: int, number: int, payload: bytes) -> None:
        self.answer_side.frame(kind, number, payload)

    def _lost(self, why: str | None) -> None:
        raise AssertionError(why)


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    yield pair
    pair.close()


def test_a_request_gets_its_answer(pair: Pair) -> None:
    pair.answer_side._on_request = lambda x: x.answer({"heard": x.request["text"]})
    for text in ("one", "two"):
        pair.ask_side.ask({"op": "say", "text": text}, pair.answered)
    pair.until(2)
    assert pair.answers == [{"heard": "one"}, {"heard": "two"}]
    assert pair.ask_side.questions == {}
    assert pair.answer_side.exchanges == {}


def test_a_refusal_is_an_answer(pair: Pair) -> None:
    def refuse(exchange: Exchange) -> None:
        raise Refused("NOT_NOW", "Later", by="us")

    pair.answer_side._on_request = refuse
    pair.ask_side.ask({"op": "x"}, pair.answered)
    pair.until(1)
    refused = error_of(pair.answers[0])
    assert refused is not None
    assert (refused.code, refused.message, refused.context) == ("NOT_NOW", "Later", {"by": "us"})


def test_an_answer_that_is_too_large_is_an_error(pair: Pair) -> None:
    pair.answer_side._on_request = lambda x: x.answer({"text": "x" * 2_000_000})
    pair.ask_side.ask({"op": "x"}, pair.answered)
    pair.until(1)
    assert pair.answers[0]["error"]["code"] == "INTERNAL_ERROR"


@given(st.lists(st.integers(1, 70_000), min_size=1, max_size=60), st.booleans())
def test_all_bytes_arrive_and_no_more_than_a_window_is_under_way(
    sizes: list[int], is_up: bool
) -> None:
    with contextlib.closing(Pair()) as pair:
        send_all(pair, sizes, is_up=is_up)


def send_all(pair: Pair, sizes: list[int], *, is_up: bool) -> None:
    came, held = bytearray(), 0
    question = pair.ask_side.ask({"op": "x"}, pair.answered)
    pair.settle()
    [exchange] = pair.exchanges
    sender, receiver = (question, exchange) if is_up else (exchange, question)
    whole = b"".join(bytes([n % 256]) * size for n, size in enumerate(sizes))
    left, waiting = memoryview(whole), list[int]()

    def take(*arguments: Any) -> None:
        nonlocal held
        data = arguments[-1]
        came.extend(data)
        held += cost(len(data))
        waiting.append(cost(len(data)))
        assert held <= WINDOW_BYTES

    def push() -> None:
        nonlocal left
        while left and sender.room:
            size = min(sender.room, sizes[len(left) % len(sizes)])
            sender.send(bytes(left[:size]), DATA)
            left = left[size:]

    receiver.on_data = take
    sender.on_room = push
    push()
    while len(came) < len(whole):
        pair.settle()
        while waiting:
            receiver.consumed(waiting[0])
            held -= waiting.pop(0)
    assert came == whole


def test_who_sends_more_than_there_is_room_for_is_found_out(pair: Pair) -> None:
    question = pair.ask_side.ask({"op": "x"}, pair.answered)
    question.on_data = lambda kind, data: None
    with pytest.raises(Garbled, match="more than there is room for"):
        for _ in range(10):
            pair.ask_side.frame(STDOUT, question.number, bytes(60_000))


def test_who_gives_back_more_than_it_got_is_found_out(pair: Pair) -> None:
    question = pair.ask_side.ask({"op": "x"}, pair.answered)
    with pytest.raises(Garbled, match="gives back more"):
        pair.ask_side.frame(CREDIT, question.number, encode_credit(1))


@pytest.mark.parametrize("kind", [REQUEST, END])
def test_who_answers_may_not_say_all(pair: Pair, kind: int) -> None:
    question = pair.ask_side.ask({"op": "x"}, pair.answered)
    with pytest.raises(Garbled, match="from who answers"):
        pair.ask_side.frame(kind, question.number, b"")


@pytest.mark.parametrize("kind", [ANSWER, STDOUT])
def test_who_asks_may_not_say_all(pair: Pair, kind: int) -> None:
    pair.ask_side.ask({"op": "x"}, pair.answered)
    pair.settle()
    with pytest.raises(Garbled, match="from who asks"):
        pair.answer_side.frame(kind, 1, b"{}")


def test_a_number_is_used_once(pair: Pair) -> None:
    pair.answer_side.frame(REQUEST, 5, b'{"op": "x"}')
    for number in (5, 4, 0):
        with pytest.raises(Garbled, match="second time"):
            pair.answer_side.frame(REQUEST, number, b"{}")
    with pytest.raises(Garbled, match="not opened"):
        pair.answer_side.frame(DATA, 6, b"")
    pair.answer_side.frame(DATA, 3, b"")  # of one that was answered: it was under way
    with pytest.raises(Garbled, match="nobody asked for"):
        pair.ask_side.frame(EVENT, 1, b"{}")


def test_after_the_end_of_data_comes_none(pair: Pair) -> None:
    pair.answer_side.frame(REQUEST, 1, b'{"op": "x"}')
    pair.answer_side.frame(END, 1, b"")
    with pytest.raises(Garbled, match="after the end"):
        pair.answer_side.frame(DATA, 1, b"x")


def test_too_many_requests_are_refused(pair: Pair) -> None:
    for _ in range(STREAMS_MAX + 3):
        pair.ask_side.ask({"op": "x"}, pair.answered)
    pair.until(3)
    assert {answer["error"]["code"] for answer in pair.answers} == {"TOO_MANY_REQUESTS"}
    assert len(pair.exchanges) == STREAMS_MAX


def test_one_that_is_cancelled_is_answered_all_the_same(pair: Pair) -> None:
    question = pair.ask_side.ask({"op": "x"}, pair.answered)
    question.cancel()
    question.cancel()
    pair.until(1)
    assert pair.answers[0]["error"]["code"] == "OPERATION_INTERRUPTED"


def test_who_is_gone_has_cancelled_all(pair: Pair) -> None:
    told = list[int]()
    for _ in range(3):
        pair.ask_side.ask({"op": "x"}, pair.answered)
    pair.settle()
    for exchange in pair.exchanges:
        exchange.on_cancel = functools.partial(told.append, exchange.number)
    pair.answer_side.lost()
    pair.answer_side.lost()
    assert told == [1, 2, 3]


def test_when_nobody_can_answer_any_more_all_is_answered(pair: Pair) -> None:
    for _ in range(3):
        pair.ask_side.ask({"op": "x"}, pair.answered)
    pair.wanted = 100
    pair.ask_side.lost({"lost": "gone"})
    assert pair.answers == [{"lost": "gone"}] * 3


@pytest.mark.parametrize(
    "error", [5, [], {}, {"code": "X"}, {"code": 1, "message": "", "context": {}}]
)
def test_an_error_has_a_form(error: object) -> None:
    with pytest.raises(Garbled):
        error_of({"error": error})


def test_an_answer_without_an_error_has_none() -> None:
    assert error_of({"exit_code": 0}) is None


def test_one_whose_answer_was_garbled_gets_another(pair: Pair) -> None:
    answers = list[Json]()

    def answered(answer: Json, _: int) -> None:
        if "error" not in answer:
            raise Garbled("no answer at all")
        answers.append(answer)

    pair.ask_side.ask({"op": "x"}, answered)
    with pytest.raises(Garbled):
        pair.ask_side.frame(ANSWER, 1, b"{}")
    pair.ask_side.lost({"error": "over"})
    assert answers == [{"error": "over"}]
