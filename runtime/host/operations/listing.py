"""Lists actors: all that have stored something, or those that a pattern names."""

import asyncio
import fnmatch
import itertools
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from ....storage.catalog import NamespaceRecord
from ....storage.errors import PerdureError
from ....storage.metadata import Metadata
from ....storage.peek import Peeked, peek
from .house import House, Told, Values
from .naming import find_namespace, namespaces_of, own_files

# So many files are looked at in a thread between two looks at who reads: some 20 ms.
_BATCH_FILES = 256


@dataclass(frozen=True, slots=True)
class ListArguments:
    """Which actors are wanted.

    Attributes:
        namespace: A class, binding or unique key; None for all.
        match: A pattern with ``*`` and ``?`` that their name or id must fit.
        limit: At most so many.
        after: Only those with an id after this one.
    """

    namespace: str | None = None
    match: str | None = None
    limit: int | None = None
    after: str = ""


@dataclass(frozen=True, slots=True)
class ActorSummary:
    """A line of a list.

    Attributes:
        namespace: Its class.
        unique_key: Of its namespace.
        id: 64 hexadecimal digits.
        name: The name its id was made from; None if it is not known.
        size_bytes: Of its database.
        written_ms: When its files were last written to, in Unix milliseconds.
        alarm_ms: When it is to be woken, or None.
        is_live: It is in memory.
    """

    namespace: str
    unique_key: str
    id: str
    name: str | None
    size_bytes: int
    written_ms: int
    alarm_ms: int | None
    is_live: bool


@dataclass(frozen=True, slots=True)
class _Found:
    path: Path
    peeked: Peeked
    size_bytes: int
    written_ms: int
    has_wal: bool


async def list_actors(house: House, arguments: ListArguments, told: Told) -> Values:
    """Tell of each actor that is wanted as an item; return how many there were."""
    if arguments.namespace is None:
        records = await namespaces_of(house)
    else:
        records = [await find_namespace(house, arguments.namespace)]
    count = 0
    for record in records:
        files = own_files(house, record.unique_key, arguments.after)
        while batch := await asyncio.to_thread(_look, files):
            for found in batch:
                summary = _summary(house, record, found)
                if summary is None or not _fits(summary, arguments.match):
                    continue
                if count == arguments.limit:
                    return {"count": count, "has_more": True}
                await told.item(asdict(summary))
                count += 1
    return {"count": count, "has_more": False}


def _look(files: Iterator[Path]) -> list[_Found]:
    """Look at the next files; runs in a thread."""
    found = []
    for path in itertools.islice(files, _BATCH_FILES):
        wal = path.with_name(path.name + "-wal")
        try:
            status = path.stat()
            written_ns = status.st_mtime_ns
        except OSError:  # it has gone meanwhile
            continue
        try:
            written_ns = max(written_ns, wal.stat().st_mtime_ns)
            has_wal = True
        except OSError:
            has_wal = False
        seen = peek(path)
        found.append(_Found(path, seen, status.st_size, written_ns // 1_000_000, has_wal))
    return found


def _summary(house: House, record: NamespaceRecord, found: _Found) -> ActorSummary | None:
    raw = bytes.fromhex(found.path.stem)
    actor = house.host.custody.find_actor(record.unique_key, raw)
    name, size = found.peeked.name, found.size_bytes
    if found.has_wal:  # what counts is not in the file yet
        try:
            with house.host.custody.borrow(record.unique_key, raw) as database:
                if not database.rows("SELECT 1"):
                    return None
                name, size = Metadata(database).get_name(), max(size, database.size_bytes)
        except PerdureError:  # damaged: it is listed all the same, and `verify` tells of it
            pass
    elif not found.peeked.is_committed:
        return None
    if name is None and actor is not None:
        name = actor.id.name
    return ActorSummary(
        record.class_name,
        record.unique_key,
        raw.hex(),
        name,
        size,
        found.written_ms,
        house.times.get(record.unique_key, raw),
        actor is not None,
    )


def _fits(summary: ActorSummary, pattern: str | None) -> bool:
    if pattern is None:
        return True
    if summary.name is not None and fnmatch.fnmatchcase(summary.name, pattern):
        return True
    return fnmatch.fnmatchcase(summary.id, pattern.lower())
