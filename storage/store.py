"""The actors' databases of one process: one log under all of them.

*Promise*: when ``open`` returns, everything acknowledged before is in the actors' files. What a
database from here says is durable survives anything but the loss of the disk.
*Assumes*: the data directory is locked (storage/directory.py); one thread, the loop's.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from .checkpointer import LIVE_RECORDS_MAX, LIVE_SIZE_BYTES_MAX, Checkpointer, SaveAlarms
from .durable_files import sync_file_system
from .engine import ActorDatabase
from .errors import PerdureError, StorageBroken, StorageError
from .free_space import FreeSpace
from .journal import Journal, Leftovers
from .layout import Layout
from .limits import StorageLimits
from .log import SEGMENT_SIZE_BYTES, CommitLog, LogStatistics
from .log_directory import Checkpoint, LogDirectory
from .marks import Marks
from .pool import ConnectionPool, raise_descriptor_limit
from .recovery import Recovered, recover

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
        free_space_size_bytes_min: See storage/free_space.py.
    """

    slot: str = "0"
    segment_size_bytes: int = SEGMENT_SIZE_BYTES
    live_size_bytes_max: int = LIVE_SIZE_BYTES_MAX
    live_records_max: int = LIVE_RECORDS_MAX
    open_max: int | None = None
    free_space_size_bytes_min: int | None = None


DEFAULT_OPTIONS = StoreOptions()


class Store:
    """The databases of a data directory's actors.

    Attributes:
        log: Their log.
        recovered: What was found when it was opened.
        marks: What is remembered of single actors.
        space: What is left on the disk.
    """

    def __init__(
        self,
        layout: Layout,
        directory: LogDirectory,
        recovered: Recovered,
        commit_log: CommitLog,
        notify: Callable[[Callable[[], None]], object],
        options: StoreOptions,
        marks: Marks,
        save_alarms: SaveAlarms,
    ) -> None:
        self.log = commit_log
        self.recovered = recovered
        self.marks = marks
        self.space = FreeSpace(layout.root, options.free_space_size_bytes_min)
        self._layout = layout
        self._directory = directory
        self._save_alarms = save_alarms
        self._leftovers: Leftovers = {}
        open_max = options.open_max
        self._pool = ConnectionPool(raise_descriptor_limit() if open_max is None else open_max)
        self._checkpointer = Checkpointer(
            commit_log,
            directory,
            layout.root,
            self.space,
            self._pool,
            self._leftovers,
            self.database,
            notify,
            save_alarms,
            live_size_bytes_max=options.live_size_bytes_max,
            live_records_max=options.live_records_max,
        )
        commit_log.on_published = self._checkpointer.look

    @classmethod
    def open(
        cls,
        layout: Layout,
        *,
        notify: Callable[[Callable[[], None]], object],
        time_ms: Callable[[], int],
        on_failure: Callable[[StorageBroken], None],
        apply_alarms: Callable[[Alarms], None],
        save_alarms: SaveAlarms = lambda _: nothing_to_save,
        options: StoreOptions = DEFAULT_OPTIONS,
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
        commit_log = CommitLog(
            directory.path,
            recovered.starts[0],
            notify=notify,
            time_ms=time_ms,
            on_failure=on_failure,
            segment_size_bytes=options.segment_size_bytes,
        )
        return cls(layout, directory, recovered, commit_log, notify, options, marks, save_alarms)

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

    def shorten(self) -> None:
        """Begin to bring all files up to date, so that the log can be shortened."""
        self._checkpointer.begin()

    def close(self) -> None:
        """Close all databases, and leave the directory so that nothing has to be recovered.

        If that cannot be, the log is kept and the next opening recovers; nothing is lost.
        """
        self.log.close()
        self._checkpointer.wait()
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


def nothing_to_save() -> None:
    """Likewise, before the log is shortened."""
