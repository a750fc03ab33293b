"""The bytes of the commit log: segment headers and records.

# Pure: bytes in, bytes out; docs/storage-format.md is its text for readers.

*Promise*: what ``decode_record`` returns was written into this segment as a whole. Any bit
flipped, any part missing, and bytes of the segment's earlier life give None.
*Assumes*: no two lives of a segment file have one salt. A record's checksum starts from the
salt, and for given bytes two starts never give one sum, so an old record cannot pass; the
salt is random, and a sequence number out of order stops the reader in any case.
*Rules for editing*: a change of what is written needs a new ``FORMAT_VERSION``, and a reader of
the old one. ``tests/properties/test_logformat.py`` says what must hold.

All numbers are little-endian. A segment is a header, a copy of it in another sector, and
records from ``RECORDS_START`` on, each at a multiple of 8 bytes.
"""

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from .errors import InternalError

FORMAT_VERSION = 1
SEGMENT_MAGIC = b"PERDULOG"
HEADER_COPY_START = 4096  # another sector than the first copy's, whatever the disk's sectors are
RECORDS_START = 8192
RECORD_MAGIC = b"PRec"
ALIGNMENT = 8

NO_ALARM = -1
ALARM_UNCHANGED = -2
# Of the name in a REPLACED record; zeros follow it.
REPLACEMENT_LENGTH = 32

_SEGMENT = struct.Struct("<8sIIQQQ")  # magic, version, salt, number, first LSN, size
_CRC = struct.Struct("<I")
# Magic and checksum; then what the checksum covers: length, kind, 0, page size in units of 512,
# LSN, durable LSN, previous LSN, epoch, incarnation, commit, time, alarm, pages of the
# database, page images, length of the namespace's key, the actor's id.
_LEAD = struct.Struct("<4sI")
_BODY = struct.Struct("<IBBHQQQIIQqqIIH32s")
RECORD_SIZE_MIN = _LEAD.size + _BODY.size
RECORD_SIZE_MAX = 2**32 - ALIGNMENT  # of which the length is still told in 32 bits
_LSN_AT = struct.Struct("<8xI4xQQ")  # length, LSN and durable LSN, for a look ahead


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """The head of a segment.

    Attributes:
        number: Segments of a log are numbered in order, without a gap.
        first_lsn: The number of its first record.
        salt: Where the checksums of its records start from.
        size: Bytes that may be written into it, header included.
    """

    number: int
    first_lsn: int
    salt: int
    size: int


class RecordKind(IntEnum):
    COMMIT = 1  # what a turn changed
    CREATE = 2  # as COMMIT, of an actor that had no file before: all its pages
    DELETE = 3  # the actor's file is gone
    HANDED_OVER = 4  # later commits of the actor are in another log; its file is synced
    TAKEN_OVER = 5  # its first record after it came from another log
    SEAL = 6  # the last record of its epoch
    REPLACED = 7  # another file took the place of the actor's; `images` names it


_KINDS = {int(kind): kind for kind in RecordKind}  # looked up four times as fast as called
# What came before such a record does not matter to what the actor's file is after it.
BEGINNINGS = frozenset({RecordKind.CREATE, RecordKind.DELETE, RecordKind.REPLACED})
# Such a record changes nothing of the actor, which may not even have a file.
MOVES = frozenset({RecordKind.HANDED_OVER, RecordKind.TAKEN_OVER})


class Change(NamedTuple):  # one is made at each commit, and a dataclass takes four times as long
    """What one actor's commit asks the log to keep.

    Attributes:
        kind: See RecordKind.
        unique_key: The actor's namespace.
        actor_id: Its id, 32 bytes.
        previous_lsn: Of the actor's record before this one; 0 if it is not known.
        alarm_ms: When its alarm is due (Unix milliseconds), NO_ALARM, or ALARM_UNCHANGED.
        page_size: Of its database, in bytes.
        database_pages: How many pages the database has after this.
        image_count: How many page images ``images`` holds.
        images: They, encoded by storage/page_images.py; of REPLACED, the name of the new file.
    """

    kind: RecordKind
    unique_key: str
    actor_id: bytes
    previous_lsn: int = 0
    alarm_ms: int = ALARM_UNCHANGED
    page_size: int = 0
    database_pages: int = 0
    image_count: int = 0
    images: bytes | memoryview = b""

    @property
    def actor(self) -> tuple[str, bytes]:
        """Whose change it is."""
        return self.unique_key, self.actor_id


class Record(NamedTuple):  # a recovery makes tens of thousands
    """A change as it stands in the log.

    Attributes:
        lsn: Its place; the numbers of a log are contiguous, whatever segments they are in.
        durable_lsn: Up to which the log was known to be durable when this was written.
        epoch: Which opening of the log wrote it.
        incarnation: Which history of the directory it belongs to; a restored backup begins
            another one.
        commit: Grows with each commit of the actor, whatever log it is in.
        time_ms: When, in Unix milliseconds.
        change: What happened.
        size: Bytes it takes in the segment.
    """

    lsn: int
    durable_lsn: int
    epoch: int
    incarnation: int
    commit: int
    time_ms: int
    change: Change
    size: int

    @property
    def order(self) -> tuple[int, int]:
        """By which the records of one actor sort, whatever log each of them is in."""
        return self.incarnation, self.commit


