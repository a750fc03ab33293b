"""Brings actors' files up to what their logs hold, before anything else happens.

*Promise*: when ``recover`` returns, every acknowledged commit is in its actor's own file, on the
disk, and no ``-wal`` that is there counts any more, or, when only some of the logs were recovered,
whoever opens its file removes it (storage/journal.py). It may be killed anywhere and run again.
*Assumes*: nobody has an actor of these logs open; the logs are locked. Either they are all there
are, or the others were recovered when this was done with all of them, and may be in use now.
Where it was done with all, each CHECKPOINT says the highest commit number of any log: whichever
log an actor goes on in, its numbers grow.
*Rules for editing*: files first, then one sync of the file system, then the checkpoints: a
checkpoint that came first would make a log forget what is not yet in the files. What was read
is written again even where the file seems to have it: after an I/O error the page cache may
hold what the disk does not.
A file that takes another's place lies in ``drafts/<slot>/``, synced, before its record is written,
and is renamed by whoever finds it there and the record in the log.
*Considered and refused*: reading SQLite's own ``-wal`` files. They are never synced, so after a
power failure they may hold anything; after a kill they may hold commits the log does not.
Deleting them: that takes as long as all the rest. With zeros for a header they are empty.
"""

import contextlib
import gc
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from .durable_files import make_directory, sync_file_system
from .errors import LogCorrupt
from .log_directory import Checkpoint, LogDirectory
from .log_scan import LogScan, scan
from .log_start import LogStart
from .logformat import ALARM_UNCHANGED, BEGINNINGS, NO_ALARM, Record, RecordKind, replacement_name
from .replay import replay
from .wal import HEADER_SIZE_BYTES

_WAL = "-wal"
WAL_SUFFIXES = (_WAL, "-shm", "-journal")
# Larger ones are not left to be used again.
_WAL_KEPT_SIZE_BYTES = 2**18
_BY_ORDER = attrgetter("incarnation", "commit")
Actor = tuple[str, bytes]
Damaged = Callable[[str, bytes, LogCorrupt], None]
# More than a process can have made that were not durable when it died. Their numbers are not given
# again: a bookmark may have been told that has one, of an actor which was durable by itself.
_COMMITS_LOST_MAX = 2**24


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
    drafts_dir: Path,
    logs: list[LogDirectory],
    actor_file: Callable[[str, bytes], Path],
    apply_alarms: Callable[[dict[Actor, int | None]], None],
    *,
    is_alone: bool = True,
    used: int | None = None,
    damaged: Damaged | None = None,
) -> Recovered:
    """Replay ``logs`` into the files under ``actors_dir``, and start them anew.

    Args:
        actors_dir: Where all actors' files are.
        drafts_dir: Where files lie that are to take the place of others.
        logs: Those to recover, locked.
        actor_file: Where the file of (namespace, id) is.
        apply_alarms: Given, for actors whose alarm changed, when it is due (Unix milliseconds)
            or None; durable when it returns.
        is_alone: These are all logs of the directory. Otherwise the others may be in use, and
            nothing is touched but what belongs to actors of these.
        used: So many of the first of ``logs`` are gone on with at once, all if None. The others
            are left as if they had been closed in good order.
        damaged: Told of actors whose files are gone, or too short for what the logs have changed
            in them, so that these are not brought up to date; durable when it returns. Without
            it, and if most files are so, that is a ``LogCorrupt``.

    Raises:
        LogCorrupt: Something is missing that was durable.
        OSError: Something cannot be read or written; run it again when that is mended.
    """
    with _without_collections():
        return _recover(
            actors_dir,
            drafts_dir,
            logs,
            actor_file,
            apply_alarms,
            is_alone=is_alone,
            used=len(logs) if used is None else used,
            damaged=damaged,
        )


