"""The frame reader and writer, byte by byte; and that aiohttp's inside is what we lean on."""

import inspect
import tracemalloc
from dataclasses import dataclass, field

import pytest
from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.sockets.boundaries import Boundaries
from perdure.runtime.sockets.frames import (
    FrameReader,
    encode_close,
    encode_frame,
    encode_message,
    encode_pong,
)
from tests.wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close_frame, frame

MAX = 1000


@dataclass
class Heard:
    """Whatever a reader has called."""

    messages: list[str | bytes] = field(default_factory=list)
    closes: list[tuple[int | None, str]] = field(default_factory=list)
    pings: list[bytes] = field(default_factory=list)
    pongs: list[bytes] = field(default_factory=list)
    broken: list[tuple[int, str]] = field(default_factory=list)

    def reader(self, size_max: int = MAX, *, masked: bool = True) -> FrameReader:
        return FrameReader(self, size_max, masked=masked)

    def on_message(self, message: str | bytes) -> None:
        self.messages.append(message)

    def on_close(self, code: int | None, reason: str) -> None:
        self.closes.append((code, reason))

    def on_ping(self, payload: bytes) -> None:
        self.pings.append(payload)

    def on_pong(self, payload: bytes) -> None:
        self.pongs.append(payload)

    def on_broken(self, code: int, why: str) -> None:
        self.broken.append((code, why))


def read(*data: bytes, size_max: int = MAX, masked: bool = True) -> Heard:
    heard = Heard()
    reader = heard.reader(size_max, masked=masked)
    for piece in data:
        reader.feed(piece)
    return heard


# What aiohttp has to be.


def test_the_c_reader_is_there_and_has_the_hooks_that_we_lean_on() -> None:
    assert WebSocketReader.__module__ == "aiohttp._websocket.reader_c"
    assert callable(WebSocketReader._handle_frame)
    assert callable(WebSocketDataQueue.feed_data)
    assert callable(WebSocketDataQueue.set_exception)
    assert not inspect.isfunction(WebSocketReader.feed_data), "compiled"


# Messages.


