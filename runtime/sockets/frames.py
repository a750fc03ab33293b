"""WebSocket frames: reading through aiohttp's C reader, writing by hand.

*Promise*: what is not as RFC 6455 says is told to ``on_broken`` with its close code, once, and
nothing after it. Text that is not UTF-8 is refused with the frame that shows it, be the message
whole or not. No message larger than the limit is kept, however it is cut.
*Assumes*: the one file that leans on aiohttp's inside: ``aiohttp._websocket`` has no public name
for its reader. pyproject.toml pins the range that was tested, and
tests/runtime/sockets/test_frames.py fails when the interface drifts.
*Rules for editing*: the first branches of ``_handle_frame`` run for each message; measure.
*Considered and refused*: ``websockets``' sans-I/O protocol, several times slower for short
messages; a parser of our own, which has to be a good deal faster than this one to be worth it.

aiohttp's reader finds frames and takes their masks off; what messages they make is decided here.
"""

import codecs
import os
from typing import Any, Protocol

from aiohttp._websocket.helpers import websocket_mask
from aiohttp._websocket.models import WebSocketError
from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader

from .boundaries import Boundaries, payload_size
from .joint import INVALID_TEXT, MESSAGE_TOO_BIG, PROTOCOL_ERROR, Close

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
CONTINUATION = 0x0
_FINAL = 0x80
_MASKED = 0x80
_MASK_SIZE_BYTES = 4
_PIECES_MIN = 1024  # aiohttp joins more; with large limits it begins later
# RFC 6455, section 7.4, and the registry it founded.
_CLOSE_CODES = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015)})
_OWN_CLOSE_CODES = range(3000, 5000)
# The first two bytes of whole, short text messages without a mask, by their size.
_TEXT_HEADS = tuple(bytes((_FINAL | TEXT, size)) for size in range(126))


def encode_message(message: str | bytes, *, mask: bool = False) -> bytes:
    """The frame of a whole message."""
    if isinstance(message, str):
        payload = message.encode()
        if not mask and len(payload) < 126:
            return _TEXT_HEADS[len(payload)] + payload
        return encode_frame(TEXT, payload, mask=mask)
    return encode_frame(BINARY, message, mask=mask)


def encode_close(close: Close, *, mask: bool = False) -> bytes:
    """A close frame."""
    code, reason = close
    if code is None:
        return encode_frame(CLOSE, b"", mask=mask)
    return encode_frame(CLOSE, code.to_bytes(2, "big") + reason.encode(), mask=mask)


def encode_ping(payload: bytes, *, mask: bool = False) -> bytes:
    """A ping of at most 125 bytes."""
    return encode_frame(PING, payload, mask=mask)


def encode_pong(payload: bytes, *, mask: bool = False) -> bytes:
    """The answer to a ping."""
    return encode_frame(PONG, payload, mask=mask)


def encode_frame(opcode: int, payload: bytes, *, mask: bool) -> bytes:
    """A frame that is a whole message; ``opcode`` may have reserved bits in it."""
    size = len(payload)
    bit = _MASKED if mask else 0
    if size < 126:
        start = bytes((_FINAL | opcode, bit | size))
    elif size < 65536:
        start = bytes((_FINAL | opcode, bit | 126)) + size.to_bytes(2, "big")
    else:
        start = bytes((_FINAL | opcode, bit | 127)) + size.to_bytes(8, "big")
    if not mask:
        return start + payload
    key = os.urandom(4)
    masked = bytearray(payload)
    websocket_mask(key, masked)
    return start + key + bytes(masked)


class FrameSink(Protocol):
    """Who is called by a ``FrameReader``, from within its ``feed``."""

    def on_message(self, message: str | bytes) -> None: ...

    def on_close(self, code: int | None, reason: str) -> None: ...

    def on_ping(self, payload: bytes) -> None: ...

    def on_pong(self, payload: bytes) -> None: ...

    def on_broken(self, code: int, why: str) -> None:
        """The peer broke the protocol: 1002, 1007 or 1009. Nothing more is read."""
        ...


