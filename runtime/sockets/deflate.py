"""Compressed messages (RFC 7692, sections 6 and 7.2), each for itself.

*Promise*: no message larger than the limit is inflated, however small it came: of what is larger,
one byte more than the limit is made. Nothing is kept between messages.
*Assumes*: ``extension.py`` has agreed on both ``no_context_takeover``; aiohttp's reader says of
each frame whether its message is compressed, and refuses the bit on later frames of a message.
*Considered and refused*: aiohttp's own inflating, which belongs to its assembling of messages and
says 1009 for all that is wrong.
"""

import asyncio
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from aiohttp._websocket.models import WebSocketError

from .extension import Agreed
from .frames import (
    BINARY,
    CONTINUATION,
    TEXT,
    FrameReader,
    FrameSink,
    encode_frame,
    encode_message,
)
from .joint import INVALID_TEXT, MESSAGE_TOO_BIG
from .limits import SocketLimits

RSV1 = 0x40
_RSV2 = 0x20
_FLUSHED = b"\x00\x00\xff\xff"
# What every sender leaves out, and a last block: so zlib says whether the data was whole.
_REST = _FLUSHED + b"\x01\x00\x00\xff\xff"
# Parts of one message that end with a last block of their own. Nobody needs more than one; a
# message of nothing else would keep the loop busy.
_STREAMS_MAX = 16
# Of messages and their frames together, kept when the loop goes on: slow clients of a broadcast
# find it compressed, and a process that has fallen silent does not hold much.
SHARED_SIZE_BYTES_MAX = 2**20
# zlib does not look back further than its window less this (MIN_LOOKAHEAD).
_LOOKAHEAD = 262


@dataclass(frozen=True, slots=True)
class Deflate:
    """How a connection compresses what it sends.

    Attributes:
        window_bits: See ``Agreed``.
        size_bytes_min: Messages that are shorter are sent as they are.
    """

    window_bits: int
    size_bytes_min: int

    @classmethod
    def as_agreed(cls, agreed: Agreed, limits: SocketLimits) -> "Deflate":
        """What the handshake says, and the configuration."""
        return cls(agreed.window_bits, limits.websocket_compression_size_bytes_min)

    def encode(self, message: str | bytes, *, mask: bool = False) -> bytes:
        """The frame of a whole message, compressed unless that makes it longer."""
        opcode, payload = (
            (TEXT, message.encode()) if isinstance(message, str) else (BINARY, message)
        )
        if len(payload) >= self.size_bytes_min:
            deflated = deflate(payload, self.window_bits)
            if len(deflated) < len(payload):
                return encode_frame(opcode | RSV1, deflated, mask=mask)
        return encode_frame(opcode, payload, mask=mask)

    def encode_masked(self, message: str | bytes) -> bytes:
        """The same, as a client sends it."""
        return self.encode(message, mask=True)


def deflate(payload: bytes, window_bits: int) -> bytes:
    """The payload of a compressed message."""
    # A window that is no larger than the message needs: zlib clears a quarter of a megabyte else.
    bits = min(window_bits, max(9, (len(payload) + _LOOKAHEAD).bit_length()))
    # The loop waits for it, so the fastest level.
    stream = zlib.compressobj(zlib.Z_BEST_SPEED, zlib.DEFLATED, -bits, min(8, bits - 6))
    return (stream.compress(payload) + stream.flush(zlib.Z_SYNC_FLUSH))[: -len(_FLUSHED)]


class SharedFrames:
    """The frames of messages that were sent lately: one sent to many is compressed once.

    However much a turn broadcasts, it stays until the loop goes on, and then as much of it as
    ``SHARED_SIZE_BYTES_MAX``, the newest. A message is known by its identity.
    """

    __slots__ = ("_deflate", "_frames", "_size_bytes", "_will_trim")

    def __init__(self, deflate: Deflate) -> None:
        self._deflate = deflate
        self._frames: dict[int, tuple[str | bytes, bytes]] = {}
        self._size_bytes = 0
        self._will_trim = False

    def of(self, message: str | bytes) -> bytes:
        """The frame of a message."""
        if len(message) < self._deflate.size_bytes_min // 4:  # text has at most 4 bytes each
            return encode_message(message)
        kept = self._frames.get(id(message))
        if kept is not None:
            return kept[1]
        frame = self._deflate.encode(message)
        self._frames[id(message)] = (message, frame)
        self._size_bytes += len(message) + len(frame)
        if self._size_bytes > SHARED_SIZE_BYTES_MAX and not self._will_trim:
            self._will_trim = True
            asyncio.get_running_loop().call_soon(self._trim)
        return frame

    def _trim(self) -> None:
        self._will_trim = False
        while self._size_bytes > SHARED_SIZE_BYTES_MAX:
            message, frame = self._frames.pop(next(iter(self._frames)))
            self._size_bytes -= len(message) + len(frame)


