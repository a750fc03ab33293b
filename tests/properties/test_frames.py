"""The frame readers on streams that nobody thought of: whole and cut, beside ``websockets``.

What ``websockets``' sans-I/O protocol makes of the same bytes is the oracle.
"""

import itertools
import re
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State

from perdure.runtime.sockets.deflate import Deflate, InflatingReader, deflate
from perdure.runtime.sockets.frames import FrameReader
from tests.properties.examples import examples
from tests.wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT

MAX = 2**20
READERS: list[type[FrameReader]] = [FrameReader, InflatingReader]
RSV1 = 0x40


@dataclass
class Heard:
    """What a reader has called, in its order, up to the end of the conversation."""

    calls: list[tuple[Any, ...]] = field(default_factory=list)
    is_over: bool = False

    def _note(self, *call: Any, is_last: bool = False) -> None:
        if not self.is_over:
            self.calls.append(call)
            self.is_over = is_last

    def on_message(self, message: str | bytes) -> None:
        self._note("message", message)

    def on_close(self, code: int | None, reason: str) -> None:
        self._note("close", code, reason, is_last=True)

    def on_ping(self, payload: bytes) -> None:
        self._note("ping", payload)

    def on_pong(self, payload: bytes) -> None:
        self._note("pong", payload)

    def on_broken(self, code: int, why: str) -> None:
        assert ("broken",) not in [call[:1] for call in self.calls], "once"
        assert why
        self._note("broken", code, is_last=True)


# Streams.


def framed(
    opcode: int,
    payload: bytes,
    *,
    final: bool = True,
    rsv: int = 0,
    key: bytes | None,
    form: int = 0,
) -> bytes:
    """A frame; ``form`` is how many bytes its size has at least."""
    size = len(payload)
    form = max(form, 0 if size < 126 else 2 if size < 65536 else 8)
    flag = {0: size, 2: 126, 8: 127}[form]
    head = bytes([(0x80 if final else 0) | rsv | opcode, (0x80 if key else 0) | flag])
    head += size.to_bytes(form, "big") if form else b""
    if key is None:
        return head + payload
    return head + key + bytes(a ^ b for a, b in zip(payload, itertools.cycle(key), strict=False))


KEYS = st.binary(min_size=4, max_size=4)
TEXTS = st.text(max_size=40).map(str.encode)
PAYLOADS = st.one_of(
    TEXTS,
    st.binary(max_size=150),
    st.sampled_from(
        [b"\xe2\x82", b"\xac", b"\xff", b"\xed\xa0\x80", "€".encode() * 50, b"x" * 130]
    ),
)
CLOSES = st.tuples(st.integers(0, 5001), TEXTS).map(lambda c: c[0].to_bytes(2, "big") + c[1])


@st.composite
def frames(draw: st.DrawFn, *, masked: bool) -> bytes:
    """A frame of any kind, most of them as they should be."""
    opcode = draw(st.sampled_from([TEXT, BINARY, CONTINUATION, CONTINUATION, PING, PONG, CLOSE, 3]))
    return framed(
        opcode,
        draw(CLOSES if opcode == CLOSE else PAYLOADS),
        final=draw(st.sampled_from([True, True, False])) or opcode == PING,
        rsv=draw(st.sampled_from([0] * 15 + [0x10])),
        key=draw(KEYS) if masked != draw(st.sampled_from([False] * 15 + [True])) else None,
        form=draw(st.sampled_from([0, 0, 0, 2, 8])),
    )


@st.composite
def messages(draw: st.DrawFn, *, masked: bool, compressed: bool = False) -> bytes:
    """A message in fragments, with pings between them."""
    opcode = draw(st.sampled_from([TEXT, BINARY]))
    payload = draw(TEXTS if opcode == TEXT else st.binary(max_size=300))
    rsv = RSV1 if compressed and draw(st.booleans()) else 0
    payload = deflate(payload, 15) if rsv else payload
    cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=3)))
    parts = [payload[a:b] for a, b in itertools.pairwise([0, *cuts, len(payload)])]
    out = b""
    for index, part in enumerate(parts):
        is_last = index == len(parts) - 1
        key = draw(KEYS) if masked else None
        out += framed(
            CONTINUATION if index else opcode,
            part,
            final=is_last,
            rsv=0 if index else rsv,
            key=key,
        )
        if not is_last and draw(st.booleans()):
            out += framed(PING, draw(st.binary(max_size=125)), key=key)
    return out


