"""The alarms of one log's actors as they are saved: ``alarms.db``, a SQLite file.

*Promise*: when ``write`` or ``remove_namespace`` returns, what it was given is durable, all of it.
*Assumes*: one process has the file. Several of its threads may write, one at a time: the lock
sees to it.
*Rules for editing*: storage/alarm_index.py decides what is written and when; a file that an
earlier version of perdure wrote has to be readable.
"""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import apsw

from .durable_files import sync_directory
from .errors import DatabaseFailed, UnknownFormat
from .sqlite_errors import name_of

_SCHEMA_VERSION = 1
_SET_UP = """
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
"""
# The index by time was for a version that looked here for what is due.
_OLD_INDEX = "SELECT 1 FROM sqlite_schema WHERE name = 'alarms_by_time'"
_SCHEMA = f"""
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS alarms (
        unique_key TEXT NOT NULL,
        actor_id BLOB NOT NULL,
        time_ms INTEGER NOT NULL,
        name TEXT,
        PRIMARY KEY (unique_key, actor_id)
    ) WITHOUT ROWID;
    DROP INDEX IF EXISTS alarms_by_time;
    PRAGMA user_version = {_SCHEMA_VERSION};
    COMMIT;
"""
_ALL = "SELECT unique_key, actor_id, time_ms, name FROM alarms ORDER BY unique_key, actor_id"
_PUT = (
    "INSERT INTO alarms (unique_key, actor_id, time_ms, name) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (unique_key, actor_id) DO UPDATE SET time_ms = excluded.time_ms,"
    " name = coalesce(excluded.name, name)"
)
_REMOVE = "DELETE FROM alarms WHERE unique_key = ? AND actor_id = ?"
_REMOVE_NAMESPACE = "DELETE FROM alarms WHERE unique_key = ?"

# For an actor (namespace, id): its time in Unix milliseconds and its name, or None without alarm.
AlarmChanges = Mapping[tuple[str, bytes], tuple[int, str | None] | None]


class SavedAlarms:
    """The file; close it when done."""

    __slots__ = ("_connection", "_lock", "_path")

    def __init__(self, path: Path) -> None:
        """Open the file at ``path``, which is made if it is not there.

        Raises:
            DatabaseFailed: It cannot be opened, or is damaged.
            UnknownFormat: A later version wrote it.
        """
        self._path = path
        self._lock = threading.Lock()
        try:
            self._connection = apsw.Connection(str(path))
        except apsw.Error as error:
            raise self._failure(error) from error
        try:
            with self._told():
                self._connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
                is_new = self._check_version()
                self._connection.execute(_SET_UP).fetchall()
                # Only then: it is written and synced, and each start opens each file.
                if is_new or self._connection.execute(_OLD_INDEX).fetchall():
                    self._connection.execute(_SCHEMA).fetchall()
        except (DatabaseFailed, UnknownFormat):
            self.close()
            raise

    def rows(self) -> Iterator[tuple[str, bytes, int, str | None]]:
        """Yield namespace, actor's id, time in Unix milliseconds and name of each alarm.

        Raises:
            DatabaseFailed: They cannot be read.
        """
        with self._lock, self._told():
            yield from self._connection.execute(_ALL)

    def write(self, changes: AlarmChanges) -> None:
        """Save ``changes``, all or nothing; durable on return. A name that is known stays known.

        Raises:
            DatabaseFailed: They could not be; nothing of them is saved.
        """
        if not changes:
            return
        put = [(*actor, *alarm) for actor, alarm in changes.items() if alarm is not None]
        removed = [actor for actor, alarm in changes.items() if alarm is None]
        with self._lock, self._told(), self._connection:
            self._connection.executemany(_REMOVE, removed)
            self._connection.executemany(_PUT, put)

    def remove_namespace(self, unique_key: str) -> None:
        """Remove the alarms of all actors of a namespace; durable on return.

        Raises:
            DatabaseFailed: They could not be removed.
        """
        with self._lock, self._told():
            self._connection.execute(_REMOVE_NAMESPACE, (unique_key,)).fetchall()

    def delete(self) -> None:
        """Delete the file, and forget what is in it; durable on return.

        Raises:
            DatabaseFailed: It is there still, with all that is in it, or empty.
            OSError: It is there still, empty, or its name may come back.
        """
        with self._lock, self._told():
            # Empty before it goes, and its ``-wal`` gone before that: whatever comes back after
            # a crash, it says nothing.
            self._connection.execute("DELETE FROM alarms").fetchall()
            self._connection.execute("PRAGMA journal_mode = DELETE").fetchall()
            self._connection.close()
        self._path.unlink()
        sync_directory(self._path.parent)

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        with self._lock, contextlib.suppress(apsw.Error):
            self._connection.close()

    def _check_version(self) -> bool:
        """Return whether nothing has been made in the file yet."""
        ((version,),) = self._connection.execute("PRAGMA user_version").fetchall()
        if version not in {0, _SCHEMA_VERSION}:
            problem = f"has version {version}; {_SCHEMA_VERSION} is known"
            raise UnknownFormat(self._path, problem, "Use a later version of perdure")
        return bool(version == 0)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except apsw.Error as error:
            raise self._failure(error) from error

    def _failure(self, error: Any) -> DatabaseFailed:
        problem = f"the saved alarms failed: {error}"
        return DatabaseFailed(self._path, problem, code=name_of(error))
