"""Copies a data directory while it is written to, so that the copy starts as after a crash.

*Promise*: once all steps are done, opening the copy gives every actor all that was durable when
the last step began, and nothing else.
*Assumes*: all logs are held (``Store.hold_log``), so that no segment is used again meanwhile, and
no file takes an actor's place but those that ``copy_log`` tells of. Nobody has the copy open.
*Rules for editing*: the order is the proof. CHECKPOINT first: all that the copied log needs comes
after it. Files next, in any order and in the middle of changes: a page image in the log is
applied again whatever the page holds. The log last: a file holds nothing that was not durable in
the log before. What of the log was written while it was read is cut off.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import apsw

from .durable_files import make_directory
from .errors import StorageError
from .layout import Layout
from .log_directory import LogDirectory
from .logformat import (
    RECORDS_START,
    RecordKind,
    SegmentHeader,
    decode_record,
    decode_segment_header,
)
from .segments import find_segments
from .sqlite_errors import name_of

Actor = tuple[str, bytes]
_CHECKPOINT = "CHECKPOINT"
# Made anew from the rest when the copy is opened, or of no use there.
_LEFT_OUT = frozenset({"index.db", "index.db-wal", "index.db-shm", "index.db-journal"})
_SUFFIXES_LEFT_OUT = ("-wal", "-shm", "-journal", ".new")
# So much is copied between two looks whether anybody still wants it.
_PIECE_SIZE_BYTES = 2**23


def go_on() -> None:
    """What to call again and again where nobody gives up."""


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """A file that was copied.

    Attributes:
        path: Where it came from.
        size_bytes: Of it.
    """

    path: Path
    size_bytes: int


def copy_checkpoints(source: Layout, target: Layout) -> None:
    """Copy what each log says of where it begins. The copy's history is another one from there.

    Raises:
        OSError: Something cannot be read or written.
    """
    for log in sorted(source.logs_dir.iterdir()):
        if not log.is_dir():
            continue
        home = target.logs_dir / log.name
        make_directory(home)
        if (log / _CHECKPOINT).exists():
            shutil.copyfile(log / _CHECKPOINT, home / _CHECKPOINT)
        directory = LogDirectory.open(home)
        try:
            known = directory.read_checkpoint()
            directory.write_checkpoint(
                replace(known, incarnation=known.incarnation + 1, is_clean=False)
            )
        finally:
            directory.close()


def copy_files(
    source: Layout, target: Layout, check: Callable[[], None] = go_on
) -> Iterator[CopiedFile]:
    """Copy actors' files, the archive, the trash and the marks; yield each when it is copied.

    Args:
        source: From here.
        target: There.
        check: Called again and again; raises to give up.

    Raises:
        OSError: Something cannot be read or written.
    """
    for folder in (source.actors_dir, source.archive_dir, source.trash_dir, source.marks_dir):
        for home, _, names in os.walk(folder):
            to = target.root / Path(home).relative_to(source.root)
            to.mkdir(parents=True, exist_ok=True)
            for name in sorted(names):
                if name in _LEFT_OUT or name.endswith(_SUFFIXES_LEFT_OUT):
                    continue
                copied = copy_file(Path(home) / name, to / name, check)
                if copied is not None:
                    yield copied


def copy_file(source: Path, target: Path, check: Callable[[], None] = go_on) -> CopiedFile | None:
    """Copy one file; None if it has gone meanwhile. ``check`` as of ``copy_files``.

    Raises:
        OSError: It cannot be read or written.
    """
    try:
        with source.open("rb") as read, target.open("wb") as written:
            while piece := read.read(_PIECE_SIZE_BYTES):
                written.write(piece)
                check()
    except FileNotFoundError:
        target.unlink(missing_ok=True)
        return None
    return CopiedFile(source, target.stat().st_size)


def copy_catalog(source: Path, target: Path) -> None:
    """Copy a database that SQLite alone looks after.

    Raises:
        StorageError: It cannot be read or written.
    """
    try:
        # Not READONLY: that may not put back what a process had begun that was killed.
        connection = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READWRITE)
        copy = apsw.Connection(str(target))
        try:
            with copy.backup("main", connection, "main") as backup:
                backup.step(-1)
        finally:
            copy.close()
            connection.close()
    except apsw.Error as error:
        raise StorageError(source, f"cannot be copied: {error} ({name_of(error)})") from error


def copy_log(
    source: Path, target: Path, known: int, check: Callable[[], None] = go_on
) -> tuple[int, set[Actor]]:
    """Copy the segments of a log.

    Args:
        source: The log's directory.
        target: The copy's, with a CHECKPOINT in it.
        known: A record's number, up to which nobody asks for what took another's place.
        check: As of ``copy_files``.

    Returns:
        The last record copied, and whose files took another's place after ``known``.

    Raises:
        OSError: Something cannot be read or written.
    """
    directory = LogDirectory.open(target)
    try:
        checkpoint = directory.read_checkpoint()
    finally:
        directory.close()
    last, replaced = checkpoint.lsn, set[Actor]()
    for path in target.glob("*.seg"):
        path.unlink()
    # Those before the checkpoint, too: the archive may not have them yet.
    for segment in find_segments(source):
        if segment.header is None:
            continue
        check()
        copy = target / segment.path.name
        shutil.copyfile(segment.path, copy)
        if _header(copy) != segment.header:  # it is another segment by now, one that nobody needs
            copy.unlink()
            continue
        end, found = _cut(copy, segment.header, known)
        last = max(last, end)
        replaced |= found
    return last, replaced


def _header(path: Path) -> SegmentHeader | None:
    with path.open("rb") as file:
        return decode_segment_header(file.read(RECORDS_START))


def _cut(path: Path, header: SegmentHeader, known: int) -> tuple[int, set[Actor]]:
    """Cut off what does not follow on; return the last record, and who was replaced after."""
    replaced: set[Actor] = set()
    data = memoryview(path.read_bytes())
    at, lsn = RECORDS_START, header.first_lsn - 1
    while (record := decode_record(data, at, header.salt)) is not None and record.lsn == lsn + 1:
        if record.change.kind is RecordKind.REPLACED and record.lsn > known:
            replaced.add(record.change.actor)
        lsn = record.lsn
        at += record.size
    with path.open("r+b") as file:
        file.truncate(at)
        file.truncate(len(data))  # zeros, as behind the records of any log
    return lsn, replaced