@st.composite
def streams(draw: st.DrawFn, *, masked: bool, compressed: bool = False) -> bytes:
    """Messages and other frames, and perhaps a few bytes that are not what they were."""
    kinds = [messages(masked=masked, compressed=compressed), frames(masked=masked)]
    data = bytearray(b"".join(draw(st.lists(st.one_of(kinds), max_size=6))))
    for _ in range(draw(st.integers(0, 2)) if data else 0):
        at = draw(st.integers(0, len(data) - 1))
        data[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=3))
        if not data:
            break
    return bytes(data)


def pieces(data: bytes, cuts: Sequence[int]) -> Iterator[bytes]:
    at = 0
    for size in itertools.cycle(cuts):
        if at >= len(data):
            return
        yield data[at : at + size]
        at += size


CUTS = st.lists(st.integers(1, 60), min_size=1, max_size=10)


def read(kind: type[FrameReader], data: Iterator[bytes] | list[bytes], **how: Any) -> Heard:
    heard = Heard()
    reader = kind(heard, how.pop("size_max", MAX), **how)
    for piece in data:
        reader.feed(piece)
    return heard


# What holds for every stream.


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("masked", [True, False])
@examples(40)
@given(data=st.data(), cuts=CUTS, size_max=st.sampled_from([0, 10, 100, MAX]))
def test_however_a_stream_is_cut_the_same_is_heard(
    kind: type[FrameReader], data: st.DataObject, cuts: list[int], size_max: int, *, masked: bool
) -> None:
    stream = data.draw(streams(masked=masked, compressed=True))
    how = {"masked": masked, "size_max": size_max}
    whole = read(kind, [stream], **how)
    assert read(kind, pieces(stream, cuts), **how) == whole
    assert read(kind, pieces(stream, [1]), **how) == whole
    for call in whole.calls:
        if call[0] == "message":
            assert len(call[1]) <= size_max
        assert call[0] != "broken" or call[1] in {1002, 1007, 1009}


@pytest.mark.parametrize("kind", READERS)
@examples(60)
@given(noise=st.binary(max_size=300), cuts=CUTS)
def test_noise_is_read_or_refused(kind: type[FrameReader], noise: bytes, cuts: list[int]) -> None:
    for masked in (True, False):
        assert read(kind, pieces(noise, cuts), masked=masked) == read(kind, [noise], masked=masked)