@lru_cache(maxsize=16)  # windows of 9 to 15 bits, of one configuration
def shared_frames(deflate: Deflate) -> SharedFrames:
    """Those of all connections that compress alike."""
    return SharedFrames(deflate)


class Inflater:
    """Inflates one message, frame by frame."""

    __slots__ = ("_stream", "_streams")

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
        self._streams = 1

    def inflate(self, data: bytes, size_bytes_max: int, *, is_final: bool) -> bytes:
        """What a frame holds, of which no more than ``size_bytes_max`` is made.

        Raises:
            zlib.error: It is no deflate data, or with ``is_final`` only a part of some.
        """
        data = data + _REST if is_final else data
        whole = b""
        while data and len(whole) < size_bytes_max:
            if self._stream.eof:
                if data == _REST:  # a last block, and no empty one after it: others read it too
                    return whole
                self._begin_another()
            whole += self._stream.decompress(data, size_bytes_max - len(whole))
            data = self._stream.unused_data
        if is_final and len(whole) < size_bytes_max and not self._stream.eof:
            raise zlib.error("the data ends within a block")
        return whole

    def _begin_another(self) -> None:
        self._streams += 1
        if self._streams > _STREAMS_MAX:
            raise zlib.error("too many last blocks")
        self._stream = zlib.decompressobj(-zlib.MAX_WBITS)


class InflatingReader(FrameReader):
    """A ``FrameReader`` of a connection on which messages may be compressed."""

    __slots__ = ("_headers", "_inflater")

    def __init__(self, sink: FrameSink, message_size_bytes_max: int, *, masked: bool) -> None:
        super().__init__(sink, message_size_bytes_max, masked=masked, compressed=True)
        self._inflater: Inflater | None = None
        self._headers = _Headers()

    @property
    def can_let_go(self) -> bool:
        """No message is under way that is compressed and cut: what zlib knows cannot be told."""
        return self._inflater is None

    def feed(self, data: bytes) -> None:
        super().feed(self._headers.refuse(data))

    def _handle_frame(self, fin: bool, opcode: int, payload: Any, compressed: int) -> None:  # noqa: FBT001  # aiohttp's name and signature
        if compressed and opcode <= BINARY:
            if type(payload) is self._maskless:
                self._check_mask(payload)
            # A frame that is out of place is refused as it is.
            if (opcode == CONTINUATION) is (self._fragments is not None):
                payload = self._inflated(payload, is_final=fin)
        super()._handle_frame(fin, opcode, payload, compressed)

    def _inflated(self, payload: bytes | bytearray, *, is_final: bool) -> bytes | bytearray:
        if self._inflater is None:
            self._inflater = Inflater()
        room = self._message_size_bytes_max
        if self._fragments is not None:
            room -= self._fragments.size_bytes
        try:
            data = self._inflater.inflate(bytes(payload), room + 1, is_final=is_final)
        except zlib.error as error:
            why = f"the message is not compressed as agreed: {error}"
            raise WebSocketError(INVALID_TEXT, why) from error
        if len(data) > room:
            raise WebSocketError(MESSAGE_TOO_BIG, "")
        if is_final:
            self._inflater = None
        # The type is the trace of the mask.
        return bytearray(data) if self._maskless is bytes else data


class _Headers:
    """The headers of frames, read beside aiohttp's reader, which lets RSV1 of control frames pass.

    RFC 7692, section 6, has the connection fail.
    """

    __slots__ = ("_begun", "_skip_size_bytes")

    def __init__(self) -> None:
        self._begun = b""  # a header of which a part has come
        self._skip_size_bytes = 0  # of a payload, and of its mask

    def refuse(self, data: bytes) -> bytes:
        """``data``, in which such a frame has a bit more, with which aiohttp refuses it."""
        begun = len(self._begun)
        whole = self._begun + data
        at = self._skip_size_bytes
        self._begun = b""
        self._skip_size_bytes = 0
        while at < len(whole):
            first = whole[at]
            if first & RSV1 and first & 0x08:
                place = at - begun
                if place < 0:  # it was refused when it came
                    return data
                return data[:place] + bytes((first | _RSV2,)) + data[place + 1 :]
            size = _frame_size(whole, at)
            if size is None:
                self._begun = whole[at:]
                return data
            at += size
        self._skip_size_bytes = at - len(whole)
        return data


def _frame_size(data: bytes, at: int) -> int | None:
    """The size of the frame at ``at`` with its header; None while that is not there."""
    if at + 2 > len(data):
        return None
    second = data[at + 1]
    mask = 4 if second & 0x80 else 0
    size = second & 0x7F
    if size < 126:
        return 2 + mask + size
    end = at + (4 if size == 126 else 10)
    if end > len(data):
        return None
    return end - at + mask + int.from_bytes(data[at + 2 : end], "big")