def test_text_and_bytes_are_told_apart() -> None:
    heard = read(frame(TEXT, "grüß dich") + frame(BINARY, b"\x00\xff"))
    assert heard.messages == ["grüß dich", b"\x00\xff"]
    assert type(heard.messages[1]) is bytes


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 70000])
def test_every_form_of_length_is_read_and_written(size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    sent = data[:size]
    assert read(frame(BINARY, sent), size_max=70000).messages == [sent]
    assert read(encode_message(sent), size_max=70000, masked=False).messages == [sent]
    assert read(encode_message(sent, mask=True), size_max=70000).messages == [sent]


@given(
    messages=st.lists(st.one_of(st.text(), st.binary(max_size=300)), max_size=5),
    cuts=st.lists(st.integers(1, 40), min_size=1, max_size=30),
)
def test_messages_arrive_however_they_are_cut(messages: list[str | bytes], cuts: list[int]) -> None:
    data = b"".join(encode_message(message, mask=True) for message in messages)
    pieces: list[bytes] = []
    at = 0
    while at < len(data):
        size = cuts[len(pieces) % len(cuts)]
        pieces.append(data[at : at + size])
        at += size
    assert read(*pieces, size_max=10000).messages == messages


def test_a_message_in_fragments_is_one_message() -> None:
    heard = read(
        frame(TEXT, "to", final=False),
        frame(CONTINUATION, "ge", final=False),
        frame(CONTINUATION, "ther"),
    )
    assert heard.messages == ["together"]


def test_empty_fragments_count_as_fragments() -> None:
    heard = read(frame(TEXT, "", final=False), frame(CONTINUATION, "", final=False))
    assert heard.messages == []
    assert read(frame(BINARY, b"", final=False), frame(CONTINUATION)).messages == [b""]


def test_control_frames_between_fragments_are_heard_at_once() -> None:
    heard = Heard()
    reader = heard.reader()
    reader.feed(frame(TEXT, "a", final=False) + frame(PING, b"now"))
    assert (heard.pings, heard.messages) == ([b"now"], [])
    reader.feed(frame(PONG, b"unasked") + frame(CONTINUATION, "b"))
    assert heard.messages == ["ab"]


def test_a_character_may_be_split_over_fragments() -> None:
    first, second = "ü".encode()[:1], "ü".encode()[1:]
    heard = read(frame(TEXT, first, final=False), frame(CONTINUATION, second))
    assert heard.messages == ["ü"]


# Size.


def test_the_limit_itself_is_allowed_and_one_more_is_not() -> None:
    assert read(frame(BINARY, b"x" * MAX)).messages == [b"x" * MAX]
    assert read(frame(BINARY, b"x" * (MAX + 1))).broken == [(1009, "a message may have 1000 bytes")]


def test_a_message_that_is_too_large_is_refused_before_it_has_come() -> None:
    head = bytes([0x80 | BINARY, 0x80 | 127]) + (2**62).to_bytes(8, "big")
    assert read(head).broken[0][0] == 1009


def test_a_length_beyond_all_measure_is_refused() -> None:
    head = bytes([0x80 | BINARY, 0x80 | 127]) + (2**64 - 1).to_bytes(8, "big")
    assert read(head).broken[0][0] == 1009


def test_fragments_are_counted_together() -> None:
    heard = read(frame(BINARY, b"x" * 600, final=False), frame(CONTINUATION, b"x" * 400))
    assert len(heard.messages[0]) == MAX
    heard = read(frame(BINARY, b"x" * 600, final=False), frame(CONTINUATION, b"x" * 401))
    assert (heard.messages, heard.broken[0][0]) == ([], 1009)


# What breaks the protocol.


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(frame(TEXT, b"\xff\xfe"), 1007, id="text that is not UTF-8"),
        pytest.param(frame(TEXT, b"\xed\xa0\x80"), 1007, id="a surrogate in UTF-8"),
        pytest.param(frame(TEXT, b"\xc3"), 1007, id="half a character"),
        pytest.param(frame(0x3), 1002, id="unknown opcode"),
        pytest.param(frame(0x7, "x"), 1002, id="another unknown opcode"),
        pytest.param(frame(0xB), 1002, id="unknown control opcode"),
        pytest.param(frame(0xF), 1002, id="another unknown control opcode"),
        pytest.param(frame(TEXT, "x", reserved=0x40), 1002, id="reserved bit 1: compressed"),
        pytest.param(frame(TEXT, "x", reserved=0x20), 1002, id="reserved bit 2"),
        pytest.param(frame(TEXT, "x", reserved=0x10), 1002, id="reserved bit 3"),
        pytest.param(frame(PING, "x", reserved=0x40), 1002, id="reserved bit of a ping"),
        pytest.param(frame(PING, "x", final=False), 1002, id="ping in fragments"),
        pytest.param(frame(CLOSE, final=False), 1002, id="close in fragments"),
        pytest.param(frame(PING, b"x" * 126), 1002, id="long ping"),
        pytest.param(frame(CLOSE, b"\x03\xe8" + b"x" * 124), 1002, id="long close"),
        pytest.param(frame(CONTINUATION, "x"), 1002, id="continuation of nothing"),
        pytest.param(
            frame(TEXT, "a", final=False) + frame(TEXT, "b"), 1002, id="message within a message"
        ),
        pytest.param(
            frame(TEXT, "a", final=False) + frame(BINARY, "b", final=False),
            1002,
            id="fragment within a message",
        ),
        pytest.param(frame(CLOSE, b"\x03"), 1002, id="half a close code"),
        pytest.param(close_frame(999), 1002, id="close code below 1000"),
        pytest.param(close_frame(1004), 1002, id="close code 1004"),
        pytest.param(close_frame(1005), 1002, id="close code 1005"),
        pytest.param(close_frame(1006), 1002, id="close code 1006"),
        pytest.param(close_frame(1015), 1002, id="close code 1015"),
        pytest.param(close_frame(1100), 1002, id="close code 1100"),
        pytest.param(close_frame(2999), 1002, id="close code 2999"),
        pytest.param(close_frame(5000), 1002, id="close code 5000"),
        pytest.param(close_frame(65535), 1002, id="close code 65535"),
        pytest.param(close_frame(1000, b"\xff"), 1007, id="close reason that is not UTF-8"),
        pytest.param(frame(TEXT, "x", mask=False), 1002, id="unmasked text"),
        pytest.param(frame(BINARY, mask=False), 1002, id="unmasked and empty"),
        pytest.param(frame(PING, "x", mask=False), 1002, id="unmasked ping"),
        pytest.param(frame(CLOSE, mask=False), 1002, id="unmasked close"),
        pytest.param(frame(TEXT, "x" * 500, mask=False), 1002, id="unmasked and longer"),
    ],
)
def test_what_breaks_the_protocol_is_told_with_its_code(data: bytes, code: int) -> None:
    heard = read(frame(TEXT, "before"), data)
    assert [c for c, _ in heard.broken] == [code]
    assert heard.broken[0][1], "with a reason"
    assert (heard.messages, heard.closes) == (["before"], [])


def test_what_breaks_the_protocol_does_so_byte_by_byte_too() -> None:
    data = frame(TEXT, "before") + frame(TEXT, "x" * 200, mask=False)
    heard = read(*[data[i : i + 1] for i in range(len(data))])
    assert (heard.messages, [code for code, _ in heard.broken]) == (["before"], [1002])


def test_a_server_must_not_mask() -> None:
    assert read(frame(TEXT, "x", mask=False), masked=False).messages == ["x"]
    assert read(frame(TEXT, "x"), masked=False).broken[0][0] == 1002
    assert read(close_frame(1000), masked=False).broken[0][0] == 1002


