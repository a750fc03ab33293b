"""Locks the logs of a data directory, and recovers them: how each use of a directory begins.

A directory has one log for each process that has actors. One process does all of it by itself, when
it opens its store (storage/store.py). Where there are several, one that has no actors, and holds
the directory's lock, begins with ``recover_all``; then each opens its own log, and looks at no
other's.

*Promise*: after ``recover_all`` each actor's file holds all that was acknowledged, its alarm is in
the file of the slot that serves it, and any log may have it from then on: the numbers of its
commits, hence its bookmarks, go on growing, and its history stays in order.
*Assumes*: the directory is locked (storage/directory.py).
*Rules for editing*: alarms first go to their slots' files as they were saved, then what the logs
say of them is put over that; see storage/alarm_distribution.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .alarm_distribution import SlotOf, distribute_alarms, save_recovered_alarms
from .errors import StorageError
from .layout import Layout
from .log_directory import LogDirectory
from .marks import Marks
from .recovery import Recovered, recover

Alarms = dict[tuple[str, bytes], int | None]


@dataclass(frozen=True, slots=True)
class OpenedLogs:
    """Logs that are recovered, and locked.

    Attributes:
        logs: Those that were asked for, in that order.
        recovered: What was found, in these first.
        marks: What is remembered of single actors.
    """

    logs: tuple[LogDirectory, ...]
    recovered: Recovered
    marks: Marks


def open_logs(
    layout: Layout,
    slots: Sequence[str],
    apply_alarms: Callable[[Alarms], None],
    time_ms: Callable[[], int],
    *,
    is_alone: bool,
) -> OpenedLogs:
    """Lock and recover logs, to go on with them.

    Args:
        layout: The directory.
        slots: Which logs.
        apply_alarms: Given the alarms that the logs know of; durable when it returns.
        time_ms: Now, in Unix milliseconds.
        is_alone: Recover all others as well, and leave them; else they are not touched.

    Raises:
        DirectoryInUse: A log that is to be recovered is in use.
        LogCorrupt: Something is missing that was durable.
        StorageError: The directory, or a mark in it, cannot be read or written.
    """
    logs = _lock(layout, slots, is_alone=is_alone)
    try:
        marks = Marks(layout)
        recovered = _recover(
            layout, logs, marks, apply_alarms, time_ms, is_alone=is_alone, used=len(slots)
        )
    except BaseException:
        _close(logs)
        raise
    _close(logs[len(slots) :])
    return OpenedLogs(tuple(logs[: len(slots)]), recovered, marks)


def recover_all(
    layout: Layout, slots: Sequence[str], slot_of: SlotOf, time_ms: Callable[[], int]
) -> Recovered:
    """Make a directory ready for the processes that will have its actors, one for each slot.

    All logs are recovered, those of slots that do not serve any more, too; none stays locked.

    Args:
        layout: The directory, locked; no process of it is alive.
        slots: Those that will serve.
        slot_of: Which of them an actor is in.
        time_ms: Now, in Unix milliseconds.

    Returns:
        What was found; ``starts`` are of ``slots`` first, then of the others.

    Raises:
        DirectoryInUse: A process that was thought dead has its log.
        LogCorrupt: Something is missing that was durable.
        DatabaseFailed: A file of alarms cannot be read or written.
        StorageError: The directory, or a mark in it, cannot be read or written.
    """
    # Those of new slots are made: their CHECKPOINTs, too, have to say the highest commit number.
    logs = _lock(layout, slots, is_alone=True)
    try:
        distribute_alarms(layout, slots, slot_of)
        return _recover(
            layout,
            logs,
            Marks(layout),
            lambda alarms: save_recovered_alarms(layout, slot_of, alarms),
            time_ms,
            is_alone=True,
            used=0,
        )
    finally:
        _close(logs)


def _lock(layout: Layout, slots: Sequence[str], *, is_alone: bool) -> list[LogDirectory]:
    paths = [layout.log_dir(slot) for slot in slots]
    if is_alone:
        there = sorted(path for path in layout.logs_dir.glob("*") if path.is_dir())
        paths += [path for path in there if path not in paths]
    logs: list[LogDirectory] = []
    try:
        logs.extend(LogDirectory.open(path) for path in paths)
    except BaseException as error:
        _close(logs)
        if isinstance(error, OSError):
            raise _unusable(layout, error) from error
        raise
    return logs


def _recover(
    layout: Layout,
    logs: list[LogDirectory],
    marks: Marks,
    apply_alarms: Callable[[Alarms], None],
    time_ms: Callable[[], int],
    *,
    is_alone: bool,
    used: int,
) -> Recovered:
    def damaged(unique_key: str, actor_id: bytes, error: Exception) -> None:
        marks.quarantine(unique_key, actor_id, None, time_ms(), f"SQLITE_CORRUPT: {error}")

    try:
        return recover(
            layout.actors_dir,
            layout.drafts_dir,
            logs,
            layout.actor_file,
            apply_alarms,
            is_alone=is_alone,
            used=used,
            damaged=damaged,
        )
    except OSError as error:
        raise _unusable(layout, error) from error


def _close(logs: Sequence[LogDirectory]) -> None:
    for log in logs:
        log.close()


def _unusable(layout: Layout, error: OSError) -> StorageError:
    return StorageError(layout.root, f"cannot be recovered: {error.strerror or error}")
