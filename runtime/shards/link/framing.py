"""Frames: how a stream of bytes is cut into messages.

# Pure: no clock, no files.

A frame is its length as 4 bytes, big-endian, then so many bytes that are one msgpack array, whose
first element is the number of its kind. Frames that are written at once travel as one, a BATCH,
whose other elements they are: C code unpacks it in one go. Text is UTF-8 in which lone surrogates
stand for themselves (Python's "surrogatepass"), so that any ``str`` survives, also header fields
whose bytes were no UTF-8.

*Promise*: ``FrameReader`` gives the same frames however the bytes are cut, never keeps more than
one frame's limit of them, and answers whatever it is fed with frames or with ``LinkBroken``.
"""

import struct
from typing import Any, Final

from msgpack import Packer, unpackb
from msgpack.exceptions import ExtraData, UnpackException

from .errors import LinkBroken

# Larger things are cut (kinds.PART), so that nothing has to make room for more because of four
# bytes that somebody sent.
FRAME_SIZE_BYTES_MAX = 8 * 2**20
# No frame has a longer list: a broadcast names its sockets, of which an actor has 32,768 at most.
LIST_LENGTH_MAX = 2**17
# The kind of a frame that is several; none of those is one.
BATCH: Final = 4
# So much goes into one at most, so that what comes is handled soon; and so many, see above.
_BATCH_SIZE_BYTES_MAX = 256 * 1024
_BATCH_LENGTH_MAX = 2**16
# A packer never gives its buffer back; one that has grown beyond this is thrown away.
_KEPT_BUFFER_SIZE_BYTES_MAX = 256 * 1024

_LENGTH = struct.Struct(">I")
_HEAD = _LENGTH.size
# The length, then the head of a msgpack array and its first element.
_ARRAY_32 = 0xDD
_BATCH_HEAD = struct.Struct(">IBIB")

# The kind's number, then its fields.
Frame = list[Any]

# What the unpacker raises for bytes that are no msgpack, which is more than it documents.
_GARBAGE = (ValueError, UnpackException, ExtraData, TypeError, RecursionError, OverflowError)


def read_body(data: bytes | bytearray | memoryview) -> Frame:
    """The frame whose body, without the length, is ``data``.

    Raises:
        LinkBroken: It is no msgpack array.
    """
    try:
        frame = unpackb(
            data,
            unicode_errors="surrogatepass",
            max_array_len=LIST_LENGTH_MAX,
            max_map_len=0,  # no kind has one
        )
    except _GARBAGE as error:
        raise LinkBroken(f"a frame is no msgpack: {type(error).__name__}: {error}") from None
    if type(frame) is not list or not frame:
        raise LinkBroken("a frame is no array with a kind")
    return frame


class FrameWriter:
    """Makes the bytes of frames."""

    __slots__ = ("_packer",)

    def __init__(self) -> None:
        self._packer = _new_packer()

    def body(self, frame: Frame) -> bytes:
        """What ``frame`` says, without its length."""
        data: bytes = self._packer.pack(frame)
        if len(data) > _KEPT_BUFFER_SIZE_BYTES_MAX:
            self._packer = _new_packer()
        return data

    def whole(self, frame: Frame) -> bytes:
        """The bytes of ``frame``."""
        return with_length(self.body(frame))


def with_length(body: bytes) -> bytes:
    """A frame from its body."""
    assert len(body) <= FRAME_SIZE_BYTES_MAX, "larger things are cut before"
    return _LENGTH.pack(len(body)) + body


def joined(bodies: list[bytes]) -> bytes:
    """The bytes of frames that are written at once, from their bodies."""
    if len(bodies) == 1:
        return with_length(bodies[0])
    parts: list[bytes] = []
    first, size = 0, 0
    for index, body in enumerate(bodies):
        if size + len(body) > _BATCH_SIZE_BYTES_MAX or index - first == _BATCH_LENGTH_MAX:
            _add_batch(parts, bodies[first:index], size)
            first, size = index, 0
        size += len(body)
    _add_batch(parts, bodies[first:], size)
    return b"".join(parts)


def _add_batch(parts: list[bytes], bodies: list[bytes], size: int) -> None:
    if len(bodies) > 1:
        parts.append(
            _BATCH_HEAD.pack(_BATCH_HEAD.size - _HEAD + size, 0xDD, len(bodies) + 1, BATCH)
        )
    elif bodies:
        parts.append(_LENGTH.pack(size))
    parts += bodies


def _add_frame(frames: list[Frame], frame: Frame) -> None:
    if frame[0] != BATCH:
        frames.append(frame)
        return
    for inner in frame[1:]:
        if type(inner) is not list or not inner:
            raise LinkBroken("a frame within another is no array with a kind")
        frames.append(inner)


class FrameReader:
    """Finds the frames in a stream of bytes.

    Args:
        size_bytes_max: The largest body that is accepted.
    """

    __slots__ = ("_kept", "_size_bytes_max", "_wanted")

    def __init__(self, size_bytes_max: int = FRAME_SIZE_BYTES_MAX) -> None:
        self._size_bytes_max = size_bytes_max
        self._kept = bytearray()
        self._wanted = _HEAD  # so many bytes make the next step possible

    @property
    def kept_size_bytes(self) -> int:
        """How much of a frame that is not whole yet is kept."""
        return len(self._kept)

    def feed(self, data: bytes, frames: list[Frame]) -> None:
        """Append to ``frames`` what has become whole.

        Raises:
            LinkBroken: What follows the frames appended so far is none; nothing can be read from
                this stream any more.
        """
        if self._kept:
            data = self._complete(data, frames)
        start, end = 0, len(data)
        view = memoryview(data)
        while end - start >= _HEAD:
            body = start + _HEAD
            size = self._checked_size(data, start)
            if end - body < size:
                self._wanted = _HEAD + size
                break
            _add_frame(frames, read_body(view[body : body + size]))
            start = body + size
        self._kept += view[start:]

    def _complete(self, data: bytes, frames: list[Frame]) -> bytes:
        """Finish the frame that was begun; return what follows it."""
        kept = self._kept
        while len(kept) < self._wanted:
            missing = self._wanted - len(kept)
            if len(data) < missing:
                kept += data
                return b""
            kept += data[:missing]
            data = data[missing:]
            if self._wanted == _HEAD:
                self._wanted = _HEAD + self._checked_size(kept, 0)
        self._kept, self._wanted = bytearray(), _HEAD
        _add_frame(frames, read_body(memoryview(kept)[_HEAD:]))
        return data

    def _checked_size(self, data: bytes | bytearray, start: int) -> int:
        size: int = _LENGTH.unpack_from(data, start)[0]
        if size > self._size_bytes_max:
            raise LinkBroken(
                f"a frame of {size:,} bytes; no more than {self._size_bytes_max:,} are allowed"
            )
        return size


def _new_packer() -> Any:
    return Packer(unicode_errors="surrogatepass")  # tuples, and what derives from str, pass