def test_a_long_frame_of_a_server_in_very_many_pieces_is_no_masked_one() -> None:
    data = encode_message(b"x" * 3000)
    heard = read(*[data[i : i + 1] for i in range(len(data))], size_max=3000, masked=False)
    assert (heard.broken, heard.messages) == ([], [b"x" * 3000])


# Close frames.


def test_close_frames_say_code_and_reason() -> None:
    assert read(close_frame(1000, "bye")).closes == [(1000, "bye")]
    assert read(close_frame(4999, "grüße")).closes == [(4999, "grüße")]
    assert read(close_frame()).closes == [(None, "")]


@pytest.mark.parametrize("code", [1001, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000])
def test_close_codes_that_may_be_sent_are_heard(code: int) -> None:
    assert read(close_frame(code)).closes == [(code, "")]


def test_close_frames_are_written_as_they_are_read() -> None:
    for said in ((None, ""), (1000, ""), (4000, "ü" * 61)):
        assert read(encode_close(said), masked=False).closes == [said]
        assert read(encode_close(said, mask=True)).closes == [said]


def test_a_pong_carries_its_ping() -> None:
    assert encode_pong(b"same") == frame(PONG, b"same", mask=False)
    heard = read(encode_pong(b"same", mask=True))
    assert (heard.messages, heard.pings, heard.broken) == ([], [], [])


# Errors.


class FailsAtBad(Heard):
    def on_message(self, message: str | bytes) -> None:
        super().on_message(message)
        if message == "bad":
            raise KeyboardInterrupt


def test_what_a_callback_raises_comes_out_of_feed_and_later_frames_are_read() -> None:
    heard = FailsAtBad()
    reader = heard.reader()
    with pytest.raises(KeyboardInterrupt):
        reader.feed(frame(TEXT, "bad") + frame(TEXT, "good"))
    reader.feed(frame(TEXT, "next"))
    assert heard.messages == ["bad", "good", "next"]


# Text in fragments is looked at as it comes.


def test_bad_text_is_refused_with_the_fragment_that_shows_it() -> None:
    heard = read(frame(TEXT, "good", final=False), frame(CONTINUATION, b"\xff", final=False))
    assert [code for code, _ in heard.broken] == [1007]


def test_half_a_character_is_waited_for_until_the_last_fragment() -> None:
    heard = read(frame(TEXT, b"\xc3", final=False), frame(CONTINUATION, b"", final=False))
    assert heard.broken == []
    assert read(frame(TEXT, b"\xc3", final=False), frame(CONTINUATION)).broken[0][0] == 1007


def test_fragments_without_anything_in_them_are_not_kept() -> None:
    heard = Heard()
    reader = heard.reader()
    reader.feed(frame(BINARY, b"a", final=False))
    tracemalloc.start()
    for _ in range(5000):
        reader.feed(frame(CONTINUATION, b"", final=False))
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 20_000
    reader.feed(frame(CONTINUATION, b"b"))
    assert heard.messages == [b"ab"]


# A reader that lets go of its connection.


@given(
    cut=st.integers(0, 1200),
    masked=st.booleans(),
    pieces=st.lists(st.binary(max_size=300), min_size=1, max_size=4),
)
def test_another_reader_goes_on_where_one_has_let_go(
    cut: int, masked: bool, pieces: list[bytes]
) -> None:
    def encoded(opcode: int, payload: bytes, *, is_final: bool = True) -> bytes:
        data = bytearray(encode_frame(opcode, payload, mask=masked))
        if not is_final:
            data[0] &= 0x7F
        return bytes(data)

    whole = encoded(TEXT, "ä".encode())
    for place, piece in enumerate(pieces):
        is_last = place == len(pieces) - 1
        whole += encoded(CONTINUATION if place else BINARY, piece, is_final=is_last)
        whole += b"" if is_last else encoded(PING, b"are you there?")
    whole += encoded(TEXT, b"end")
    one, other = Heard(), Heard()
    first = one.reader(2000, masked=masked)
    boundaries = Boundaries()
    cut = min(cut, len(whole))
    for data in (whole[: cut // 2], whole[cut // 2 : cut]):
        boundaries.read(data)
        first.feed(data)
    assert first.can_let_go
    second = other.reader(2000, masked=masked)
    second.feed(first.let_go(boundaries))
    second.feed(whole[cut:])
    assert one.messages + other.messages == ["ä", b"".join(pieces), "end"]
    assert len(one.pings) + len(other.pings) == len(pieces) - 1
    assert not one.broken
    assert not other.broken


def test_text_that_is_cut_within_a_character_goes_on_in_another_reader() -> None:
    one, other = Heard(), Heard()
    first, second = one.reader(), other.reader()
    boundaries = Boundaries()
    data = frame(TEXT, b"\xc3", final=False)
    boundaries.read(data)
    first.feed(data)
    second.feed(first.let_go(boundaries))
    second.feed(frame(CONTINUATION, b"\xa4"))
    assert other.messages == ["ä"]
