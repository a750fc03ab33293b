"""Reads what is in a log's segments without owning the log: for history, while it is written.

*Promise*: each record of the log that was not used again when ``read_tail`` was called is
returned, up to the one that is asked for; none that was torn, or of a segment's earlier life.
*Assumes*: nothing: segments may be begun anew meanwhile; then it reads again.
*Considered and refused*: holding the log back while it is read: it may be another process's.
"""

import mmap
from dataclasses import dataclass
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

# A log that wraps round so often while it is read is none.
_TRIES_MAX = 100


@dataclass(frozen=True, slots=True)
class Tail:
    """What the segments of a log hold of one actor.

    Attributes:
        records: Its records, in order, copied.
        first_lsn: The first record that is there, of whatever actor; 0 if none is.
        first_order: That record's incarnation and commit; likewise.
    """

    records: list[Record]
    first_lsn: int = 0
    first_order: tuple[int, int] = (0, 0)


def read_tail(
    directory: Path, actor: tuple[str, bytes], *, after_lsn: int = 0, last_lsn: int | None = None
) -> Tail:
    """Return what the log in ``directory`` holds of one actor.

    Args:
        directory: The log's.
        actor: Namespace's key and id.
        after_lsn: Segments that hold nothing after this record need not be read.
        last_lsn: No record after this one counts; None for as far as can be read.

    Raises:
        OSError: It cannot be read.
    """
    for _ in range(_TRIES_MAX):
        tail = _read_all(directory, actor, after_lsn, last_lsn)
        if tail is not None:
            return tail
    raise InternalError(f"{directory} was never the same twice")


def _read_all(
    directory: Path, actor: tuple[str, bytes], after_lsn: int, last_lsn: int | None
) -> Tail | None:
    found = [
        (each.path, each.header) for each in find_segments(directory) if each.header is not None
    ]
    if not found:
        return Tail([])
    bounds = [header.first_lsn - 1 for _, header in found[1:]] + [last_lsn]
    records: list[Record] = []
    first: Head | None = None
    for (path, header), bound in zip(found, bounds, strict=True):
        if bound is not None and bound <= after_lsn:
            continue
        head = _read_segment(path, header, bound, actor, records)
        if not _is_same(path, header):
            return None
        first = first or head
    if first is None:
        return Tail(records)
    return Tail(records, first[4], (first[8], first[9]))


def _read_segment(
    path: Path,
    header: SegmentHeader,
    bound: int | None,
    actor: tuple[str, bytes],
    records: list[Record],
) -> Head | None:
    """Add to ``records``; return the segment's first record, whoever's it is."""
    data = map_file(path)
    key = actor[0].encode()
    first: Head | None = None
    at, lsn, salt = RECORDS_START, header.first_lsn, header.salt
    while bound is None or lsn <= bound:
        head = decode_head(data, at, salt)
        if head is None or head[4] != lsn:
            break
        first = first or head
        size = head[0]
        start = at + RECORD_SIZE_MIN
        if head[15] == actor[1] and data[start : start + head[14]] == key:
            record = decode_record(memoryview(bytes(data[at : at + size])), 0, salt)
            if record is None:
                break  # begun anew in this moment
            records.append(record)
        if head[1] == RecordKind.SEAL:
            break
        at += size
        lsn += 1
    return first


def _is_same(path: Path, header: SegmentHeader) -> bool:
    with path.open("rb") as file:
        return decode_segment_header(file.read(RECORDS_START)) == header


def map_file(path: Path) -> memoryview:
    """Return the content of a file, read as it is needed.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
