"""Files of the archive: what one segment of a log held, sorted by actor, and compressed.

*Promise*: a file that has its name is complete, and durable. Damage of any byte is noticed when
it is read, and costs no more than the span it is in.
*Rules for editing*: a change of what is written needs a new ``VERSION``, and a reader of the old
one. The index (storage/archive/index.py) can be made from these files alone; keep it so.
*Considered and refused*: encoding records anew: they are differences already, and keep their
checksums this way, which began from the segment's salt.

A file is ``PERDUARC``, a version, and spans until its end. A span is a header, the actor's
namespace, and the actor's records as they stood in the segment, compressed by zlib.
"""

import os
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import BinaryIO

from ..durable_files import make_directory, sync_directory
from ..errors import ArchiveDamaged, LogCorrupt
from ..logformat import (
    BEGINNINGS,
    RECORD_SIZE_MIN,
    RECORDS_START,
    Record,
    RecordKind,
    SegmentHeader,
    decode_head,
    decode_record,
)

SUFFIX = ".arc"
MAGIC = b"PERDUARC"
VERSION = 1
_FILE = struct.Struct("<8sII")
_SPAN_MAGIC = b"PSpn"
_LEAD = struct.Struct("<4sI")  # magic, and the checksum of all that follows
# Stored bytes, bytes of records, records, salt, incarnation, first and last commit, the last
# commit that is a beginning and its kind, first and last time, length of the key, actor's id.
_SPAN = struct.Struct("<IIIIIQQQBqqH32s")
# So many bytes of records are in one span at most, give or take one record: to read a state
# costs the rest of a span.
_SPAN_SIZE_BYTES_MAX = 2**20
# The fastest; differences are short, and further effort saves a few per cent.
_LEVEL = 1
# After so many records others may run.
_RECORDS_AT_A_TIME = 32


@dataclass(frozen=True, slots=True)
class Span:
    """Some of an actor's records, one after the other.

    Attributes:
        unique_key: The actor's namespace.
        actor_id: Its id.
        position: Where in its file the span begins.
        stored_size_bytes: What it takes in the file.
        size_bytes: Of the records, before they were compressed.
        records: How many there are.
        salt: Of the segment they come from.
        incarnation: Theirs.
        first_commit: Of the first.
        last_commit: Of the last.
        base_commit: Of the last record that what was before does not matter to; 0 without one.
        base_kind: Its kind; 0 without one.
        first_ms: The earliest time at which one was written, in Unix milliseconds.
        last_ms: The latest.
    """

    unique_key: str
    actor_id: bytes
    position: int
    stored_size_bytes: int
    size_bytes: int
    records: int
    salt: int
    incarnation: int
    first_commit: int
    last_commit: int
    base_commit: int
    base_kind: int
    first_ms: int
    last_ms: int

    @property
    def actor(self) -> tuple[str, bytes]:
        """Whose records these are."""
        return self.unique_key, self.actor_id


@dataclass(slots=True)
class _Group:
    """The records of one actor in a segment, as far as they go into one span."""

    key: str
    actor_id: bytes
    incarnation: int
    first_commit: int
    first_ms: int
    last_ms: int
    places: list[tuple[int, int]]
    size: int = 0
    last_commit: int = 0
    base_commit: int = 0
    base_kind: int = 0


def write_archive_file(
    path: Path,
    data: memoryview,
    header: SegmentHeader,
    lsns: tuple[int, int],
    pause: Callable[[], None],
    replaced: Callable[[Record], None] = lambda _: None,
) -> list[Span]:
    """Write what a segment holds into the new file ``path``; durable on return.

    Args:
        path: The file; its directory is made if it is not there.
        data: The segment.
        header: The segment's.
        lsns: Its first record that is wanted, and its last one; what may be behind that was
            never acknowledged.
        pause: Called again and again; may let others run, or raise.
        replaced: Told of each record of a file that took another's place, before there is a file.

    Raises:
        LogCorrupt: A record is damaged.
        OSError: It cannot be written; nothing has this name.
    """
    groups = _groups(path, data, header, lsns, pause, replaced)
    groups.sort(key=lambda group: (group.key, group.actor_id, group.first_commit))
    make_directory(path.parent)
    draft = path.with_name(path.name + ".new")
    with draft.open("wb") as file:
        file.write(_FILE.pack(MAGIC, VERSION, 0))
        spans = []
        for group in groups:
            pause()
            records = b"".join([data[start:end] for start, end in group.places])
            stored = zlib.compress(records, _LEVEL)
            span, encoded = _encode(group, file.tell(), header.salt, stored)
            file.write(encoded)
            spans.append(span)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_directory(path.parent)
    return spans


def last_intact(data: memoryview, header: SegmentHeader, last_lsn: int) -> int:
    """Return the last record up to which all of a segment, to ``last_lsn`` at most, can be read."""
    at = RECORDS_START
    for lsn in range(header.first_lsn, last_lsn + 1):
        head = decode_head(data, at, header.salt)
        if head is None or head[4] != lsn:
            return lsn - 1
        at += head[0]
    return last_lsn