class _Fragments:
    """A message of which some frames have come."""

    __slots__ = ("_buffer", "_decoder")

    def __init__(self, opcode: int) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")() if opcode == TEXT else None
        # One buffer: as objects of their own, fragments of a byte would cost sixty times that.
        self._buffer = bytearray()

    @property
    def size_bytes(self) -> int:
        return len(self._buffer)

    def add(self, payload: bytes | bytearray, *, is_final: bool) -> None:
        """Take one more frame's.

        Raises:
            UnicodeDecodeError: The text so far is not UTF-8.
        """
        if self._decoder is not None:
            self._decoder.decode(payload, is_final)
        self._buffer += payload

    def again(self, *, mask: bool) -> bytes:
        """The frames so far, as one."""
        opcode = BINARY if self._decoder is None else TEXT
        frame = bytearray(encode_frame(opcode, bytes(self._buffer), mask=mask))
        frame[0] &= ~_FINAL
        return bytes(frame)

    def whole(self) -> str | bytes:
        """The message."""
        return bytes(self._buffer) if self._decoder is None else self._buffer.decode()


class FrameReader(WebSocketReader):
    """Bytes in, calls out: one for each whole message and each control frame.

    What a callback raises comes out of ``feed``, when the rest of the bytes has been read.
    """

    __slots__ = ("_fragments", "_maskless", "_message_size_bytes_max", "_sink")

    def __init__(
        self,
        sink: FrameSink,
        message_size_bytes_max: int,
        *,
        masked: bool,
        compressed: bool = False,
    ) -> None:
        """Read what a client sends, or with ``masked`` False what a server sends.

        ``compressed`` lets the bit pass that says so; ``deflate.py`` reads such messages.
        """
        # aiohttp refuses messages of the limit itself; ours is the largest that is allowed.
        super().__init__(_outcome, message_size_bytes_max + 1, compressed, True)  # noqa: FBT003  # positional in the C signature
        self._sink = sink
        self._message_size_bytes_max = message_size_bytes_max
        self._fragments: _Fragments | None = None
        # aiohttp's reader takes frames with and without a mask. To unmask turns a payload into a
        # bytearray, and that is the one trace of the mask that can be seen from here. Looking at
        # it costs 0.1 microseconds for each frame; reading the headers of the frames a second
        # time in Python costs ten times as much.
        self._maskless = bytes if masked else bytearray

    def feed(self, data: bytes) -> None:
        """Read on."""
        if self.feed_data(data)[0] and (error := _outcome.take_error()) is not None:
            self._tell(error)
        if _outcome.raised is not None:
            raised, _outcome.raised = _outcome.raised, None
            raise raised

    @property
    def is_in_message(self) -> bool:
        """Of a message in fragments the last has not come."""
        return self._fragments is not None

    @property
    def can_let_go(self) -> bool:
        """What has been read so far can be told to another reader."""
        return True

    def let_go(self, boundaries: Boundaries) -> bytes:
        """Return what another reader has to be fed to go on here; this one reads no more.

        Args:
            boundaries: Which have read all that this has.
        """
        fragments, self._fragments = self._fragments, None
        told = b"" if fragments is None else fragments.again(mask=self._maskless is bytes)
        if not boundaries.missing_size_bytes:
            return told + boundaries.header
        # aiohttp keeps what has come of the payload to itself until the frame is whole.
        self.__class__ = _emptying(type(self))
        self.feed_data(bytes(boundaries.missing_size_bytes))
        header, payload = boundaries.header, _outcome.take_payload()
        del payload[payload_size(header) - boundaries.missing_size_bytes :]
        if self._maskless is bytes:
            websocket_mask(header[-_MASK_SIZE_BYTES:], payload)
        return told + header + payload

    def _handle_frame(self, fin: bool, opcode: int, payload: Any, compressed: int) -> None:  # noqa: FBT001  # aiohttp's name and signature
        del compressed
        if type(payload) is self._maskless:
            self._check_mask(payload)
        try:
            if opcode > 0x7:
                self._control(opcode, payload)
            elif opcode == CONTINUATION or not fin or self._fragments is not None:
                self._fragment(opcode, payload, is_final=fin)
            else:
                self._sink.on_message(payload.decode() if opcode == TEXT else bytes(payload))
        except WebSocketError:
            raise
        except UnicodeDecodeError as error:
            raise WebSocketError(INVALID_TEXT, "Invalid UTF-8 text message") from error
        except BaseException as error:
            # aiohttp would take it for the peer's fault, or read this frame once more.
            _outcome.raised = error

    def _check_mask(self, payload: bytes | bytearray) -> None:
        if self._maskless is bytes:
            raise WebSocketError(PROTOCOL_ERROR, "a client has to mask its frames")
        # A long payload that came in very many pieces, which aiohttp has begun to join, is a
        # bytearray without any mask. So a long one with a mask passes for that.
        if len(payload) <= max(_PIECES_MIN, self._message_size_bytes_max // 256):
            raise WebSocketError(PROTOCOL_ERROR, "a server must not mask its frames")

    def _fragment(self, opcode: int, payload: bytes | bytearray, *, is_final: bool) -> None:
        fragments = self._fragments
        if fragments is None:
            if opcode == CONTINUATION:
                raise WebSocketError(PROTOCOL_ERROR, "a continuation of nothing")
            fragments = self._fragments = _Fragments(opcode)
        elif opcode != CONTINUATION:
            raise WebSocketError(PROTOCOL_ERROR, "a message began within another")
        if fragments.size_bytes + len(payload) > self._message_size_bytes_max:
            raise WebSocketError(MESSAGE_TOO_BIG, "")
        fragments.add(payload, is_final=is_final)
        if is_final:
            self._fragments = None
            self._sink.on_message(fragments.whole())

    def _control(self, opcode: int, payload: bytes | bytearray) -> None:
        if opcode == PING:
            self._sink.on_ping(bytes(payload))
        elif opcode == PONG:
            self._sink.on_pong(bytes(payload))
        elif not payload:
            self._sink.on_close(None, "")
        else:
            code = int.from_bytes(payload[:2], "big")
            if len(payload) < 2:
                raise WebSocketError(PROTOCOL_ERROR, "a close code has two bytes")
            if code not in _CLOSE_CODES and code not in _OWN_CLOSE_CODES:
                raise WebSocketError(PROTOCOL_ERROR, f"Invalid close code: {code}")
            self._sink.on_close(code, payload[2:].decode())

    def _tell(self, error: BaseException) -> None:
        if not isinstance(error, WebSocketError):
            raise error
        text = str(error.args[-1])
        if error.code == MESSAGE_TOO_BIG:  # aiohttp's text names its own limit, one more than ours
            text = f"a message may have {self._message_size_bytes_max} bytes"
        self._sink.on_broken(int(error.code), text)


class _Outcome(WebSocketDataQueue):
    """What aiohttp's readers have for a queue; ours call back, and leave only failures here.

    One for all readers: ``feed`` takes what its own reader left before anybody else reads.

    Attributes:
        raised: What a callback raised.
        payload: That of the frame with which a reader has let go of its connection.
    """

    def __init__(self) -> None:
        super().__init__(None, 2**16, loop=None)  # type: ignore[arg-type]  # nothing is queued, so nothing is paused
        self._error: BaseException | None = None
        self.raised: BaseException | None = None
        self.payload: bytes | bytearray | None = None

    def set_exception(self, exc: BaseException, exc_cause: Any = None) -> None:
        del exc_cause
        self._error = exc

    def take_error(self) -> BaseException | None:
        """What was wrong with what the reader has just been fed; None if it was before that."""
        error, self._error = self._error, None
        return error

    def take_payload(self) -> bytearray:
        """The payload that a reader has left."""
        payload, self.payload = self.payload, None
        assert payload is not None, "it was fed a whole frame"
        return bytearray(payload)

    def feed_eof(self) -> None:
        """The connection says so itself."""


_outcome = _Outcome()


class _Emptying:
    """Instead of what a reader makes of frames: lets go of the payload of one."""

    __slots__ = ()

    def _handle_frame(self, fin: bool, opcode: int, payload: Any, compressed: int) -> None:  # noqa: FBT001  # aiohttp's name and signature
        del fin, opcode, compressed
        _outcome.payload = payload


_emptying_kinds: dict[type[FrameReader], type[FrameReader]] = {}


def _emptying(kind: type[FrameReader]) -> type[FrameReader]:
    """A reader of this kind that has nothing more to say; as an object it has the same shape."""
    if kind not in _emptying_kinds:
        _emptying_kinds[kind] = type(kind.__name__, (_Emptying, kind), {"__slots__": ()})
    return _emptying_kinds[kind]
