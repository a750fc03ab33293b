"""The actors' databases of one process: one log under all of them, and an archive behind it.

*Promise*: when ``open`` returns, everything acknowledged before is in the actors' files. What a
database from here says is durable survives anything but the loss of the disk.
*Assumes*: the data directory is locked (storage/directory.py); one thread, the loop's.
"""

import contextlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from .archive.alone import alone
from .archive.archive import RETENTION, Archive, Retention
from .archive.past import PENDING, Past
from .archiver import Archiver
from .bookmark import Bookmark
from .checkpointer import (
    LIVE_ACTORS_MAX,
    LIVE_RECORDS_MAX,
    LIVE_SIZE_BYTES_MAX,
    Checkpointer,
    SaveAlarms,
)
from .durable_files import sync_file_system
from .engine import ActorDatabase
from .errors import DatabaseFailed, PerdureError, StorageBroken
from .free_space import FreeSpace
from .health import LogStatistics, StoreHealth
from .history import History
from .journal import Journal, Leftovers
from .layout import Layout
from .limits import StorageLimits
from .log import SEGMENT_SIZE_BYTES, CommitLog
from .log_directory import Checkpoint, LogDirectory
from .log_hold import hold_logs
from .log_start import LogStart
from .logformat import SegmentHeader
from .marks import Marks
from .moves import Moves
from .opening import Alarms, open_logs
from .pool import ConnectionPool, raise_descriptor_limit
from .recovery import Recovered
from .replacement import AlarmChanged, Replacements
from .retired_logs import RetiredLogs


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """How much a store may use.

    Attributes:
        slot: Which log of the directory is this process's.
        segment_size_bytes: Of one file of the log.
        live_size_bytes_max: The log is shortened when it holds more.
        live_records_max: Likewise.
        live_actors_max: Likewise, when its records are of more actors.
        open_max: Files that may be open; None for what the system allows.
        retention: How long the past is kept.
        free_space_size_bytes_min: See storage/free_space.py.
        serving: The slots of all processes of the server, if it is for this store to see to the
            logs of others, which serve no more; None to leave them alone.
    """

    slot: str = "0"
    segment_size_bytes: int = SEGMENT_SIZE_BYTES
    live_size_bytes_max: int = LIVE_SIZE_BYTES_MAX
    live_records_max: int = LIVE_RECORDS_MAX
    live_actors_max: int = LIVE_ACTORS_MAX
    open_max: int | None = None
    retention: Retention = RETENTION
    free_space_size_bytes_min: int | None = None
    serving: frozenset[str] | None = None


DEFAULT_OPTIONS = StoreOptions()


def nothing_recovered(_: Alarms) -> None:
    """What to do with alarms where nobody looks after any."""


def nothing_to_save(_: int) -> Callable[[], None]:
    """Likewise, before the log is shortened."""
    return lambda: None


def nobody_told(_: str, __: bytes, ___: int | None, ____: int) -> None:
    """Likewise, when an actor's file takes another's place."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose store it is: what ``Store.open`` is given to speak with its loop, and of alarms."""

    notify: Callable[[Callable[[], None]], object]
    time_ms: Callable[[], int]
    on_failure: Callable[[StorageBroken], None]
    save_alarms: SaveAlarms = nothing_to_save
    alarm_changed: AlarmChanged = nobody_told


_Unarchived = tuple[Path, SegmentHeader, int]  # a segment, and its last record


