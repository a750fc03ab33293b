"""Shortens the commit log: brings all actors' files up to date, syncs them, lets segments go.

*Promise*: a segment is used again only when everything in it is in the actors' files, on the
disk, and CHECKPOINT says so. Whatever fails, the log is kept.
*Assumes*: everything but ``_sync`` runs in the loop's thread.
*Rules for editing*: files and alarms, then one sync of the file system, then CHECKPOINT, then
``recycle``.
After a failed sync nothing is ever shortened again in this process: the kernel has told of the
lost pages once, and the next sync would succeed without them. The log still has them.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from .durable_files import sync_file_system
from .engine import ActorDatabase
from .errors import DatabaseFailed, OwnershipLost
from .free_space import FreeSpace
from .journal import Journal, Leftover, Leftovers
from .log import CommitLog
from .log_directory import Checkpoint, LogDirectory
from .pool import ConnectionPool
from .replay import replay_wal
from .wal import WalUnreadable

log = logging.getLogger("perdure.storage")

# A recovery reads 60,000 records of 370 bytes, or 64 MiB of whole pages, in half a second.
LIVE_SIZE_BYTES_MAX = 64 * 2**20
LIVE_RECORDS_MAX = 60_000
# So many files are brought up to date in as much again (bench/bench_directory.py).
LIVE_ACTORS_MAX = 5_000
# So long the loop is held up at a time.
_SLICE_S = 0.001

# Given an LSN up to which all is durable, in the loop's thread: what saves the alarms that were
# set up to there, in any thread (storage/alarm_index.py).
SaveAlarms = Callable[[int], Callable[[], None]]


class Checkpointer:
    """Shortens one log, again and again.

    Attributes:
        done: How often it has.
        held: LSNs that must stay in the log: what they tell of is not in the files yet.
        failure: Why it never will again; None while all is well.
        problem: Why the last attempt failed; None if it did not.
    """

    def __init__(
        self,
        commit_log: CommitLog,
        directory: LogDirectory,
        root: Path,
        space: FreeSpace,
        pool: ConnectionPool,
        leftovers: Leftovers,
        reopen: Callable[[str, bytes], ActorDatabase],
        notify: Callable[[Callable[[], None]], object],
        save_alarms: SaveAlarms,
        *,
        live_size_bytes_max: int = LIVE_SIZE_BYTES_MAX,
        live_records_max: int = LIVE_RECORDS_MAX,
        live_actors_max: int = LIVE_ACTORS_MAX,
    ) -> None:
        self.done = 0
        self.held: set[int] = set()
        self.failure: Exception | None = None
        self.problem: str | None = None
        self._log = commit_log
        self._directory = directory
        self._root = root
        self._space = space
        self._pool = pool
        self._leftovers = leftovers
        self._reopen = reopen
        self._notify = notify
        self._save_alarms = save_alarms
        self._size_max = live_size_bytes_max
        self._records_max = live_records_max
        self._actors_max = live_actors_max
        self._rolled_lsn: int | None = None  # waited for, so that something can be begun
        self._extra_size = 0  # of the log since an attempt that failed
        self._lsn: int | None = None  # what is being made unnecessary; None: nothing is
        self._work: Iterator[Callable[[], None]] = iter(())
        self._thread: threading.Thread | None = None

    @property
    def is_running(self) -> bool:
        """Something is being made unnecessary."""
        return self._lsn is not None

    def look(self) -> None:
        """Begin, or go on, if there is reason to; to be called whenever something is durable."""
        if self._lsn is None:
            is_large = self._log.live_size_bytes > self._size_max + self._extra_size
            if self.failure is not None:
                if is_large:
                    self._give_up(self.failure)
            elif is_large or (self._is_long() and not self._extra_size):
                self._begin_with_a_segment()
        elif self._thread is None:
            self._step()

    def _is_long(self) -> bool:
        """A recovery would take too long, however few bytes there are."""
        log_ = self._log
        return log_.live_records > self._records_max or log_.live_actors > self._actors_max

    def _begin_with_a_segment(self) -> None:
        """Begin, once all that is in the segments so far is durable.

        Else the last one would have to be kept for what comes next, however soon that is.
        """
        if self._rolled_lsn is None:
            self._rolled_lsn = self._log.roll()
        if self._rolled_lsn <= self._log.synced_lsn:
            self._rolled_lsn = None
            self.begin()

    def begin(self) -> None:
        """Make unnecessary all that is durable by now; nothing happens if that is under way."""
        if self._lsn is None and self.failure is None and self._is_own():
            with contextlib.suppress(OSError):  # it is only looked at, to warn
                self._space.look()
            self._lsn = self._log.synced_lsn
            self._work = self._all_work()
            self._step()

    def _is_own(self) -> bool:
        """Files may be brought up to date only by who has the log; else it ends here."""
        try:
            if self._directory.ownership is not None:
                self._directory.ownership.check_there()
        except OwnershipLost as error:
            self._log.give_up(error)
            return False
        return True

    def wait(self) -> None:
        """Hold the calling thread while a sync is under way."""
        if self._thread is not None:
            self._thread.join()

    # --- the files ---------------------------------------------------------------------------

    def _all_work(self) -> Iterator[Callable[[], None]]:
        for database in list(self._pool.open_databases()):
            yield lambda database=database: self._bring_up_to_date(database)  # type: ignore[misc]  # mypy has no type for a default
        for unique_key, actor_id in list(self._leftovers):
            yield lambda key=unique_key, id_=actor_id: self._tidy_up(key, id_)  # type: ignore[misc]  # as above

    def _step(self) -> None:
        """Work for a moment; then let the loop have its turn."""
        end = time.perf_counter() + _SLICE_S
        try:
            for work in self._work:
                work()
                if time.perf_counter() > end:
                    self._notify(self.look)
                    return
        except (DatabaseFailed, OSError, WalUnreadable) as error:
            self._give_up(error)
            return
        if self._is_all_in_files():
            self._start_sync()
        else:  # some are in the middle of a transaction; they know that they are waited for
            self._work = self._all_work()

    def _lacks(self, first_lsn: int) -> bool:
        return self._lsn is not None and 0 < first_lsn <= self._lsn

    def _bring_up_to_date(self, database: ActorDatabase) -> None:
        journal = database.durability
        assert isinstance(journal, Journal), "the pool holds none but ours"
        if self._lacks(journal.first_lsn) and not database.checkpoint():
            journal.is_wanted = True

    def _tidy_up(self, unique_key: str, actor_id: bytes) -> None:
        leftover = self._leftovers.get((unique_key, actor_id))
        if leftover is not None and self._lacks(leftover.first_lsn):
            self.tidy_up(unique_key, actor_id)

    def tidy_up(self, unique_key: str, actor_id: bytes) -> bool:
        """Bring an actor's file up to date, which is not open; return whether it is.

        Raises:
            DatabaseFailed: The file cannot be written.
            OSError: Likewise, if SQLite refuses it because it is damaged.
            WalUnreadable: Likewise.
        """
        leftover = self._leftovers.get((unique_key, actor_id))
        if leftover is None:
            return True
        database = self._reopen(unique_key, actor_id)
        try:
            database.rows("SELECT 1")
        except DatabaseFailed as error:
            if not error.is_damage:
                raise
            self._tidy_up_damaged(unique_key, actor_id, leftover)
        finally:
            database.close()
        return (unique_key, actor_id) not in self._leftovers

    def _tidy_up_damaged(self, unique_key: str, actor_id: bytes, leftover: Leftover) -> None:
        """Do without SQLite, which refuses this file: one actor must not keep all of the log."""
        if leftover.last_lsn <= self._log.synced_lsn:
            replay_wal(leftover.path, leftover.frames)
            del self._leftovers[unique_key, actor_id]

    def _is_all_in_files(self) -> bool:
        journals = [database.durability for database in self._pool.open_databases()]
        firsts = [journal.first_lsn for journal in journals if isinstance(journal, Journal)]
        firsts += [leftover.first_lsn for leftover in self._leftovers.values()]
        firsts += self.held
        return not any(self._lacks(first_lsn) for first_lsn in firsts)

    def _give_up(self, error: Exception) -> None:
        """The log goes on; the next attempt, or warning, comes when it has grown as much again."""
        self._lsn = None
        self._extra_size += self._size_max
        self.problem = str(error)
        until = "an attempt succeeds" if self.failure is None else "this process is started again"
        log.error(
            "checkpoint.failed: the commit log grows until %s",
            until,
            extra={"cause": self.problem, "live_size_bytes": self._log.live_size_bytes},
        )

    # --- the disk ----------------------------------------------------------------------------

    def _start_sync(self) -> None:
        assert self._lsn is not None, "something is being made unnecessary"
        segment = self._log.first_segment_after(self._lsn)
        log_ = self._log
        wanted = Checkpoint(
            self._lsn,
            segment,
            log_.epoch,
            is_clean=False,
            commit=log_.last_commit,
            incarnation=log_.incarnation,
        )
        save = self._save_alarms(self._lsn)
        self._thread = threading.Thread(
            target=self._sync, args=(wanted, save), name="perdure-checkpoint", daemon=True
        )
        self._thread.start()

    def _sync(self, wanted: Checkpoint, save_alarms: Callable[[], None]) -> None:
        error: Exception | None = None
        try:
            save_alarms()
            sync_file_system(self._root)
            self._directory.write_checkpoint(wanted)
        except Exception as caught:  # told in _synced, in the loop's thread
            error = caught
        try:
            self._notify(lambda: self._synced(wanted.lsn, error))
        except RuntimeError:  # the loop is closed: whoever closed it writes a last checkpoint
            return

    def _synced(self, lsn: int, error: Exception | None) -> None:
        self._thread = None
        if error is not None:
            if not isinstance(error, DatabaseFailed):  # the saved alarms are written again
                self.failure = error
            self._give_up(error)
            return
        self._lsn = None
        self._extra_size = 0
        self.problem = None
        self.done += 1
        self._log.recycle(lsn)
