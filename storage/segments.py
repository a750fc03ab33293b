"""Files of the commit log: segments, each used again and again.

*Promise*: when ``SegmentFile.begin`` returns, the header is durable, and with it the name of a
file that was made; when ``sync`` returns, so is all that was written.
*Assumes*: one writer (storage/log_directory.py holds the lock), in one thread.
*Rules for editing*: no record is written before the header is durable: a reader takes a segment
without a header for one that was never begun. An error of a write or a sync is the end of the
file for this process: the kernel may have dropped the pages and would report success next time.
*Considered and refused*: names that carry the segment's number: a rename would have to be
durable before the first record. The number is in the header. Allocating a whole segment at
once: 64 MiB of zeros hold up a first start. It grows ahead of its records until it has gone
round once; then syncs write no metadata any more (design/STORAGE.md: 147 us instead of 297).
"""

import os
from dataclasses import dataclass
from pathlib import Path

from .durable_files import sync_directory
from .logformat import (
    HEADER_COPY_START,
    RECORDS_START,
    SegmentHeader,
    decode_segment_header,
    encode_segment_header,
)

SUFFIX = ".seg"
# So much is written as zeros ahead of the records, while the file has not reached its size.
GROWTH_SIZE_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class FoundSegment:
    """A file of a log's directory.

    Attributes:
        path: The file.
        header: What it says it is; None if it was never begun, or its header is damaged.
    """

    path: Path
    header: SegmentHeader | None


class SegmentFile:
    """A segment that is being written.

    Attributes:
        path: The file.
        position: Where the next record goes.
    """

    __slots__ = ("_descriptor", "_end", "_size", "path", "position")

    def __init__(self, path: Path, descriptor: int, size: int) -> None:
        self.path = path
        self.position = RECORDS_START
        self._descriptor = descriptor
        self._size = size
        self._end = os.fstat(descriptor).st_size

    @classmethod
    def begin(cls, path: Path, header: SegmentHeader) -> "SegmentFile":
        """Make the file at ``path``, new or used before, the segment of this header.

        Raises:
            OSError: It cannot be; nothing may be written into it.
        """
        is_new = not path.exists()
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o644)
        try:
            segment = cls(path, descriptor, header.size)
            data = bytearray(RECORDS_START)
            encoded = encode_segment_header(header)
            for start in (0, HEADER_COPY_START):
                data[start : start + len(encoded)] = encoded
            segment._write_at(bytes(data), 0)
            segment._grow()
            segment.sync()
            if is_new:
                sync_directory(path.parent)
        except BaseException:
            os.close(descriptor)
            raise
        return segment

    def append(self, data: bytes) -> None:
        """Write ``data`` behind what is there; not durable before ``sync``."""
        self._write_at(data, self.position)
        self.position += len(data)
        self._grow()

    def sync(self) -> None:
        """Make all that was written durable."""
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)

    def _grow(self) -> None:
        """Have some zeros after the last record, so that the next syncs find space allocated."""
        if self._end > self.position or self._end >= self._size:
            return
        end = min(self.position + GROWTH_SIZE_BYTES, self._size)
        if end > self._end:
            self._write_at(bytes(end - self._end), self._end)

    def _write_at(self, data: bytes, at: int) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(self._descriptor, view, at)
            view = view[written:]
            at += written
        self._end = max(self._end, at)


def find_segments(directory: Path) -> list[FoundSegment]:
    """Return the segment files of ``directory``: those with a header by its number, then others.

    Raises:
        OSError: They cannot be read.
    """
    found = []
    for path in sorted(directory.glob("*" + SUFFIX)):
        with path.open("rb") as file:
            found.append(FoundSegment(path, decode_segment_header(file.read(RECORDS_START))))
    return sorted(found, key=lambda segment: _order(segment.header))


def _order(header: SegmentHeader | None) -> tuple[bool, int]:
    return (header is None, 0 if header is None else header.number)


def new_segment_path(directory: Path, taken: set[Path]) -> Path:
    """Return the name for one more file; it says nothing about what the file will hold."""
    serial = len(taken) + 1
    while (path := directory / f"{serial:08d}{SUFFIX}") in taken:
        serial += 1
    return path
