"""Reads the frames of a SQLite write-ahead log, the ``-wal`` file.

# Pure: bytes in, pages out. The format is https://www.sqlite.org/fileformat2.html section 4.

*Promise*: ``committed_pages`` gives exactly the pages that committed transactions changed,
each as the last of them left it, and refuses frames that do not belong to the file's header.
*Considered and refused*: verifying the checksums of section 4.2 at each commit: they say whether
bytes survived a crash, and these were written by this process a moment ago. ``verify_frames``
does it, for those who read a file they have not written.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

HEADER_SIZE_BYTES = 32
FRAME_HEADER_SIZE_BYTES = 24
_MAGIC_LITTLE, _MAGIC_BIG = 0x377F0682, 0x377F0683  # which byte order the checksums use
_FILE_FORMAT = 3007000
# Section 4.1: magic, version, page size, checkpoint number, salts, checksums; all big-endian.
_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">4I")  # page, database pages if this commits else 0, salts
_SUMS = struct.Struct(">2I")  # behind them


class WalUnreadable(ValueError):
    """A ``-wal`` file does not hold what SQLite said it wrote.

    Attributes:
        problem: What is wrong with it.
    """

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(problem)


@dataclass(frozen=True, slots=True)
class WalHeader:
    """The head of a write-ahead log.

    Attributes:
        page_size: In bytes.
        salts: Every frame of this life of the file carries them.
        checksums: Where the chain of checksums starts from.
        is_big_endian: How the checksums read their input.
        frame_size: Bytes from one frame to the next.
    """

    page_size: int
    salts: tuple[int, int]
    checksums: tuple[int, int]
    is_big_endian: bool
    frame_size: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "frame_size", FRAME_HEADER_SIZE_BYTES + self.page_size)

    def offset(self, frame: int) -> int:
        """Return where frame number ``frame`` begins; the first one is 0."""
        return HEADER_SIZE_BYTES + frame * self.frame_size


class Committed(NamedTuple):  # one is made at each commit, and a dataclass takes thrice as long
    """What transactions changed.

    Attributes:
        pages: Each page they changed, by its number.
        database_pages: How many pages the database has after them.
    """

    pages: dict[int, bytes]
    database_pages: int


def read_header(data: bytes) -> WalHeader:
    """Return the header that ``data`` begins with.

    Raises:
        WalUnreadable: It is none (section 4.1).
    """
    if len(data) < HEADER_SIZE_BYTES:
        raise WalUnreadable(f"it has {len(data)} bytes and no header")
    magic, version, page_size, _, salt1, salt2, sum1, sum2 = _HEADER.unpack_from(data)
    if magic not in {_MAGIC_LITTLE, _MAGIC_BIG} or version != _FILE_FORMAT:
        raise WalUnreadable(f"its header begins with {magic:08x}, version {version}")
    return WalHeader(page_size, (salt1, salt2), (sum1, sum2), magic == _MAGIC_BIG)


def committed_pages(header: WalHeader, frames: bytes) -> Committed:
    """Return what ``frames`` changed: whole frames, the last of which ends a transaction.

    Raises:
        WalUnreadable: They are not that.
    """
    step = header.frame_size
    if not frames or len(frames) % step:
        raise WalUnreadable(f"{len(frames)} bytes are no whole number of frames")
    pages: dict[int, bytes] = {}
    database_pages = 0
    salt1, salt2 = header.salts
    for at in range(0, len(frames), step):
        number, database_pages, found1, found2 = _FRAME.unpack_from(frames, at)
        if found1 != salt1 or found2 != salt2 or number == 0:
            raise WalUnreadable(f"frame {at // step} is of another life of the file")
        pages[number] = frames[at + FRAME_HEADER_SIZE_BYTES : at + step]
    if database_pages == 0:
        raise WalUnreadable("the last transaction is not complete")
    return Committed(pages, database_pages)


def verify_frames(header: WalHeader, data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield (page, database pages or 0, content) of each valid frame of a whole file.

    It ends where SQLite would stop reading: at a frame with other salts, or whose checksum,
    which covers everything before it too, is wrong (section 4.2). What comes after the last
    frame with database pages was never committed.
    """
    sums = header.checksums
    at = HEADER_SIZE_BYTES
    while at + header.frame_size <= len(data):
        number, size, salt1, salt2 = _FRAME.unpack_from(data, at)
        content = data[at + FRAME_HEADER_SIZE_BYTES : at + header.frame_size]
        sums = checksum(data[at : at + 8] + content, sums, is_big_endian=header.is_big_endian)
        if (salt1, salt2) != header.salts or sums != _SUMS.unpack_from(data, at + _FRAME.size):
            return
        yield number, size, content
        at += header.frame_size


def checksum(data: bytes, start: tuple[int, int], *, is_big_endian: bool) -> tuple[int, int]:
    """Return the checksums after ``data``, a multiple of 8 bytes (section 4.2)."""
    order = ">" if is_big_endian else "<"
    sum1, sum2 = start
    for one, two in struct.iter_unpack(order + "II", data):
        sum1 = (sum1 + one + sum2) & 0xFFFFFFFF
        sum2 = (sum2 + two + sum1) & 0xFFFFFFFF
    return sum1, sum2
