"""Answers that are not given yet, and what is called on them."""

from typing import Any

from perdure.actors.events import CallEvent
from perdure.actors.rpc import decode_error, encode_error
from perdure.runtime.shards.link.answers import Answer
from perdure.storage.values import decode, encode


def given(answer: Answer, name: str) -> list[Any]:
    """What is answered to reading an attribute of ``answer``."""
    replies: list[Any] = []
    answer.call(CallEvent(name, b""), lambda *reply: replies.append(reply))
    return replies


def test_what_is_called_on_an_answer_waits_for_it() -> None:
    answer = Answer(lambda *_: None, 1, is_fetch=False)
    size, color = given(answer, "size"), given(answer, "color")
    assert (size, color) == ([], [])
    answer.give(encode({"size": 5}), None)
    [(value, failure)] = size
    assert (decode(value), failure) == (5, None)
    [(value, failure)] = color
    assert value is None
    assert 'method "color"' in str(decode_error(failure))


def test_what_is_called_on_an_answer_is_done_in_order() -> None:
    answer = Answer(lambda *_: None, 1, is_fetch=False)
    order: list[int] = []
    for number in range(5):
        answer.call(CallEvent("size", b""), lambda *_, number=number: order.append(number))
    answer.give(encode({"size": 5}), None)
    assert order == [0, 1, 2, 3, 4]


def test_what_fails_fails_what_waits_for_it() -> None:
    answer = Answer(lambda *_: None, 1, is_fetch=False)
    replies = given(answer, "size")
    failure = encode_error(ValueError("no"))
    answer.give(None, failure)
    assert replies == [(None, failure)]


def test_giving_up_reaches_who_has_the_call() -> None:
    told: list[str] = []

    class Route:
        def pipeline(self, *_: object) -> bool:
            return False

        def give_up(self) -> None:
            told.append("given up")

    answer = Answer(lambda *_: None, 1, is_fetch=False)
    answer.give_up()
    answer.event = CallEvent("m", b"", Route())
    answer.give_up()
    assert told == ["given up"]
