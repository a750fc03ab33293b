import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.sandbox.wire import (
    ANSWER,
    CANCEL,
    CHUNK_BYTES_MAX,
    CREDIT,
    DATA,
    END,
    HEAD_BYTES,
    JSON_BYTES_MAX,
    RAW_KINDS,
    STREAM_MAX,
    Frame,
    FrameReader,
    Garbled,
    cost,
    decode_credit,
    decode_json,
    encode_credit,
    encode_json,
    frame,
)

STREAMS = st.integers(0, STREAM_MAX)
RAW = st.tuples(st.sampled_from(sorted(RAW_KINDS)), STREAMS, st.binary(max_size=300))
EMPTY = st.tuples(st.sampled_from([END, CANCEL]), STREAMS, st.just(b""))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
TABLES = st.dictionaries(st.text(), VALUES, max_size=4)


def read(data: bytes, size: int) -> tuple[list[Frame], str | None]:
    """What is read of bytes that come in pieces, and why no more is."""
    reader, found = FrameReader(), list[Frame]()
    try:
        for at in range(0, len(data), size):
            found += reader.feed(data[at : at + size])
            assert reader.kept_bytes <= HEAD_BYTES + JSON_BYTES_MAX
    except Garbled as error:
        return found, error.why
    return found, None


@given(st.lists(RAW | EMPTY), st.integers(1, 400))
def test_frames_are_the_same_however_the_bytes_are_cut(frames: list[Frame], size: int) -> None:
    data = b"".join(frame(*each) for each in frames)
    assert read(data, size) == (frames, None)


@given(st.binary(max_size=200), st.integers(1, 50))
def test_any_bytes_are_frames_or_garbled(data: bytes, size: int) -> None:
    found, why = read(data, size)
    in_one, why_in_one = read(data, max(1, len(data)))
    assert why_in_one == why
    # What comes with garbage in one piece may not be told of any more.
    assert in_one == found[: len(in_one)]
    assert why is not None or in_one == found


@given(TABLES)
def test_a_table_survives_the_way(table: dict[str, object]) -> None:
    assert decode_json(encode_json(table)) == table


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"[]",
        b"5",
        b"null",
        b'"x"',
        b"\xff",
        b"[" * 500_000,
        b'{"a":' + b"9" * 5000 + b"}",
    ],
    ids=["nothing", "half", "list", "number", "null", "text", "no UTF-8", "deep", "huge"],
)
def test_what_is_no_table_is_garbled(payload: bytes) -> None:
    with pytest.raises(Garbled):
        decode_json(payload)


def test_a_table_that_is_too_large_is_not_sent() -> None:
    with pytest.raises(Garbled, match="no more than 1,048,576 go at once"):
        encode_json({"text": "x" * JSON_BYTES_MAX})


def test_a_name_that_is_no_utf_8_survives() -> None:
    assert decode_json(encode_json({"name": "\udcff"})) == {"name": "\udcff"}


@given(st.integers(0, 2**32 - 1))
def test_a_credit_survives_the_way(size: int) -> None:
    assert decode_credit(encode_credit(size)) == size


def test_a_credit_has_four_bytes() -> None:
    with pytest.raises(Garbled):
        decode_credit(b"\0\0\0")


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        (DATA, CHUNK_BYTES_MAX + 1),
        (ANSWER, JSON_BYTES_MAX + 1),
        (END, 1),
        (CREDIT, 5),
        (0, 0),
        (10, 0),
    ],
)
def test_a_frame_that_may_not_be_is_refused_by_its_head(kind: int, size: int) -> None:
    head = size.to_bytes(4, "big") + bytes([kind]) + bytes(4)
    found, why = read(frame(END, 1) + head, 1000)
    assert found == [(END, 1, b"")]
    assert why is not None
    assert f"of kind {kind}" in why


def test_a_byte_costs_what_it_takes() -> None:
    assert cost(1) > 100
    assert json.loads(encode_json({"a": 1})) == {"a": 1}