class Store:
    """The databases of a data directory's actors.

    Attributes:
        log: Their log.
        recovered: What was found when it was opened.
        marks: What is remembered of single actors.
        history: What actors were.
        replacements: Puts other files in their place.
        moves: Lets actors change to other logs.
        space: What is left on the disk.
    """

    def __init__(
        self,
        layout: Layout,
        directory: LogDirectory,
        recovered: Recovered,
        start: LogStart,
        owner: Owner,
        options: StoreOptions,
        marks: Marks,
    ) -> None:
        slot = directory.path.name
        self._past = Past(layout.archive_dir, layout.logs_dir, lambda: {slot: self.log.synced_lsn})
        unarchived = _unarchived(start, _archived_lsn(self._past, slot))
        has_archive = options.retention.days > 0
        self.log = CommitLog(
            directory.path,
            start,
            notify=owner.notify,
            time_ms=owner.time_ms,
            on_failure=owner.on_failure,
            segment_size_bytes=options.segment_size_bytes,
            kept=frozenset(path for path, _, _ in unarchived) if has_archive else frozenset(),
            ownership=directory.ownership,
        )
        self.recovered = recovered
        self.marks = marks
        self.space = FreeSpace(layout.root, options.free_space_size_bytes_min)
        self._layout = layout
        self._directory = directory
        self._save_alarms = owner.save_alarms
        self._leftovers: Leftovers = {}
        open_max = options.open_max
        self._pool = ConnectionPool(raise_descriptor_limit() if open_max is None else open_max)
        self._checkpointer = self._make_checkpointer(owner, options)
        self.log.on_published = self._checkpointer.look
        self._archiver: Archiver | None = None
        retired = self._retired_logs(options)
        if has_archive:
            self._archiver = self._begin_archive(owner, options.retention, unarchived, retired)
        elif retired is not None:
            retired.look(lambda: None)  # it is quick: there is nothing to take in
        self.history = History(self.log, self._past)
        self.replacements = Replacements(
            layout,
            self.log,
            self._checkpointer,
            self.history,
            self._leftovers,
            marks,
            owner.alarm_changed,
            has_archive=has_archive,
        )
        self.moves = Moves(
            layout, self.log, self._checkpointer, marks, owner.save_alarms, self._database
        )

    def _make_checkpointer(self, owner: Owner, options: StoreOptions) -> Checkpointer:
        return Checkpointer(
            self.log,
            self._directory,
            self._layout.root,
            self.space,
            self._pool,
            self._leftovers,
            self._database,
            owner.notify,
            owner.save_alarms,
            live_size_bytes_max=options.live_size_bytes_max,
            live_records_max=options.live_records_max,
            live_actors_max=options.live_actors_max,
        )

    def _retired_logs(self, options: StoreOptions) -> RetiredLogs | None:
        if options.serving is None:
            return None
        return RetiredLogs(self._layout, options.serving, self._past, options.retention)

    def _begin_archive(
        self,
        owner: Owner,
        retention: Retention,
        unarchived: list[_Unarchived],
        retired: RetiredLogs | None,
    ) -> Archiver:
        """Keep what segments hold before they are used again, and what is there already."""
        layout, past, slot = self._layout, self._past, self._directory.path.name
        archiver = Archiver(
            slot,
            lambda: Archive(layout.archive_dir, slot, past, layout.actor_file, retention),
            notify=owner.notify,
            time_ms=owner.time_ms,
            release=self.log.release,
            alone=lambda wait: alone(layout.archive_dir, wait),
            retired=retired,
        )
        self.log.on_recycled = archiver.take
        for path, header, last_lsn in unarchived:
            archiver.take(path, header, last_lsn)
        # What is needed of them is a copy with another name by then.
        pending = [path.name for path in (layout.archive_dir / PENDING / slot).glob("*")]
        if layout.archive_dir.exists() or retired is not None:
            archiver.do(lambda archive: archive.forget_pending(pending))
        return archiver

    @classmethod
    def open(
        cls,
        layout: Layout,
        *,
        notify: Callable[[Callable[[], None]], object],
        time_ms: Callable[[], int],
        on_failure: Callable[[StorageBroken], None],
        apply_alarms: Callable[[Alarms], None],
        save_alarms: SaveAlarms = nothing_to_save,
        alarm_changed: AlarmChanged = nobody_told,
        options: StoreOptions = DEFAULT_OPTIONS,
        is_alone: bool = True,
    ) -> "Store":
        """Recover what the logs of a data directory hold, and go on with one of them.

        Args:
            layout: The directory, locked.
            notify: Calls its argument in this thread, soon; may be called from any.
            time_ms: Now, in Unix milliseconds.
            on_failure: Called in this thread when nothing can be made durable any more.
            apply_alarms: Given the alarms that the logs know of; None is one that was deleted.
                They are durable when it returns.
            save_alarms: Asked before the log is shortened; see storage/checkpointer.py.
            alarm_changed: Told of the alarm of a file that took another's place; what actors
                commit is told by themselves.
            options: How much may be used.
            is_alone: As of ``open_all``.

        Raises:
            DirectoryInUse: The log is in use, or with ``is_alone`` any is.
            LogCorrupt: Something is missing that was durable.
            StorageError: The directory, or a mark in it, cannot be read or written.
        """
        owner = Owner(notify, time_ms, on_failure, save_alarms, alarm_changed)
        slots = [options.slot]
        (store,) = _open(layout, slots, owner, apply_alarms, options, is_alone=is_alone)
        return store

    @classmethod
    def open_all(
        cls,
        layout: Layout,
        slots: Sequence[str],
        *,
        notify: Callable[[Callable[[], None]], object],
        time_ms: Callable[[], int],
        on_failure: Callable[[StorageBroken], None],
        apply_alarms: Callable[[Alarms], None],
        options: StoreOptions = DEFAULT_OPTIONS,
        is_alone: bool = True,
    ) -> "list[Store]":
        """As ``open``, but go on with several logs; each has actors of its own.

        An actor changes from one to another by ``moves``. Nobody's alarms are saved: an index of
        alarms goes with one log.

        Args:
            slots: Which logs; that of ``options`` does not count.
            is_alone: False where other processes have the other logs in use: only these are
                recovered then. ``recover_all`` (storage/opening.py) must have seen to all of them
                before, since the machine or the first of these processes was started.

        Raises:
            DirectoryInUse: One of the logs is in use, or with ``is_alone`` any is.
        """
        owner = Owner(notify, time_ms, on_failure)
        return _open(layout, slots, owner, apply_alarms, options, is_alone=is_alone)

    async def restore(self, unique_key: str, actor_id: bytes, bookmark: Bookmark) -> Bookmark:
        """See ``Replacements.restore``."""
        return await self.replacements.restore(unique_key, actor_id, bookmark)

    def database(
        self,
        unique_key: str,
        actor_id: bytes,
        limits: StorageLimits | None = None,
        *,
        monotonic: Callable[[], float] | None = None,
    ) -> ActorDatabase:
        """Return the database of an actor; there must be no other of it that is not closed.

        Raises:
            OwnershipLost: The actor was handed over to another log.
        """
        database = self._database(unique_key, actor_id, limits, monotonic=monotonic)
        return self.moves.give(unique_key, actor_id, database)

    def _database(
        self,
        unique_key: str,
        actor_id: bytes,
        limits: StorageLimits | None = None,
        *,
        monotonic: Callable[[], float] | None = None,
    ) -> ActorDatabase:
        path = self._layout.actor_file(unique_key, actor_id)
        journal = Journal(self.log, self._leftovers, unique_key, actor_id, path, self.space)
        database = ActorDatabase(path, limits, monotonic=monotonic, durability=journal)
        database.on_open = self._pool.opened
        return database

    def settle(self) -> None:
        """Hold the thread until all that was committed is durable, and tell who waits for it."""
        with contextlib.suppress(StorageBroken):  # on_failure has been told
            self.log.wait()

    @property
    def failure(self) -> StorageBroken | None:
        """Why nothing can be made durable any more; None while all is well."""
        return self.log.failure

    def statistics(self) -> LogStatistics:
        """What the log has done since it was opened."""
        return self.log.statistics()

    def health(self) -> StoreHealth:
        """How the store is, and why it is degraded if it is."""
        space = None
        with contextlib.suppress(OSError):
            space = self.space.look()
        behind = None if self._archiver is None else self._archiver.failure
        return StoreHealth(
            None if self.failure is None else str(self.failure),
            self._checkpointer.problem,
            self._checkpointer.failure is None,
            self._checkpointer.done,
            self.log.live_size_bytes,
            space,
            len(self.marks.of_kind("quarantine")),
            str(behind) if behind is not None else None,
        )

    def hold_log(self) -> AbstractContextManager[None]:
        """Let no log's segment be used again meanwhile: what is in the logs now can be copied."""
        return hold_logs(self._layout)

    def shorten(self) -> None:
        """Begin to bring all files up to date, so that the log can be shortened."""
        self._checkpointer.begin()

    def close(self) -> None:
        """Close all databases, and leave the directory so that nothing has to be recovered.

        If that cannot be, the log is kept and the next opening recovers; nothing is lost.
        """
        self.log.close()
        self._checkpointer.wait()
        if self._archiver is not None:
            self._archiver.close()
        for database in list(self._pool.open_databases()):
            database.close()
        if self.log.is_own and not (self.log.failure or self._checkpointer.failure):
            with contextlib.suppress(PerdureError, OSError):
                self._close_in_good_order()
        self._directory.close()

    def _close_in_good_order(self) -> None:
        for unique_key, actor_id in list(self._leftovers):
            database = self._database(unique_key, actor_id)
            database.rows("SELECT 1")
            database.close()
        if self._leftovers:
            return
        last = self.log.appended_lsn
        self._save_alarms(last)()
        sync_file_system(self._layout.root)
        segment = self.log.first_segment_after(last) + 1
        self._directory.write_checkpoint(
            Checkpoint(
                last,
                segment,
                self.log.epoch,
                commit=self.log.last_commit,
                incarnation=self.log.incarnation,
            )
        )


def _archived_lsn(past: Past, slot: str) -> int:
    with contextlib.suppress(DatabaseFailed):  # the archiver tells, and makes the index anew
        end = past.ends().get(slot)
        return 0 if end is None else end.lsn
    return 0


def _unarchived(start: LogStart, archived_lsn: int) -> list[_Unarchived]:
    """Return the segments that hold something which is not in the archive, each with its end."""
    ends = [header.first_lsn - 1 for _, header in start.segments[1:]] + [start.lsn]
    found = zip(start.segments, ends, strict=False)  # there may be none at all
    return [(path, header, end) for (path, header), end in found if end > archived_lsn]


def _open(
    layout: Layout,
    slots: Sequence[str],
    owner: Owner,
    apply_alarms: Callable[[Alarms], None],
    options: StoreOptions,
    *,
    is_alone: bool = True,
) -> list[Store]:
    opened = open_logs(layout, slots, apply_alarms, owner.time_ms, is_alone=is_alone)
    starts = opened.recovered.starts[: len(slots)]
    return [
        Store(layout, log, opened.recovered, start, owner, options, opened.marks)
        for log, start in zip(opened.logs, starts, strict=True)
    ]
