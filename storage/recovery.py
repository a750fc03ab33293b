"""Brings actors' files up to what their logs hold, before anything else happens.

*Promise*: when ``recover`` returns, every acknowledged commit is in its actor's own file, on the
disk, and no ``-wal`` is left. It may be killed anywhere and run again.
*Assumes*: nobody has an actor open; all logs of the directory are locked and given together.
*Rules for editing*: files first, then one sync of the file system, then the checkpoints: a
checkpoint that came first would make a log forget what is not yet in the files. What was read
is written again even where the file seems to have it: after an I/O error the page cache may
hold what the disk does not.
*Considered and refused*: reading SQLite's own ``-wal`` files. They are never synced, so after a
power failure they may hold anything; after a kill they may hold commits the log does not.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from .durable_files import make_directory, sync_file_system
from .errors import LogCorrupt
from .log import LogStart
from .log_directory import Checkpoint, LogDirectory
from .log_scan import LogScan, scan
from .logformat import ALARM_UNCHANGED, NO_ALARM, Change, Record, RecordKind
from .page_images import ImageKind, decode_images

WAL_SUFFIXES = ("-wal", "-shm", "-journal")
Actor = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a recovery found.

    Attributes:
        starts: Where each log goes on, in the order in which they were given.
        records: Records replayed.
        size_bytes: Their bytes.
        actors: Files brought up to date.
    """

    starts: tuple[LogStart, ...]
    records: int = 0
    size_bytes: int = 0
    actors: int = 0


def recover(
    actors_dir: Path,
    logs: list[LogDirectory],
    actor_file: Callable[[str, bytes], Path],
    apply_alarms: Callable[[dict[Actor, int | None]], None],
) -> Recovered:
    """Replay all ``logs`` into the files under ``actors_dir``, and start them anew.

    Args:
        actors_dir: Where all actors' files are.
        logs: All logs of the directory, locked.
        actor_file: Where the file of (namespace, id) is.
        apply_alarms: Given, for actors whose alarm changed, when it is due (Unix milliseconds)
            or None; what it writes is synced together with the files.

    Raises:
        LogCorrupt: Something is missing that was durable.
        OSError: Something cannot be read or written; run it again when that is mended.
    """
    checkpoints = [log.read_checkpoint() for log in logs]
    scans = [scan(log.path, known) for log, known in zip(logs, checkpoints, strict=True)]
    histories = _histories(zip(scans, checkpoints, strict=True))
    if histories or not all(known.is_clean for known in checkpoints):
        _remove_wals(actors_dir)
    for history in histories.values():
        change = history[-1].change
        _replay(actor_file(change.unique_key, change.actor_id), history)
    apply_alarms(_alarms(histories))
    sync_file_system(actors_dir)
    starts = [_start(found) for found in scans]
    for log, start in zip(logs, starts, strict=True):
        # Not clean: from now on there may be -wal files again.
        log.write_checkpoint(Checkpoint(start.lsn, start.segment + 1, start.epoch, is_clean=False))
    return Recovered(
        tuple(starts),
        sum(map(len, histories.values())),
        sum(found.size_bytes for found in scans),
        len(histories),
    )


def _start(found: LogScan) -> LogStart:
    return LogStart(found.lsn, found.segment, found.epoch + 1, found.files)


def _histories(scans: Iterable[tuple[LogScan, Checkpoint]]) -> dict[Actor, list[Record]]:
    """Return for each actor the records its file may lack, in the order of its commits.

    The file of an actor that was handed over to another log was synced first, so what came
    before that in the log it left is in the file; replaying it now could undo what the other
    log has done since.
    """
    histories: dict[Actor, list[Record]] = {}
    for found, checkpoint in scans:
        here: dict[Actor, list[Record]] = {}
        for record in found.records:
            if record.lsn <= checkpoint.lsn or record.change.kind is RecordKind.SEAL:
                continue
            if record.change.kind is RecordKind.HANDED_OVER:
                here.pop(record.change.actor, None)
            else:
                here.setdefault(record.change.actor, []).append(record)
        for actor, records in here.items():
            histories.setdefault(actor, []).extend(records)
    for records in histories.values():
        records.sort(key=lambda record: record.order)
    return histories


def _remove_wals(actors_dir: Path) -> None:
    for directory, _, names in os.walk(actors_dir):
        for name in names:
            if name.endswith(WAL_SUFFIXES):
                (Path(directory) / name).unlink()


def _replay(path: Path, history: list[Record]) -> None:
    """Write into the file of one actor what its records changed."""
    begin = 0
    for place, record in enumerate(history):
        if record.change.kind in {RecordKind.CREATE, RecordKind.DELETE}:
            begin = place
    history = history[begin:]
    first = history[0].change
    if first.kind is RecordKind.DELETE:
        path.unlink(missing_ok=True)
        history = history[1:]
        if not history:
            return
    flags = os.O_RDWR | os.O_CLOEXEC
    if first.kind is RecordKind.CREATE:
        make_directory(path.parent)
        flags |= os.O_CREAT | os.O_TRUNC
    try:
        descriptor = os.open(path, flags, 0o644)
    except FileNotFoundError as error:
        raise LogCorrupt(path, "the log has changes of this file, and it is gone") from error
    try:
        _write_pages(path, descriptor, [record.change for record in history])
    finally:
        os.close(descriptor)


def _write_pages(path: Path, descriptor: int, changes: list[Change]) -> None:
    pages: dict[int, bytearray] = {}
    for change in changes:
        size = change.page_size
        images = memoryview(change.images)
        for image in decode_images(images, change.image_count, size):
            page = pages.get(image.number)
            if page is None:
                page = pages[image.number] = bytearray(size)
                if image.kind is ImageKind.CHANGED:
                    page[:] = os.pread(descriptor, size, (image.number - 1) * size)
                    if len(page) != size:
                        raise LogCorrupt(path, f"page {image.number} is not there to be changed")
            image.apply(page)
        pages = {number: page for number, page in pages.items() if number <= change.database_pages}
    written = [change for change in changes if change.image_count]
    if written:
        size = written[-1].page_size
        for number, page in sorted(pages.items()):
            os.pwrite(descriptor, page, (number - 1) * size)
        os.ftruncate(descriptor, written[-1].database_pages * size)


def _alarms(histories: dict[Actor, list[Record]]) -> dict[Actor, int | None]:
    alarms: dict[Actor, int | None] = {}
    for actor, records in histories.items():
        for record in records:
            if record.change.alarm_ms != ALARM_UNCHANGED:
                time_ms = record.change.alarm_ms
                alarms[actor] = None if time_ms == NO_ALARM else time_ms
            elif record.change.kind is RecordKind.DELETE:
                alarms[actor] = None
    return alarms
