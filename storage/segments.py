"""Files of the commit log: segments, each used again and again.

*Promise*: when ``SegmentFile.begin`` returns, the header is durable, and with it the name of a
file that was made; when ``sync`` returns, so is all that was written.
*Assumes*: one writer (storage/log_directory.py holds the lock), in one thread.
*Rules for editing*: no record is written before the header is durable: a reader takes a segment
without a header for one that was never begun. An error of a write or a sync is the end of the
file for this process: the kernel may have dropped the pages and would report success next time.
A full disk: a segment that has come into use has room for all of itself, and so has the next one,
taken while there was plenty (decision 0010). Zeros that cannot be written are done without.
*Considered and refused*: names that carry the segment's number: a rename would have to be
durable before the first record. The number is in the header. Allocating a whole segment at
once: 64 MiB of zeros hold up a first start. It grows ahead of its records until it has gone
round once; then syncs write no metadata any more (design/STORAGE.md: 147 us instead of 297).
"""

import contextlib
import ctypes
import errno
import os
from collections.abc import Callable
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
# Room is kept only where so many times as much is free: a small disk is for the actors' files.
PLENTY = 4
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_KEEP_SIZE = 1  # FALLOC_FL_KEEP_SIZE: the file's size still says how far it was written


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

    __slots__ = ("_descriptor", "_end", "_grows", "_size", "path", "position")

    def __init__(self, path: Path, descriptor: int, size: int) -> None:
        self.path = path
        self.position = RECORDS_START
        self._descriptor = descriptor
        self._size = size
        self._end = os.fstat(descriptor).st_size
        self._grows = True

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
            segment._shrink()
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

    def reserve(self) -> None:
        """Have the disk keep room for the whole segment, if it has plenty of it."""
        _reserve(self._descriptor, self._size)

    def close(self) -> None:
        os.close(self._descriptor)

    def _shrink(self) -> None:
        """Give back what a record larger than a segment has made of the file."""
        if self._end > self._size:
            os.ftruncate(self._descriptor, self._size)
            self._end = self._size

    def _grow(self) -> None:
        """Have some zeros after the last record, so that the next syncs find space allocated."""
        if self._end > self.position or self._end >= self._size or not self._grows:
            return
        end = min(self.position + GROWTH_SIZE_BYTES, self._size)
        if end > self._end:
            try:
                self._write_at(bytes(end - self._end), self._end)
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                self._grows = False  # what is left of the disk is for records

    def _write_at(self, data: bytes, at: int) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(self._descriptor, view, at)
            view = view[written:]
            at += written
        self._end = max(self._end, at)


def make_spare(path: Path, size: int) -> bool:
    """Make a file that a segment of ``size`` bytes can be begun in on a full disk.

    Returns:
        Whether it was made: not so where the disk has no plenty, or cannot keep room.

    Raises:
        OSError: The disk has failed in another way.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        is_reserved = _reserve(descriptor, size)
    finally:
        os.close(descriptor)
    if is_reserved:
        sync_directory(path.parent)
    else:
        path.unlink()
    return is_reserved


def _reserve(descriptor: int, size: int) -> bool:
    """Have the first ``size`` bytes of a file allocated; return whether they are."""
    found = os.fstatvfs(descriptor)
    if found.f_bavail * found.f_frsize < PLENTY * size or _fallocate is None:
        return False
    return bool(_fallocate(descriptor, _KEEP_SIZE, 0, size) == 0)


def _find_fallocate() -> "Callable[[int, int, int, int], int] | None":
    """Linux's; what Python has instead writes the file full where the disk cannot do it."""
    function = getattr(ctypes.CDLL(None), "fallocate", None)
    if function is not None:
        function.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_longlong, ctypes.c_longlong)
    return function


_fallocate = _find_fallocate()


def find_segments(directory: Path) -> list[FoundSegment]:
    """Return the segment files of ``directory``: those with a header by its number, then others.

    Raises:
        OSError: They cannot be read.
    """
    found = []
    for path in sorted(directory.glob("*" + SUFFIX)):
        # It has gone if nobody needs it any more (storage/retired_logs.py).
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
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