def replacement_name(change: Change) -> str:
    """Return the name, in ``drafts/``, of the file that a REPLACED record speaks of."""
    return str(change.images[:REPLACEMENT_LENGTH], "ascii") + ".db"


def encode_segment_header(header: SegmentHeader) -> bytes:
    """Return the header's bytes, its checksum last."""
    data = _SEGMENT.pack(
        SEGMENT_MAGIC, FORMAT_VERSION, header.salt, header.number, header.first_lsn, header.size
    )
    return data + _CRC.pack(zlib.crc32(data))


def decode_segment_header(data: bytes | memoryview) -> SegmentHeader | None:
    """Return the header that ``data`` begins with, from its copy if need be, or None."""
    for start in (0, HEADER_COPY_START):
        if (header := _decode_header_at(data, start)) is not None:
            return header
    return None


def _decode_header_at(data: bytes | memoryview, start: int) -> SegmentHeader | None:
    end = start + _SEGMENT.size
    if end + _CRC.size > len(data):
        return None
    magic, version, salt, number, first_lsn, size = _SEGMENT.unpack_from(data, start)
    (crc,) = _CRC.unpack_from(data, end)
    if magic != SEGMENT_MAGIC or crc != zlib.crc32(data[start:end]):
        return None
    if version != FORMAT_VERSION:
        raise InternalError(f"segment of log format {version}; {FORMAT_VERSION} is known")
    return SegmentHeader(number, first_lsn, salt, size)


def record_size(change: Change) -> int:
    """Return how many bytes the record of ``change`` takes."""
    size = RECORD_SIZE_MIN + len(change.unique_key.encode()) + len(change.images)
    return size + -size % ALIGNMENT


def encode_record(
    change: Change,
    *,
    lsn: int,
    durable_lsn: int,
    epoch: int,
    incarnation: int,
    commit: int,
    time_ms: int,
    salt: int,
) -> bytes:
    """Return the record's bytes, to be written into the segment with this salt."""
    kind, unique_key, actor_id, previous_lsn, alarm_ms, page_size, pages, count, images = change
    key = unique_key.encode()
    size = RECORD_SIZE_MIN + len(key) + len(images)
    padding = -size % ALIGNMENT
    fixed = _BODY.pack(
        size + padding,
        kind,
        0,
        page_size // 512,
        lsn,
        durable_lsn,
        previous_lsn,
        epoch,
        incarnation,
        commit,
        time_ms,
        alarm_ms,
        pages,
        count,
        len(key),
        actor_id,
    )
    body = b"".join((fixed, key, images, bytes(padding)))
    return _LEAD.pack(RECORD_MAGIC, zlib.crc32(body, salt)) + body


def decode_record(data: memoryview, start: int, salt: int) -> Record | None:
    """Return the record at ``start``, or None if no intact record of this segment is there.

    Its ``images`` is a view of ``data``.
    """
    head = decode_head(data, start, salt)
    if head is None:
        return None
    return _record(head, data, start + RECORD_SIZE_MIN, start + head[0])


# size, kind, 0, page size / 512, LSN, durable LSN, previous LSN, epoch, incarnation, commit, time,
# alarm, pages, images, length of the key, actor id
Head = tuple[int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, bytes]


def decode_head(data: memoryview, start: int, salt: int) -> Head | None:
    """As ``decode_record``, but return the bare fields: a fifth of the time."""
    if start + RECORD_SIZE_MIN > len(data):
        return None
    magic, crc = _LEAD.unpack_from(data, start)
    if magic != RECORD_MAGIC:
        return None
    fields = _BODY.unpack_from(data, start + _LEAD.size)
    size: int = fields[0]
    if size < RECORD_SIZE_MIN or size % ALIGNMENT or start + size > len(data):
        return None
    if zlib.crc32(data[start + _LEAD.size : start + size], salt) != crc:
        return None
    return fields


def _record(fields: Head, data: memoryview, start: int, end: int) -> Record:
    # fmt: off
    (size, kind, _, units, lsn, durable_lsn, previous_lsn, epoch, incarnation, commit, time_ms,
     alarm_ms, database_pages, image_count, key_length, actor_id) = fields
    # fmt: on
    images_start = start + key_length
    change = Change(
        _KINDS[kind],
        str(data[start:images_start], "utf-8"),
        actor_id,
        previous_lsn,
        alarm_ms,
        units * 512,
        database_pages,
        image_count,
        data[images_start:end],
    )
    return Record(lsn, durable_lsn, epoch, incarnation, commit, time_ms, change, size)


def find_record_after(
    data: memoryview, start: int, salt: int, lsn: int, *, durable_from: int
) -> Record | None:
    """Return an intact record behind ``start`` that proves an earlier one to have been durable.

    Args:
        data: The segment.
        start: Where to begin.
        salt: The segment's.
        lsn: Records up to this one do not count: the segment's earlier life.
        durable_from: It must have known that this LSN, or a later one, was durable.
    """
    content: Any = data.obj  # bytes, or a mapped file: both can be searched without a copy
    at = content.find(RECORD_MAGIC, start)
    while at >= 0:
        if at % ALIGNMENT == 0 and at + RECORD_SIZE_MIN <= len(data):
            _, found, durable_lsn = _LSN_AT.unpack_from(data, at)
            if found > lsn and durable_lsn >= durable_from:
                record = decode_record(data, at, salt)
                if record is not None:
                    return record
        at = content.find(RECORD_MAGIC, at + 1)
    return None
