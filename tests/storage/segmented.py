"""A segment of a log, made of given changes, for the tests of what reads it."""

from pathlib import Path

from perdure.storage.logformat import (
    HEADER_COPY_START,
    RECORDS_START,
    Change,
    SegmentHeader,
    encode_record,
    encode_segment_header,
)


def write_segment(
    path: Path,
    changes: list[Change],
    *,
    number: int = 1,
    first_lsn: int = 1,
    salt: int = 7,
    size: int = 2**20,
) -> SegmentHeader:
    """Make a file; record n has commit n, and the time 1000 * n."""
    header = SegmentHeader(number, first_lsn, salt, size)
    data = bytearray(RECORDS_START)
    encoded = encode_segment_header(header)
    for start in (0, HEADER_COPY_START):
        data[start : start + len(encoded)] = encoded
    for lsn, change in enumerate(changes, first_lsn):
        data += encode_record(
            change,
            lsn=lsn,
            durable_lsn=lsn - 1,
            epoch=1,
            incarnation=1,
            commit=lsn,
            time_ms=1000 * lsn,
            salt=salt,
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data + bytes(4096))
    return header
