"""The actors' databases of one process: one log under all of them, and an archive behind it.

*Promise*: when ``open`` returns, everything acknowledged before is in the actors' files. What a
database from here says is durable survives anything but the loss of the disk.
*Assumes*: the data directory is locked (storage/directory.py); one thread, the loop's.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .archive.archive import RETENTION, Archive, Retention
from .archive.past import Past
from .archiver import Archiver
from .checkpointer import LIVE_RECORDS_MAX, LIVE_SIZE_BYTES_MAX, Checkpointer
from .durable_files import sync_file_system
from .engine import ActorDatabase
from .errors import DatabaseFailed, PerdureError, StorageBroken, StorageError
from .history import History
from .journal import Journal, Leftovers
from .layout import Layout
from .limits import StorageLimits
from .log import SEGMENT_SIZE_BYTES, CommitLog, LogStart, LogStatistics
from .log_directory import Checkpoint, LogDirectory
from .logformat import SegmentHeader
from .marks import Marks
from .pool import ConnectionPool, raise_descriptor_limit
from .recovery import Recovered, recover
from .replacement import Replacements, adoption

Alarms = dict[tuple[str, bytes], int | None]


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """How much a store may use.

    Attributes:
        slot: Which log of the directory is this process's.
        segment_size_bytes: Of one file of the log.
        live_size_bytes_max: The log is shortened when it holds more.
        live_records_max: Likewise.
        open_max: Files that may be open; None for what the system allows.
        retention: How long the past is kept.
    """

    slot: str = "0"
    segment_size_bytes: int = SEGMENT_SIZE_BYTES
    live_size_bytes_max: int = LIVE_SIZE_BYTES_MAX
    live_records_max: int = LIVE_RECORDS_MAX
    open_max: int | None = None
    retention: Retention = RETENTION


DEFAULT_OPTIONS = StoreOptions()


class Store:
    """The databases of a data directory's actors.

    Attributes:
        log: Their log.
        recovered: What was found when it was opened.
        marks: What is remembered of single actors.
        history: What actors were.
        replacements: Puts other files in their place.
    """

    def __init__(
        self,
        layout: Layout,
        directory: LogDirectory,
        recovered: Recovered,
        start: LogStart,
        notify: Callable[[Callable[[], None]], object],
        time_ms: Callable[[], int],
        on_failure: Callable[[StorageBroken], None],
        options: StoreOptions,
        marks: Marks,
    ) -> None:
        slot = directory.path.name
        past = Past(layout.archive_dir, layout.logs_dir, lambda: {slot: self.log.synced_lsn})
        unarchived = _unarchived(start, _archived_lsn(past, slot))
        has_archive = options.retention.days > 0
        commit_log = CommitLog(
            directory.path,
            start,
            notify=notify,
            time_ms=time_ms,
            on_failure=on_failure,
            segment_size_bytes=options.segment_size_bytes,
            kept=frozenset(path for path, _, _ in unarchived) if has_archive else frozenset(),
        )
        self.log = commit_log
        self.recovered = recovered
        self.marks = marks
        self._layout = layout
        self._directory = directory
        self._leftovers: Leftovers = {}
        open_max = options.open_max
        self._pool = ConnectionPool(raise_descriptor_limit() if open_max is None else open_max)
        self._checkpointer = Checkpointer(
            commit_log,
            directory,
            layout.root,
            self._pool,
            self._leftovers,
            self.database,
            notify,
            live_size_bytes_max=options.live_size_bytes_max,
            live_records_max=options.live_records_max,
        )
        commit_log.on_published = self._checkpointer.look
        self._archiver: Archiver | None = None
        if has_archive:
            self._archiver = Archiver(
                slot,
                lambda: Archive(layout.archive_dir, past, layout.actor_file, options.retention),
                notify=notify,
                time_ms=time_ms,
                release=commit_log.release,
            )
            commit_log.on_recycled = self._archiver.take
            for replaced in recovered.replaced:
                self._archiver.do(adoption(*replaced))
            for path, header, last_lsn in unarchived:
                self._archiver.take(path, header, last_lsn)
        self.history = History(commit_log, past)
        self.replacements = Replacements(
            layout,
            commit_log,
            self._checkpointer,
            self._archiver,
            self.history,
            self._leftovers,
            marks,
        )

    @classmethod
    def open(
        cls,
        layout: Layout,
        *,
        notify: Callable[[Callable[[], None]], object],
        time_ms: Callable[[], int],
        on_failure: Callable[[StorageBroken], None],
        apply_alarms: Callable[[Alarms], None],
        options: StoreOptions = DEFAULT_OPTIONS,
    ) -> "Store":
        """Recover what the logs of a data directory hold, and go on with one of them.

        Args:
            layout: The directory, locked.
            notify: Calls its argument in this thread, soon; may be called from any.
            time_ms: Now, in Unix milliseconds.
            on_failure: Called in this thread when nothing can be made durable any more.
            apply_alarms: Given the alarms that the logs know of; None is one that was deleted.
            options: How much may be used.

        Raises:
            LogCorrupt: Something is missing that was durable.
            StorageError: The directory, or a mark in it, cannot be read or written.
        """
        marks = Marks(layout)
        try:
            directory, recovered = _recover(layout, options.slot, apply_alarms)
        except OSError as error:
            reason = error.strerror or str(error)
            raise StorageError(layout.root, f"cannot be recovered: {reason}") from error
        return cls(
            layout,
            directory,
            recovered,
            recovered.starts[0],
            notify,
            time_ms,
            on_failure,
            options,
            marks,
        )

    def database(
        self,
        unique_key: str,
        actor_id: bytes,
        limits: StorageLimits | None = None,
        *,
        monotonic: Callable[[], float] | None = None,
    ) -> ActorDatabase:
        """Return the database of an actor; there must be no other of it that is not closed."""
        path = self._layout.actor_file(unique_key, actor_id)
        journal = Journal(self.log, self._leftovers, unique_key, actor_id, path)
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

    @contextlib.contextmanager
    def hold_log(self) -> Iterator[None]:
        """Let no segment be used again meanwhile: what is in the log now can be copied."""
        self.log.holds += 1
        try:
            yield
        finally:
            self.log.holds -= 1

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
        if self.log.failure is None and self._checkpointer.failure is None:
            with contextlib.suppress(PerdureError, OSError):
                self._close_in_good_order()
        self._directory.close()

    def _close_in_good_order(self) -> None:
        for unique_key, actor_id in list(self._leftovers):
            database = self.database(unique_key, actor_id)
            database.rows("SELECT 1")
            database.close()
        if self._leftovers:
            return
        sync_file_system(self._layout.root)
        last = self.log.appended_lsn
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
        return past.ends().get(slot, (0, (0, 0)))[0]
    return 0


def _unarchived(start: LogStart, archived_lsn: int) -> list[tuple[Path, SegmentHeader, int]]:
    """Return the segments that hold something which is not in the archive, each with its end."""
    ends = [header.first_lsn - 1 for _, header in start.segments[1:]] + [start.lsn]
    found = zip(start.segments, ends, strict=False)  # there may be none at all
    return [(path, header, end) for (path, header), end in found if end > archived_lsn]


def _recover(
    layout: Layout, slot: str, apply_alarms: Callable[[Alarms], None]
) -> tuple[LogDirectory, Recovered]:
    """Recover all logs; return the one of ``slot``, still locked, first among the starts."""
    logs: list[LogDirectory] = []
    own = layout.log_dir(slot)
    others = sorted(path for path in layout.logs_dir.glob("*") if path != own and path.is_dir())
    try:
        logs.extend(LogDirectory.open(path) for path in [own, *others])
        recovered = recover(
            layout.actors_dir, layout.drafts_dir, logs, layout.actor_file, apply_alarms
        )
    except BaseException:
        for log in logs:
            log.close()
        raise
    for log in logs[1:]:
        log.close()
    return logs[0], recovered


def nothing_recovered(_: Alarms) -> None:
    """What to do with alarms where nobody looks after any."""