def _groups(
    path: Path,
    data: memoryview,
    header: SegmentHeader,
    lsns: tuple[int, int],
    pause: Callable[[], None],
    replaced: Callable[[Record], None],
) -> list[_Group]:
    first_lsn, last_lsn = lsns
    open_groups: dict[tuple[str, bytes], _Group] = {}
    full: list[_Group] = []
    at, salt = RECORDS_START, header.salt
    for lsn in range(header.first_lsn, last_lsn + 1):
        head = decode_head(data, at, salt)
        if head is None or head[4] != lsn:
            problem = f"record {lsn} of the log, at byte {at} of its segment, cannot be read"
            raise LogCorrupt(path, problem)
        size, kind, incarnation, commit, time_ms = head[0], head[1], head[8], head[9], head[10]
        if lsn >= first_lsn:
            key = str(data[at + RECORD_SIZE_MIN : at + RECORD_SIZE_MIN + head[14]], "utf-8")
            group = open_groups.get((key, head[15]))
            if group is None:
                group = _Group(key, head[15], incarnation, commit, time_ms, time_ms, [])
                open_groups[key, head[15]] = group
            group.places.append((at, at + size))
            group.size += size
            group.last_commit = commit
            group.first_ms = min(group.first_ms, time_ms)  # a clock may be set back
            group.last_ms = max(group.last_ms, time_ms)
            if kind in BEGINNINGS:
                group.base_commit, group.base_kind = commit, kind
                if kind == RecordKind.REPLACED and (record := decode_record(data, at, salt)):
                    replaced(record)
            if group.size > _SPAN_SIZE_BYTES_MAX:
                full.append(open_groups.pop((key, head[15])))
        at += size
        if lsn % _RECORDS_AT_A_TIME == 0:
            pause()
    return full + list(open_groups.values())


def _encode(group: _Group, position: int, salt: int, stored: bytes) -> tuple[Span, bytes]:
    key = group.key.encode()
    size = _LEAD.size + _SPAN.size + len(key) + len(stored)
    span = Span(
        group.key,
        group.actor_id,
        position,
        size,
        group.size,
        len(group.places),
        salt,
        group.incarnation,
        group.first_commit,
        group.last_commit,
        group.base_commit,
        group.base_kind,
        group.first_ms,
        group.last_ms,
    )
    fields = astuple(span)[4:]
    body = _SPAN.pack(len(stored), *fields, len(key), group.actor_id) + key + stored
    return span, _LEAD.pack(_SPAN_MAGIC, zlib.crc32(body)) + body


def read_spans(path: Path) -> Iterator[Span]:
    """Yield what an archive file holds, each span checked.

    Raises:
        ArchiveDamaged: A part of it cannot be read.
        OSError: Likewise, in the system's words.
    """
    with path.open("rb") as file:
        head = file.read(_FILE.size)
        if len(head) < _FILE.size or _FILE.unpack(head)[:2] != (MAGIC, VERSION):
            raise ArchiveDamaged(path, "is no archive file of a version that is known")
        while (found := _read_span(path, file)) is not None:
            yield found[0]


def read_records(path: Path, position: int) -> list[Record]:
    """Return the records of the span that begins at ``position``.

    Raises:
        ArchiveDamaged: They cannot be read.
        OSError: Likewise, in the system's words.
    """
    with path.open("rb") as file:
        file.seek(position)
        found = _read_span(path, file)
    if found is None:
        raise ArchiveDamaged(path, f"ends before byte {position}, where a span should begin")
    span, stored = found
    try:
        data = memoryview(zlib.decompress(stored))
    except zlib.error as error:
        raise ArchiveDamaged(path, f"the span at byte {position} cannot be unpacked") from error
    records = []
    at = 0
    while at < len(data):
        record = decode_record(data, at, span.salt)
        if record is None:
            raise ArchiveDamaged(path, f"a record of the span at byte {position} is damaged")
        records.append(record)
        at += record.size
    if len(records) != span.records:
        raise ArchiveDamaged(path, f"records of the span at byte {position} are missing")
    return records


def _read_span(path: Path, file: BinaryIO) -> tuple[Span, bytes] | None:
    """Return the span that begins here, with what is stored of it; None at the file's end."""
    position = file.tell()
    lead = file.read(_LEAD.size)
    if not lead:
        return None
    body = file.read(_SPAN.size)
    if len(lead) == _LEAD.size and len(body) == _SPAN.size:
        magic, crc = _LEAD.unpack(lead)
        fields = _SPAN.unpack(body)
        rest = file.read(fields[11] + fields[0])
        if magic == _SPAN_MAGIC and zlib.crc32(rest, zlib.crc32(body)) == crc:
            key, stored = rest[: fields[11]], rest[fields[11] :]
            size = len(lead) + len(body) + len(rest)
            return Span(str(key, "utf-8"), fields[12], position, size, *fields[1:11]), stored
    raise ArchiveDamaged(path, f"the span at byte {position} is damaged")
