"""Compressed messages, byte by byte."""

import tracemalloc
import zlib
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.sockets.deflate import Deflate, InflatingReader, deflate
from tests.runtime.sockets.test_frames import MAX, Heard
from tests.wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close_frame, frame

RSV1 = 0x40
# RFC 7692, section 7.2.3: what "Hello" may become.
HELLO = {
    "one block": "f248cdc9c90700",
    "one block without compression": "000500faff48656c6c6f00",
    "a last block": "f348cdc9c9070000",
    "two blocks": "f248050000 00ffffcac9c90700",
}


def packed(text: str | bytes) -> bytes:
    return deflate(text.encode() if isinstance(text, str) else text, 15)


def compressed(opcode: int, payload: bytes, *, final: bool = True) -> bytes:
    return frame(opcode, payload, final=final, reserved=RSV1)


def read(*data: bytes, size_max: int = MAX, masked: bool = True) -> Heard:
    heard = Heard()
    reader = InflatingReader(heard, size_max, masked=masked)
    for piece in data:
        reader.feed(piece)
    return heard


def singly(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


# Reading.


@pytest.mark.parametrize("form", HELLO)
def test_the_examples_of_the_rfc_are_read(form: str) -> None:
    data = bytes.fromhex(HELLO[form])
    assert read(compressed(TEXT, data)).messages == ["Hello"]
    assert read(compressed(BINARY, data)).messages == [b"Hello"]
    assert read(*singly(compressed(TEXT, data))).messages == ["Hello"]


def test_the_example_in_fragments_is_read() -> None:
    data = bytes.fromhex(HELLO["one block"])
    heard = read(
        compressed(TEXT, data[:3], final=False) + frame(PING, "now"), frame(CONTINUATION, data[3:])
    )
    assert (heard.messages, heard.pings) == (["Hello"], [b"now"])


def test_a_last_block_without_an_empty_one_after_it_is_read_too() -> None:
    assert read(compressed(TEXT, bytes.fromhex("f348cdc9c90700"))).messages == ["Hello"]


def test_compressed_messages_and_others_take_turns() -> None:
    heard = read(
        frame(TEXT, "a")
        + compressed(TEXT, packed("b"))
        + frame(TEXT, "c", final=False)
        + frame(CONTINUATION, "d")
        + compressed(BINARY, packed(b"e" * 100), final=False)
        + frame(CONTINUATION)
        + frame(BINARY, b"f")
    )
    assert heard.messages == ["a", "b", "cd", b"e" * 100, b"f"]
    assert {type(m) for m in heard.messages} == {str, bytes}


def test_compressed_messages_follow_each_other_without_end() -> None:
    assert read(*[compressed(TEXT, packed("a"))] * 100).messages == ["a"] * 100


def test_an_empty_message_may_be_compressed() -> None:
    assert read(compressed(TEXT, b"\x00")).messages == [""]


def test_what_a_server_sends_is_read() -> None:
    data = frame(TEXT, packed("Hello"), mask=False, reserved=RSV1)
    assert read(data, masked=False).messages == ["Hello"]
    assert read(data).broken[0][0] == 1002, "a client has to mask"
    assert read(compressed(TEXT, packed("a")), masked=False).broken[0][0] == 1002


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(compressed(TEXT, b"\xff\xff"), 1007, id="no deflate data"),
        pytest.param(compressed(TEXT, packed("Hello")[:3]), 1007, id="a part of some"),
        pytest.param(compressed(TEXT, b"\x03\x00" * 40), 1007, id="very many last blocks"),
        pytest.param(compressed(BINARY, b"\0\x64\0\x9b\xffabc"), 1007, id="3 of 100 bytes"),
        pytest.param(compressed(TEXT, packed(b"\xff")), 1007, id="text that is not UTF-8"),
        pytest.param(compressed(TEXT, packed("ü".encode()[:1])), 1007, id="half a character"),
        pytest.param(compressed(CONTINUATION, packed("a")), 1002, id="continuation of nothing"),
        pytest.param(frame(TEXT, "a", reserved=0x60), 1002, id="another reserved bit"),
        pytest.param(compressed(PING, b"a"), 1002, id="a ping"),
        pytest.param(compressed(PONG, b""), 1002, id="a pong"),
        pytest.param(compressed(CLOSE, b"\x03\xe8"), 1002, id="a close frame"),
        pytest.param(
            compressed(TEXT, packed("a")[:1], final=False) + compressed(CONTINUATION, b"\x00"),
            1002,
            id="the bit on a later fragment",
        ),
        pytest.param(
            frame(TEXT, "a", final=False) + compressed(CONTINUATION, packed("b")),
            1002,
            id="the bit on a later fragment only",
        ),
        pytest.param(
            compressed(TEXT, b"", final=False) + compressed(PING, b"a"), 1002, id="ping within"
        ),
        pytest.param(
            compressed(TEXT, packed("a"), final=False) + frame(TEXT, "b"), 1002, id="within another"
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_code(data: bytes, code: int) -> None:
    for pieces in ([frame(TEXT, "before"), data], singly(frame(TEXT, "before") + data)):
        heard = read(*pieces)
        assert ([c for c, _ in heard.broken], heard.messages) == ([code], ["before"])
        assert (heard.pings, heard.pongs, heard.closes) == ([], [], [])
        assert heard.broken[0][1], "with a reason"


def test_bad_text_is_refused_with_the_fragment_that_shows_it() -> None:
    stream = zlib.compressobj(wbits=-15)
    first = stream.compress(b"good\xff") + stream.flush(zlib.Z_SYNC_FLUSH)
    assert read(compressed(TEXT, first, final=False)).broken[0][0] == 1007


def test_the_limit_is_that_of_the_inflated_message() -> None:
    assert read(compressed(BINARY, packed(b"x" * MAX))).messages == [b"x" * MAX]
    heard = read(compressed(BINARY, packed(b"x" * (MAX + 1))))
    assert heard.broken == [(1009, "a message may have 1000 bytes")]
    data = packed(b"x" * (MAX + 1))
    heard = read(compressed(BINARY, data[:2], final=False), frame(CONTINUATION, data[2:]))
    assert (heard.messages, heard.broken[0][0]) == ([], 1009)


def test_the_limit_is_that_of_all_fragments_together() -> None:
    for size, expected in ((MAX // 2, [b"x" * MAX]), (MAX // 2 + 1, [])):
        stream = zlib.compressobj(wbits=-15)
        half = [stream.compress(b"x" * size) + stream.flush(zlib.Z_SYNC_FLUSH) for _ in range(2)]
        first = compressed(BINARY, half[0], final=False)
        heard = read(first, frame(CONTINUATION, half[1].removesuffix(b"\0\0\xff\xff")))
        assert heard.messages == expected
        assert [code for code, _ in heard.broken] == ([] if expected else [1009])


def test_what_would_be_too_large_is_not_inflated() -> None:
    data = compressed(BINARY, packed(b"\x00" * 50_000_000))
    assert len(data) < 300_000
    reader = InflatingReader(heard := Heard(), 400_000, masked=True)
    tracemalloc.start()
    reader.feed(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert heard.broken[0][0] == 1009
    assert peak < 4_000_000


def test_control_frames_are_none_of_it() -> None:
    heard = read(*singly(frame(PING, b"\xc9" * 100) + frame(PONG, b"\xc8") + close_frame(1000)))
    assert (heard.pings, heard.pongs, heard.broken) == ([b"\xc9" * 100], [b"\xc8"], [])
    assert heard.closes == [(1000, "")]


# Writing.


@pytest.mark.parametrize("window_bits", range(9, 16))
@given(data=st.lists(st.sampled_from([b"abc" * 50, b"x", bytes(range(256))]), max_size=30))
def test_what_is_written_needs_no_larger_window(window_bits: int, data: list[bytes]) -> None:
    # Repeats itself just beyond the window: whoever looked further back would say so.
    noise = Random(window_bits).randbytes(2**window_bits + 100)
    for payload in (b"".join(data), noise * 2):
        stream = zlib.decompressobj(-window_bits)
        assert stream.decompress(deflate(payload, window_bits) + b"\0\0\xff\xff") == payload


def test_short_messages_and_those_that_get_longer_are_sent_as_they_are() -> None:
    noise = bytes(range(256))
    small = Deflate(15, 10)
    assert small.encode("a" * 9) == frame(TEXT, "a" * 9, mask=False)
    assert small.encode(noise) == frame(BINARY, noise, mask=False)
    assert small.encode("a" * 10)[:1] == bytes((0x80 | RSV1 | TEXT,))
    assert Deflate(15, 0).encode("") == frame(TEXT, mask=False)


@pytest.mark.parametrize("message", ["grüße" * 1000, b"\x00\xff" * 100_000])
def test_what_is_written_is_read(message: str | bytes) -> None:
    how = Deflate(15, 100)
    sent = how.encode(message)
    assert len(sent) < 1000
    assert read(sent, size_max=300_000, masked=False).messages == [message]
    assert read(how.encode_masked(message), size_max=300_000).messages == [message]
