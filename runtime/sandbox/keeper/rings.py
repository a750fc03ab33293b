"""What a process has written last: the newest bytes of both of its streams, in their order.

*Promise*: takes no more memory than its capacity, whatever comes: small pieces cost what they
take. Positions count all bytes that ever came, so a reader who was too slow learns how much it
has missed, and goes on with the oldest that is still there.
"""

# Pure: no clock, no files.

from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

from ..wire import CHUNK_BYTES_MAX, STDERR, STDOUT, cost

CAPACITY_BYTES: Final = 1024 * 1024
CAPACITY_BYTES_MIN: Final = cost(CHUNK_BYTES_MAX)
_JOINED_BYTES_MAX = 4096  # small pieces become one of no more than that
_GONE_MAX = 256  # pieces that are only marked as gone


@dataclass(slots=True)
class _Chunk:
    start: int
    kind: int
    data: bytearray


@dataclass(frozen=True, slots=True)
class Piece:
    """Something that was written.

    Attributes:
        missed: How many bytes before it are gone that the reader has not seen.
        kind: STDOUT or STDERR.
        data: What.
        end: The position behind it.
    """

    missed: int
    kind: int
    data: bytes
    end: int


class Ring:
    """The newest output of one process.

    Attributes:
        end: The position behind all that has come.
        dropped: How many bytes of each stream are gone.
    """

    def __init__(self, capacity_bytes: int = CAPACITY_BYTES) -> None:
        assert capacity_bytes >= CAPACITY_BYTES_MIN, "one frame has room"
        self.end = 0
        self.dropped = {STDOUT: 0, STDERR: 0}
        self.cost_bytes = 0
        self._capacity_bytes = capacity_bytes
        self._chunks: list[_Chunk] = []
        self._gone = 0  # so many of them, from the first on

    @property
    def start(self) -> int:
        """The position of the oldest byte that is still there."""
        return self._chunks[self._gone].start if self._gone < len(self._chunks) else self.end

    def append(self, kind: int, data: bytes) -> None:
        """Take what was written, a frame's payload."""
        if not data:
            return
        last = self._chunks[-1] if self._gone < len(self._chunks) else None
        is_joined = last is not None and last.kind == kind
        if last is not None and is_joined and len(last.data) + len(data) <= _JOINED_BYTES_MAX:
            last.data += data
            self.cost_bytes += len(data)
        else:
            self._chunks.append(_Chunk(self.end, kind, bytearray(data)))
            self.cost_bytes += cost(len(data))
        self.end += len(data)
        while self.cost_bytes > self._capacity_bytes:
            self._drop()

    def read(self, position: int, size_bytes: int) -> Piece | None:
        """Return what comes next, of one stream and no more than so much; None at the end."""
        if position >= self.end or size_bytes <= 0:
            return None
        missed = max(0, self.start - position)
        position += missed
        index = bisect_right(self._chunks, position, lo=self._gone, key=lambda c: c.start) - 1
        chunk = self._chunks[index]
        offset = position - chunk.start
        data = bytes(memoryview(chunk.data)[offset : offset + size_bytes])
        return Piece(missed, chunk.kind, data, position + len(data))

    def _drop(self) -> None:
        chunk = self._chunks[self._gone]
        self.dropped[chunk.kind] += len(chunk.data)
        self.cost_bytes -= cost(len(chunk.data))
        chunk.data = bytearray()
        self._gone += 1
        if self._gone > _GONE_MAX:
            del self._chunks[: self._gone]
            self._gone = 0
