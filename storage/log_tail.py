"""Reads what is in a log's segments without owning the log: for history, while it is written.

*Promise*: each record of the log that was not used again when ``read_tail`` was called is
returned, up to the one that is asked for; none that was torn, or of a segment's earlier life.
What is damaged is told as a gap.
*Assumes*: nothing: segments may be begun anew meanwhile, or go; then it reads again.
*Considered and refused*: holding the log back while it is read: it may be another process's.
Mapping the files: one that was larger than usual is cut when it is begun anew, and whoever
then looks at the rest of the mapping is killed.
"""

import mmap
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from .errors import InternalError
from .logformat import (
    RECORD_SIZE_MIN,
    RECORDS_START,
    Head,
    Record,
    RecordKind,
    SegmentHeader,
    decode_head,
    decode_record,
    decode_segment_header,
)
from .segments import find_segments

# A pause so often; a record takes 2 us.
_RECORDS_AT_A_TIME = 256
# A log that wraps round so often while it is read is none.
_TRIES_MAX = 100
Actor = tuple[str, bytes]
Order = tuple[int, int]  # incarnation and commit, as in Record.order
# Behind all commits.
LAST: Order = (2**32, 0)


@dataclass(slots=True)
class Tail:
    """What the segments of a log hold of one actor.

    Attributes:
        records: Its records, in order, copied.
        first_lsn: The first record that is there, of whatever actor; 0 if none is.
        first_order: That record's incarnation and commit; likewise.
        first_ms: When it was written, in Unix milliseconds; likewise.
        gaps: (order of the last record before, of the first one after, when the last one before
            was written) of each part that should be there and cannot be read.
    """

    records: list[Record] = field(default_factory=list)
    first_lsn: int = 0
    first_order: Order = (0, 0)
    first_ms: int = 0
    gaps: list[tuple[Order, Order, int]] = field(default_factory=list)


@dataclass(slots=True)
class _Reading:
    wanted: dict[bytes, dict[bytes, list[Record]]]  # by id and key
    pause: Callable[[], None] | None
    tail: Tail = field(default_factory=Tail)  # without records
    lsn: int = 0  # of the last record that was read; 0 before the first one
    order: Order = (0, 0)  # that record's
    time_ms: int = 0

    def see(self, head: Head) -> None:
        """Note any record of the log."""
        order = head[8], head[9]
        if not self.tail.first_lsn:
            self.tail.first_lsn, self.tail.first_order, self.tail.first_ms = (
                head[4],
                order,
                head[10],
            )
        elif head[4] != self.lsn + 1:
            self.tail.gaps.append((self.order, order, self.time_ms))
        self.lsn, self.order, self.time_ms = head[4], order, head[10]


def read_tail(
    directory: Path, actor: Actor, *, after_lsn: int = 0, last_lsn: int | None = None
) -> Tail:
    """Return what the log in ``directory`` holds of one actor; as ``read_tails``."""
    return read_tails(directory, [actor], after_lsn=after_lsn, last_lsn=last_lsn)[actor]


def read_tails(
    directory: Path,
    actors: Iterable[Actor],
    *,
    after_lsn: int = 0,
    last_lsn: int | None = None,
    pause: Callable[[], None] | None = None,
) -> dict[Actor, Tail]:
    """Return what the log in ``directory`` holds of each of some actors.

    Args:
        directory: The log's.
        actors: Namespaces' keys and ids.
        after_lsn: Segments that hold nothing after this record need not be read.
        last_lsn: No record after this one counts, and all up to it must be there; None for as
            far as can be read.
        pause: Called again and again; may let others run, or raise.

    Raises:
        OSError: It cannot be read.
    """
    for _ in range(_TRIES_MAX):
        records: dict[Actor, list[Record]] = {actor: [] for actor in actors}
        wanted: dict[bytes, dict[bytes, list[Record]]] = {}
        for (unique_key, actor_id), of_actor in records.items():
            wanted.setdefault(actor_id, {})[unique_key.encode()] = of_actor
        tail = _read_all(directory, _Reading(wanted, pause), after_lsn, last_lsn)
        if tail is not None:
            return {actor: replace(tail, records=found) for actor, found in records.items()}
    raise InternalError(f"{directory} was never the same twice")


def _read_all(
    directory: Path, reading: _Reading, after_lsn: int, last_lsn: int | None
) -> Tail | None:
    found = [
        (each.path, each.header) for each in find_segments(directory) if each.header is not None
    ]
    if not found:
        return Tail()
    bounds = [header.first_lsn - 1 for _, header in found[1:]] + [last_lsn]
    for (path, header), bound in zip(found, bounds, strict=True):
        if bound is not None and bound <= after_lsn:
            continue
        if not _read_segment(path, header, bound, reading):
            return None
    if last_lsn is not None and reading.lsn < last_lsn and last_lsn > after_lsn:
        reading.tail.gaps.append((reading.order, LAST, reading.time_ms))
    return reading.tail


def _read_segment(path: Path, header: SegmentHeader, bound: int | None, reading: _Reading) -> bool:
    """Note what the segment holds; return False if it was begun anew meanwhile, or has gone."""
    try:
        data = memoryview(path.read_bytes())
    except FileNotFoundError:
        return False
    if decode_segment_header(data) != header:
        return False
    at, lsn, salt = RECORDS_START, header.first_lsn, header.salt
    while bound is None or lsn <= bound:
        head = decode_head(data, at, salt)
        if head is None or head[4] != lsn:
            break
        reading.see(head)
        size = head[0]
        start = at + RECORD_SIZE_MIN
        keys = reading.wanted.get(head[15])
        records = None if keys is None else keys.get(bytes(data[start : start + head[14]]))
        if records is not None:
            record = decode_record(memoryview(bytes(data[at : at + size])), 0, salt)
            assert record is not None, "its checksum was right a moment ago, and this is a copy"
            records.append(record)
        at += size
        lsn += 1
        if head[1] == RecordKind.SEAL:
            break  # what is behind it does not count
        if reading.pause is not None and lsn % _RECORDS_AT_A_TIME == 0:
            reading.pause()
    # What was read may be of two lives: the header is written before any record of the second.
    try:
        with path.open("rb") as file:
            return decode_segment_header(file.read(RECORDS_START)) == header
    except FileNotFoundError:
        return False


def map_file(path: Path) -> memoryview:
    """Return the content of a file that nobody else writes, read as it is needed.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
