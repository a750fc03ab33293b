"""The answer to an operation, from somebody who may lie."""

import msgpack
import pytest

from perdure.runtime.control.answer import MESSAGE_SIZE_BYTES_MAX, AnswerMessages, Garbled
from perdure.runtime.control.protocol import Failure

ALL = [
    ("progress", ["Copying", 1, None]),
    ("progress", ["Copying", 1, 2]),
    ("item", {"name": "lobby", "blob": b"\0" * 1000}),
    ("result", {}),
]


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_messages_are_read_however_they_are_cut(step: int) -> None:
    data = b"".join(msgpack.packb({kind: value}) for kind, value in ALL)
    messages = AnswerMessages()
    found = [
        one for start in range(0, len(data), step) for one in messages.read(data[start:][:step])
    ]
    assert found == ALL


def test_an_error_is_a_failure() -> None:
    said = msgpack.packb({"error": {"kind": "K", "message": "m", "hint": "h", "is_usage": True}})
    assert list(AnswerMessages().read(said)) == [("error", Failure("K", "m", "h", is_usage=True))]


NONE: list[object] = [
    5,
    {},
    {"item": 3},
    {"result": None},
    {"progress": ["Copying"]},
    {"progress": [1, 2, 3]},
    {"error": {"message": "of no kind"}},
    {"item": {}, "result": {}},
    {"something": {}},
]


@pytest.mark.parametrize(
    "said",
    [
        b"\xc1",
        b"\x91" * 2000,  # deeper than anything is
        b"\x81\xa1\xff\x01",  # no UTF-8
        b"\x81\x01\x02",
        b"\xdd\x04\x00\x00\x00",  # a list of 64 million
        b"\xdf\xff\xff\xff\xff",
        *map(msgpack.packb, NONE),
    ],
)
def test_anything_else_is_no_answer(said: bytes) -> None:
    with pytest.raises(Garbled, match="no answer"):
        list(AnswerMessages().read(said))


def test_a_message_that_does_not_end_is_not_kept() -> None:
    messages, piece = AnswerMessages(), bytes(2**20)
    assert list(messages.read(b"\x81\xa4item\x81\xa1a\xc6\xff\xff\xff\xff")) == []
    fed = 0
    with pytest.raises(Garbled, match="larger than"):
        while True:
            assert list(messages.read(piece)) == []
            fed += len(piece)
    assert fed <= MESSAGE_SIZE_BYTES_MAX
