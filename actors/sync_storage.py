"""``storage.kv`` and ``storage.sql``: the synchronous calls, each checked for its place.

User code keeps these in attributes and uses them much later, so each call asks again whether
its actor is the one running.
"""

from collections.abc import Callable, Iterator
from typing import Any

from ..storage.kv import KeyValue
from ..storage.sql import Sql, SqlCursor


class SyncKv:
    """Keys and values, synchronously; the same ones that the awaitable calls see."""

    __slots__ = ("_check", "_kv")

    def __init__(self, kv: KeyValue, check: Callable[[], None]) -> None:
        self._kv = kv
        self._check = check

    def get(self, key: str) -> Any:
        """The value of ``key``, or None."""
        self._check()
        return self._kv.get(key)

    def put(self, key: str, value: Any) -> None:
        """Store ``value`` under ``key``."""
        self._check()
        self._kv.put(key, value)

    def delete(self, key: str) -> bool:
        """Whether ``key`` was there to be deleted."""
        self._check()
        return self._kv.delete(key)

    def list(
        self,
        *,
        start: str | None = None,
        start_after: str | None = None,
        end: str | None = None,
        prefix: str | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[tuple[str, Any]]:
        """Keys with their values, read as they are asked for; one such iterator at a time."""
        self._check()
        return self._checked(
            self._kv.scan(
                start=start,
                start_after=start_after,
                end=end,
                prefix=prefix,
                reverse=reverse,
                limit=limit,
            )
        )

    def _checked(self, rows: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
        while True:
            self._check()
            row = next(rows, None)
            if row is None:
                return
            yield row


class SqlStorage:
    """The actor's SQLite database."""

    __slots__ = ("_check", "_sql")

    def __init__(self, sql: Sql, check: Callable[[], None]) -> None:
        self._sql = sql
        self._check = check

    def exec(self, query: str, *bindings: Any) -> SqlCursor:
        """Run ``query``; what it writes is written when this returns.

        Several statements may stand in one query; bindings and rows belong to the last. The
        cursor has ``one()``, ``to_array()``, ``raw()`` and ``column_names``, and is iterable.

        Raises:
            SqlError: SQLite refused it; nothing of that statement was done.
        """
        self._check()
        return self._sql.exec(query, *bindings)

    @property
    def database_size(self) -> int:
        """Bytes the database holds, free pages not counted."""
        self._check()
        return self._sql.database_size
