"""Frames: what workers, keepers and agents say to each other is cut into them.

# Pure: no clock, no files.

A frame is a head of 9 bytes (big-endian: 4 of the payload's length, 1 of its kind, 4 of its
stream) and the payload. A stream is one request and all that belongs to it; who asks chooses its
number. Requests, answers and events are JSON objects; what programs read and write is raw bytes.

Raw bytes are sent only as far as the other side has room for them: each direction of a stream
starts with a window of ``WINDOW_BYTES``, each frame costs its size and ``OVERHEAD_BYTES`` (so that
a million frames of one byte cost what they take), and CREDIT gives back what was consumed.

*Promise*: ``FrameReader`` gives the same frames however the bytes are cut, keeps no more than one
frame, and answers whatever it is fed with frames or with ``Garbled``. The agent runs this file,
too, where nothing but the standard library is.
"""

import json
import struct
from collections.abc import Iterator
from typing import Any, Final

REQUEST: Final = 1  # JSON: {"op": ...}; opens a stream
ANSWER: Final = 2  # JSON: ends it, {"error": {"code", "message", "context"}} if it went wrong
EVENT: Final = 3  # JSON, in both directions, in between
DATA: Final = 4  # raw, in both directions: standard input, contents of files, a terminal
STDOUT: Final = 5
STDERR: Final = 6
END: Final = 7  # who asked sends no more data
CREDIT: Final = 8  # 4 bytes: so much more may be sent
CANCEL: Final = 9  # who asked is not interested any more

JSON_KINDS: Final = frozenset({REQUEST, ANSWER, EVENT})
RAW_KINDS: Final = frozenset({DATA, STDOUT, STDERR})

# On stream 0 nobody asks: it is where a keeper says who it is, and that it ends.
NOTICES: Final = 0
STREAM_MAX: Final = 2**32 - 1

JSON_BYTES_MAX: Final = 1024 * 1024
CHUNK_BYTES_MAX: Final = 64 * 1024
WINDOW_BYTES: Final = 256 * 1024
OVERHEAD_BYTES: Final = 128
SIDE_MAX: Final = 10_000  # columns of a terminal, or lines

_HEAD = struct.Struct(">IBI")
_CREDIT = struct.Struct(">I")
HEAD_BYTES: Final = _HEAD.size

Frame = tuple[int, int, bytes]  # kind, stream, payload


class Garbled(Exception):
    """The other side does not speak as it should.

    Attributes:
        why: What it did.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def cost(size_bytes: int) -> int:
    """Return what a raw frame with so much payload takes of a window."""
    return size_bytes + OVERHEAD_BYTES


def frame(kind: int, stream: int, payload: bytes | memoryview = b"") -> bytes:
    """Return the bytes of a frame."""
    assert len(payload) <= _size_max(kind), "larger things are cut, or refused, before"
    return _HEAD.pack(len(payload), kind, stream) + payload


def encode_json(value: dict[str, Any]) -> bytes:
    """Return the payload of a JSON frame.

    Raises:
        Garbled: It is larger than a frame may be.
    """
    # ASCII, so that lone surrogates (names of files that are no UTF-8) survive.
    payload = json.dumps(value, separators=(",", ":")).encode()
    if len(payload) > JSON_BYTES_MAX:
        raise Garbled(f"{len(payload):,} bytes of JSON; no more than {JSON_BYTES_MAX:,} go at once")
    return payload


def decode_json(payload: bytes) -> dict[str, Any]:
    """Return what a JSON frame says.

    Raises:
        Garbled: It is no JSON object.
    """
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError) as error:  # no UTF-8 is a ValueError, too
        raise Garbled(f"a frame is no JSON: {type(error).__name__}") from None
    if type(value) is not dict:
        raise Garbled("a frame is no JSON object")
    return value


def encode_credit(size_bytes: int) -> bytes:
    """Return the payload of a CREDIT frame."""
    return _CREDIT.pack(size_bytes)


def decode_credit(payload: bytes) -> int:
    """Return how much more may be sent.

    Raises:
        Garbled: It is no number.
    """
    if len(payload) != _CREDIT.size:
        raise Garbled(f"a credit of {len(payload)} bytes")
    size_bytes: int = _CREDIT.unpack(payload)[0]
    return size_bytes


class FrameReader:
    """Finds the frames in a stream of bytes."""

    def __init__(self) -> None:
        self._kept = bytearray()

    @property
    def kept_bytes(self) -> int:
        """How much of a frame that is not whole yet is kept."""
        return len(self._kept)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Give the frames that have become whole.

        Raises:
            Garbled: What follows the frames given so far is none.
        """
        kept = self._kept
        kept += data
        start = 0
        try:
            while len(kept) - start >= HEAD_BYTES:
                size, kind, stream = _HEAD.unpack_from(kept, start)
                if size > _size_max(kind):
                    raise Garbled(f"a frame of kind {kind} with {size:,} bytes")
                end = start + HEAD_BYTES + size
                if end > len(kept):
                    break
                payload = bytes(memoryview(kept)[start + HEAD_BYTES : end])
                start = end
                yield kind, stream, payload
        finally:
            del kept[:start]


def _size_max(kind: int) -> int:
    """Return how long a payload may be.

    Raises:
        Garbled: There is no such kind.
    """
    if kind in RAW_KINDS:
        return CHUNK_BYTES_MAX
    if kind in JSON_KINDS:
        return JSON_BYTES_MAX
    if kind in {END, CANCEL}:
        return 0
    if kind == CREDIT:
        return _CREDIT.size
    raise Garbled(f"a frame of kind {kind}, which does not exist")