@pytest.mark.parametrize("kind", READERS)
@examples(6)
@given(cut=st.integers(200, 2000), data=st.data())
def test_what_is_held_is_bounded_by_the_limit(
    kind: type[FrameReader], cut: int, data: st.DataObject
) -> None:
    unit = data.draw(messages(masked=True, compressed=kind is InflatingReader))
    limit = 4096
    start = framed(data.draw(st.sampled_from([TEXT, BINARY])), b"", final=False, key=b"1234")
    part = data.draw(st.sampled_from([b"", b"x", b"x" * 1000, b"x" * limit]))
    endless = framed(CONTINUATION, part, final=False, key=b"1234")
    stream = unit + start + endless * (400_000 // len(endless))
    heard = Heard()
    reader = kind(heard, limit, masked=True)
    tracemalloc.start()
    for piece in pieces(stream, [cut]):
        reader.feed(piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The message, as much again in a frame that is not whole yet, the piece, and copies of these.
    assert peak < 10 * limit + 40_000
    assert not part or heard.calls[-1] == ("broken", 1009)


# Beside another implementation.


def oracle(stream: bytes, *, masked: bool, extensions: Sequence[PerMessageDeflate] = ()) -> Heard:
    """What ``websockets`` makes of it, with messages put together and text decoded."""
    side = Side.SERVER if masked else Side.CLIENT
    protocol = Protocol(side, state=State.OPEN, max_size=MAX)
    protocol.extensions = list(extensions)
    protocol.receive_data(stream)
    heard = Heard()
    opcode, parts = Opcode.BINARY, b""
    for event in protocol.events_received():
        if heard.is_over:
            return heard
        assert isinstance(event, Frame)
        payload = bytes(event.data)
        if event.opcode in {Opcode.PING, Opcode.PONG}:
            heard._note(event.opcode.name.lower(), payload)
        elif event.opcode is Opcode.CLOSE:
            assert protocol.close_rcvd is not None
            code = protocol.close_rcvd.code
            heard._note(
                "close", None if code == 1005 else code, protocol.close_rcvd.reason, is_last=True
            )
        else:
            if event.opcode is not Opcode.CONT:
                opcode, parts = event.opcode, b""
            parts += payload
            if opcode is Opcode.TEXT and not may_be_text(parts, is_whole=event.fin):
                heard.on_broken(1007, "text")
            elif event.fin:
                heard.on_message(parts.decode() if opcode is Opcode.TEXT else parts)
    if protocol.parser_exc is not None and protocol.close_sent is not None:
        heard._note("broken", int(protocol.close_sent.code), is_last=True)
    return heard


def may_be_text(data: bytes, *, is_whole: bool) -> bool:
    """Whether it is UTF-8, or may yet become some: up to three bytes are still to come."""
    if is_whole:
        try:
            data.decode()
        except UnicodeDecodeError:
            return False
        return True
    ends = (
        b"",
        b"\x80",
        b"\x90",
        b"\xa0",
        b"\x80\x80",
        b"\x90\x80",
        b"\xa0\x80",
        b"\x90\x80\x80",
        b"\x80\x80\x80",
    )
    return any(may_be_text(data + end, is_whole=True) for end in ends)


def before(heard: Heard) -> list[tuple[Any, ...]]:
    """What was heard before something was wrong."""
    return heard.calls[:-1] if code(heard) else heard.calls


def code(heard: Heard) -> int | None:
    """What was wrong in the end."""
    return heard.calls[-1][1] if heard.calls and heard.calls[-1][0] == "broken" else None


def agree(ours: Heard, theirs: Heard) -> bool:
    """Whether both hear the same.

    A frame with several faults has several codes, and one that is not whole may be refused by
    one and waited for by the other. The other implementation refuses a close frame between the
    fragments of a message, where any control frame may stand (RFC 6455, section 5.4).
    """
    if ours.calls and ours.calls[-1][0] == "close":
        refused = [*ours.calls[:-1], ("broken", 1002)]
        if theirs.calls == refused:
            return True
    codes = {code(ours), code(theirs)}
    return before(ours) == before(theirs) and (len(codes) == 1 or bool(codes & {None, 1002}))


# Ends frames that are not whole; itself no frame that a client may send.
PADDING = bytes(200)
# A control frame that says its size, 125 or less, in more bytes than it needs: ours refuses it.
LONG_CONTROL = re.compile(rb"[\x88-\x8a][\x7e\x7f\xfe\xff]")


@pytest.mark.parametrize("masked", [True, False])
@examples(60)
@given(data=st.data())
def test_it_hears_what_another_implementation_hears(data: st.DataObject, *, masked: bool) -> None:
    stream = data.draw(streams(masked=masked)) + PADDING
    assume(not LONG_CONTROL.search(stream))
    ours = read(FrameReader, [stream], masked=masked)
    assert agree(ours, oracle(stream, masked=masked)), (ours, oracle(stream, masked=masked))


@pytest.mark.parametrize("masked", [True, False])
@examples(40)
@given(data=st.data())
def test_it_hears_the_same_in_streams_that_are_as_they_should_be(
    data: st.DataObject, *, masked: bool
) -> None:
    kinds = messages(masked=masked, compressed=True)
    stream = b"".join(data.draw(st.lists(kinds, max_size=5)))
    ours = read(InflatingReader, [stream], masked=masked)
    extension = PerMessageDeflate(
        remote_no_context_takeover=True,
        local_no_context_takeover=True,
        remote_max_window_bits=15,
        local_max_window_bits=15,
    )
    assert ours == oracle(stream, masked=masked, extensions=[extension])
    assert {call[0] for call in ours.calls} <= {"message", "ping"}


@examples(40)
@given(
    message=st.one_of(st.text(max_size=400), st.binary(max_size=2000)),
    window_bits=st.integers(9, 15),
)
def test_what_is_compressed_another_implementation_inflates(
    message: str | bytes, window_bits: int
) -> None:
    extension = PerMessageDeflate(
        remote_no_context_takeover=True,
        local_no_context_takeover=True,
        remote_max_window_bits=window_bits,
        local_max_window_bits=15,
    )
    for sent, masked in (
        (Deflate(window_bits, 0).encode(message), False),
        (Deflate(window_bits, 0).encode_masked(message), True),
    ):
        heard = oracle(sent, masked=masked, extensions=[extension])
        assert heard.calls == [("message", message)]
