"""When which actor is to be woken: the alarms of all actors of a data directory, by time.

The truth is each actor's own row (storage/metadata.py), written with the rest of its data. This
index says which actors to open, and when.

*Promise*: ``indexed_no_later_than``: an actor's time here is never later than the one in its own
database. After a crash it may be earlier, or be here although the actor has none: then the
actor is woken, finds nothing to do, and the index is put right.
*Assumes*: an earlier time is put here before the actor's own commit, a later one and a removal
after it (actors/commit.py).
*Rules for editing*: what makes a time earlier is durable when the call returns; all else may be
lost in a power failure, and need not cost an fsync.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from .errors import DatabaseFailed, UnknownFormat
from .sqlite_errors import name_of

_SCHEMA_VERSION = 1
_SCHEMA = f"""
    PRAGMA journal_mode = WAL;
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS alarms (
        unique_key TEXT NOT NULL,
        actor_id BLOB NOT NULL,
        time_ms INTEGER NOT NULL,
        name TEXT,
        PRIMARY KEY (unique_key, actor_id)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS alarms_by_time ON alarms (time_ms);
    PRAGMA user_version = {_SCHEMA_VERSION};
    COMMIT;
"""
_GET = "SELECT time_ms, name FROM alarms WHERE unique_key = ? AND actor_id = ?"
_PUT = (
    "INSERT INTO alarms (unique_key, actor_id, time_ms, name) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (unique_key, actor_id) DO UPDATE SET time_ms = excluded.time_ms,"
    " name = excluded.name"
)
_REMOVE = "DELETE FROM alarms WHERE unique_key = ? AND actor_id = ?"
_REMOVE_NAMESPACE = "DELETE FROM alarms WHERE unique_key = ?"
_DUE = (
    "SELECT unique_key, actor_id, time_ms, name FROM alarms WHERE time_ms <= ?"
    " ORDER BY time_ms, unique_key, actor_id LIMIT ?"
)
_NEXT = "SELECT min(time_ms) FROM alarms"


@dataclass(frozen=True, slots=True)
class AlarmEntry:
    """One actor's alarm.

    Attributes:
        unique_key: The actor's namespace.
        actor_id: Its id, 32 bytes.
        time_ms: When it is due, in Unix milliseconds.
        name: The name its id was made from, if known.
    """

    unique_key: str
    actor_id: bytes
    time_ms: int
    name: str | None


class AlarmIndex:
    """The alarms of a data directory; close it when done."""

    __slots__ = ("_connection", "_is_durable", "_path")

    def __init__(self, path: Path) -> None:
        """Open the index at ``path``, which is made if it is not there.

        Raises:
            DatabaseFailed: It cannot be opened, or is damaged.
            UnknownFormat: A later version wrote it.
        """
        self._path = path
        self._is_durable: bool | None = None  # what `synchronous` is set to, once it is set
        try:
            self._connection = apsw.Connection(str(path))
        except apsw.Error as error:
            raise self._failure(error) from error
        try:
            self._execute("PRAGMA locking_mode = EXCLUSIVE")
            self._check_version()
            self._write(_SCHEMA, (), durable=True)
        except (DatabaseFailed, UnknownFormat):
            self.close()
            raise

    def put(self, unique_key: str, actor_id: bytes, time_ms: int, name: str | None) -> None:
        """Set when an actor is to be woken; an earlier time than before is durable on return."""
        known = self._row(unique_key, actor_id)
        if known == (time_ms, name):
            return
        is_earlier = known is None or time_ms < known[0]
        self._write(_PUT, (unique_key, actor_id, time_ms, name), durable=is_earlier)

    def remove(self, unique_key: str, actor_id: bytes) -> None:
        """Forget an actor's alarm; after a power failure it may be back."""
        if self._row(unique_key, actor_id) is not None:
            self._write(_REMOVE, (unique_key, actor_id), durable=False)

    def get(self, unique_key: str, actor_id: bytes) -> int | None:
        """Return when an actor is to be woken, in Unix milliseconds, or None."""
        known = self._row(unique_key, actor_id)
        return None if known is None else known[0]

    def due(self, now_ms: int, limit: int) -> list[AlarmEntry]:
        """Return the alarms due at ``now_ms``, the earliest first, at most ``limit`` of them."""
        return [AlarmEntry(*row) for row in self._execute(_DUE, (now_ms, limit))]

    def next_time_ms(self) -> int | None:
        """Return when the next alarm is due, in Unix milliseconds, or None without any."""
        ((time_ms,),) = self._execute(_NEXT)
        return None if time_ms is None else int(time_ms)

    def apply(self, alarms: dict[tuple[str, bytes], int | None]) -> None:
        """Put right what the commit log knows better; durable with the next sync of the disk."""
        for (unique_key, actor_id), time_ms in alarms.items():
            if time_ms is None:
                self.remove(unique_key, actor_id)
            else:
                known = self._row(unique_key, actor_id)
                name = None if known is None else known[1]
                self._write(_PUT, (unique_key, actor_id, time_ms, name), durable=False)

    def remove_namespace(self, unique_key: str) -> None:
        """Forget the alarms of all actors of a namespace, durably."""
        self._write(_REMOVE_NAMESPACE, (unique_key,), durable=True)

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        with contextlib.suppress(apsw.Error):
            self._connection.close()

    def _check_version(self) -> None:
        ((version,),) = self._execute("PRAGMA user_version")
        if version not in {0, _SCHEMA_VERSION}:
            problem = f"has version {version}; {_SCHEMA_VERSION} is known"
            raise UnknownFormat(self._path, problem, "Use a later version of perdure")

    def _row(self, unique_key: str, actor_id: bytes) -> tuple[int, str | None] | None:
        rows = self._execute(_GET, (unique_key, actor_id))
        return rows[0] if rows else None

    def _write(self, sql: str, bindings: tuple[Any, ...], *, durable: bool) -> None:
        if durable is not self._is_durable:
            # NORMAL leaves the WAL unsynced; the next FULL commit syncs all that is in it.
            self._execute("PRAGMA synchronous = " + ("FULL" if durable else "NORMAL"))
            self._is_durable = durable
        self._execute(sql, bindings)

    def _execute(self, sql: str, bindings: tuple[Any, ...] = ()) -> list[Any]:
        try:
            return self._connection.execute(sql, bindings).fetchall()
        except apsw.Error as error:
            raise self._failure(error) from error

    def _failure(self, error: apsw.Error) -> DatabaseFailed:
        problem = f"the index of alarms failed: {error}"
        return DatabaseFailed(self._path, problem, code=name_of(error))