@contextlib.contextmanager
def _without_collections() -> Iterator[None]:
    """Python would look through all records again and again, and find no garbage: a fifth more."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _recover(
    actors_dir: Path,
    drafts_dir: Path,
    logs: list[LogDirectory],
    actor_file: Callable[[str, bytes], Path],
    apply_alarms: Callable[[dict[Actor, int | None]], None],
    *,
    is_alone: bool,
    used: int,
    damaged: Damaged | None,
) -> Recovered:
    checkpoints = [log.read_checkpoint() for log in logs]
    scans = [scan(log.path, known) for log, known in zip(logs, checkpoints, strict=True)]
    histories = _histories(zip(scans, checkpoints, strict=True))
    if is_alone and (histories or not all(known.is_clean for known in checkpoints)):
        _empty_wals(actors_dir)
    drafts_dirs = [drafts_dir / log.path.name for log in logs]
    failures: dict[Actor, LogCorrupt] = {}
    for actor, history in histories.items():
        path = actor_file(*actor)
        if not is_alone:
            _empty_wals_of(path)
        try:
            _replay(path, history, drafts_dirs)
        except LogCorrupt as error:
            failures[actor] = error
    _tell_of(failures, len(histories), damaged)
    apply_alarms(_alarms(histories))
    sync_file_system(actors_dir)
    for unused in [drafts_dir] if is_alone else drafts_dirs:  # what was begun and is in no log
        shutil.rmtree(unused, ignore_errors=True)
    commit = max((found.commit for found in scans), default=0)
    if not all(known.is_clean for known in checkpoints):
        commit += _COMMITS_LOST_MAX
    incarnation = max((found.incarnation for found in scans), default=1)
    starts = [
        _start(found, commit, incarnation, is_clean=known.is_clean)
        for found, known in zip(scans, checkpoints, strict=True)
    ]
    for place, (log, start) in enumerate(zip(logs, starts, strict=True)):
        # Not clean what is used: from now on there may be -wal files again.
        log.write_checkpoint(_checkpoint(start, is_clean=place >= used))
    return Recovered(
        tuple(starts),
        sum(map(len, histories.values())),
        sum(found.size_bytes for found in scans),
        len(histories),
    )


def _tell_of(failures: dict[Actor, LogCorrupt], count: int, damaged: Damaged | None) -> None:
    """Single files are damage; most of them are a directory that was put together wrongly."""
    for actor, error in failures.items():
        if damaged is None or (len(failures) > 1 and 2 * len(failures) > count):
            raise error
        damaged(*actor, error)


def _start(found: LogScan, commit: int, incarnation: int, *, is_clean: bool) -> LogStart:
    return LogStart(
        found.lsn,
        found.segment,
        found.epoch + 1,
        found.files,
        commit,
        incarnation,
        found.segments,
        None if is_clean or not found.segments else found.segments[-1][0],
    )


def _checkpoint(start: LogStart, *, is_clean: bool) -> Checkpoint:
    return Checkpoint(
        start.lsn,
        start.segment + 1,
        start.epoch,
        is_clean=is_clean,
        commit=start.commit,
        incarnation=start.incarnation,
    )


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
            kind, actor = record.change.kind, record.change.actor
            if record.lsn <= checkpoint.lsn or kind is RecordKind.SEAL:
                continue
            if kind is RecordKind.HANDED_OVER:
                here.pop(actor, None)
            elif actor in here:
                here[actor].append(record)
            else:
                here[actor] = [record]
        for actor, records in here.items():
            histories.setdefault(actor, []).extend(records)
    for records in histories.values():
        records.sort(key=_BY_ORDER)
    return histories


def _empty_wals(actors_dir: Path) -> None:
    """Let no file beside an actor's be taken for a part of it.

    Of all actors there are only the names are read: a hundred thousand take some 50 ms.
    """
    for bucket in actors_dir.glob("*/*"):
        for name in os.listdir(bucket):  # noqa: PTH208  # a Path for each takes ten times as long
            if name.endswith(WAL_SUFFIXES):
                _empty_wal(bucket / name)


def _empty_wals_of(path: Path) -> None:
    for suffix in WAL_SUFFIXES:
        with contextlib.suppress(FileNotFoundError):
            _empty_wal(path.with_name(path.name + suffix))


def _empty_wal(path: Path) -> None:
    """Take a file away, or, quicker than that, let SQLite find nothing in it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        os.pwrite(descriptor, bytes(min(size, HEADER_SIZE_BYTES)), 0)
    finally:
        os.close(descriptor)
    if size > _WAL_KEPT_SIZE_BYTES or not path.name.endswith(_WAL):
        path.unlink()


def _replay(path: Path, history: list[Record], drafts_dirs: list[Path]) -> None:
    """Write into the file of one actor what its records changed."""
    begin = 0
    for place, record in enumerate(history):
        if record.change.kind in BEGINNINGS:
            begin = place
    history = history[begin:]
    first = history[0].change
    if first.kind is RecordKind.DELETE:
        path.unlink(missing_ok=True)
    elif first.kind is RecordKind.REPLACED:
        for directory in drafts_dirs:
            _put_in_place(directory / replacement_name(first), path)
    changes = [record.change for record in history if record.change.image_count]
    if changes:
        replay(path, changes, is_new=first.kind is RecordKind.CREATE)


def _put_in_place(draft: Path, path: Path) -> None:
    """Give an actor the file that its log says it has; it may have been given it already."""
    make_directory(path.parent)
    with contextlib.suppress(FileNotFoundError):
        draft.replace(path)


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
