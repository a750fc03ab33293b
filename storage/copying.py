"""Copies an actor's database while the actor goes on writing: what exports are made of.

*Promise*: when ``step`` has said that all is there, the copy is one committed state of the
database, the newest at that moment, and a plain SQLite file that needs no other one beside it.
*Assumes*: the database's own thread. What the copy holds may not be durable yet; who tells
somebody of it waits for ``when_durable`` first.
*Considered and refused*: a second connection (the actor's one holds its file alone); copying
the files (pages of a ``-wal`` that the log does not know are none of the actor's state).
"""

import contextlib
import time
from pathlib import Path

import apsw

from .engine import ActorDatabase
from .errors import StorageError
from .sqlite_errors import database_failure

# So many pages between two looks at the clock: 128 KiB, some 50 us.
_PAGES_AT_ONCE = 32
# So long the loop is held up at a time.
SLICE_S = 0.001


class CopyInterrupted(Exception):
    """The database was closed meanwhile, because its actor left memory; begin again."""


class DatabaseCopy:
    """One copy on its way; close it, or use it in a ``with``.

    Attributes:
        target: The file; it is not synced.
    """

    __slots__ = ("_backup", "_copy", "_database", "_source", "target")

    def __init__(self, database: ActorDatabase, target: Path) -> None:
        """Begin a copy of ``database``, which must have a file, at ``target``, which must not.

        Raises:
            StorageError: The target cannot be made.
            DatabaseFailed: The database cannot be opened.
        """
        self.target = target
        self._database = database
        database.rows("SELECT 1")
        source = database._connection  # noqa: SLF001  # storage/engine.py keeps SQLite's objects inside storage/
        assert source is not None, "somebody has looked whether there is a file"
        self._source = source
        try:
            self._copy = apsw.Connection(str(target))
            self._copy.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()  # no -shm
        except apsw.Error as error:
            raise StorageError(target, f"cannot be written: {error}") from error
        self._backup = self._copy.backup("main", source, "main")

    def __enter__(self) -> "DatabaseCopy":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def step(self) -> bool:
        """Copy for about a millisecond; return whether all is there.

        What is written between two steps is in the copy, too.

        Raises:
            CopyInterrupted: The database was closed.
            StorageError: The target cannot be written.
        """
        self._database.was_used = True  # nobody closes it for having been idle
        end = time.perf_counter() + SLICE_S
        try:
            while not self._backup.done:
                self._backup.step(_PAGES_AT_ONCE)
                if time.perf_counter() > end:
                    break
        except apsw.BusyError:  # a turn has written and not committed; it will have
            return False
        except apsw.ConnectionClosedError as error:
            raise CopyInterrupted("the database was closed") from error
        except apsw.Error as error:
            raise self._failure(error) from error
        if not self._backup.done:
            return False
        self._finish()
        return True

    @property
    def pages(self) -> tuple[int, int]:
        """Return how many pages are copied, and how many there are."""
        return self._backup.page_count - self._backup.remaining, self._backup.page_count

    def close(self) -> None:
        """Let go of both files; what was copied stays. Closing twice does nothing."""
        with contextlib.suppress(apsw.Error):
            self._backup.close(force=True)
        with contextlib.suppress(apsw.Error):
            self._copy.close()

    def _finish(self) -> None:
        """Make the copy one that needs no ``-wal``, and that every program opens."""
        try:
            self._backup.finish()
            self._copy.execute("PRAGMA journal_mode = DELETE").fetchall()
            self._copy.close()
        except apsw.Error as error:
            raise self._failure(error) from error

    def _failure(self, error: apsw.Error) -> StorageError:
        if isinstance(error, apsw.FullError | apsw.IOError | apsw.CantOpenError):
            hint = "Make room on that disk, or name another place"
            return StorageError(self.target, f"cannot be written: {error}", hint)
        return database_failure(self._database.path, error)
