"""SQL of one actor: what ``storage.sql`` does.

*Promise*: a statement runs in the transaction of its turn, under storage/authorizer.py's rules;
what it writes is written when ``exec`` returns. A cursor never breaks a commit and never loses
a row: rows still unread then are read into memory first.
*Considered and refused*: reading all rows at once (a query over a large table of which one row
is wanted).
"""

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

import apsw

from .bindings import bindable
from .engine import ActorDatabase
from .errors import InvalidArgument, SqlError, UsageError
from .statements import Started, Statements

# Of an unread cursor at a commit. More than this is rarely wanted, so such a cursor goes on
# reading from the database; SQLite keeps its WAL until it has finished.
_ROWS_READ_AHEAD_MAX = 10_000
_UTF8_BYTES_PER_CHARACTER_MAX = 4

Row = dict[str, Any]


class Sql:
    """The SQLite database of one actor, as its code uses it."""

    __slots__ = ("_db", "_length_fine", "_size_max", "_statements")

    def __init__(self, db: ActorDatabase) -> None:
        self._db = db
        self._size_max = db.limits.sql_statement_size_bytes_max
        self._length_fine = self._size_max // _UTF8_BYTES_PER_CHARACTER_MAX
        self._statements = Statements(db.rules)

    def exec(self, query: str, *bindings: Any) -> "SqlCursor":
        """Run ``query``; return a cursor over the rows of its last statement.

        Args:
            query: One statement or several, separated by semicolons.
            bindings: For the parameters of the last statement, in their order; see
                storage/bindings.py for what they may be.

        Raises:
            SqlError: SQLite, or a rule of ours, refused it. What statements before the refused
                one did stays done.
            InvalidArgument: A binding of a type that SQLite does not hold.
            DatabaseFailed: The database as a whole failed.
        """
        if not isinstance(query, str):
            raise InvalidArgument(f"a query is a str, not {query!r}")
        if len(query) > self._length_fine:
            self._check_size(query)
        return SqlCursor(self._db, self._start(query, bindable(bindings) if bindings else None))

    @property
    def database_size(self) -> int:
        """Bytes the database holds, free pages not counted."""
        return self._db.size_bytes

    def _start(self, query: str, bindings: Any) -> Started:
        db = self._db
        cursor = db.begin_user_sql(query)
        was_unconfirmed = db.is_unconfirmed
        if was_unconfirmed:
            db.is_unconfirmed = False
        try:
            started = self._statements.start(cursor, query, bindings)
        except apsw.Error as error:
            raise db.error_from(error) from error
        except ValueError as error:  # a NUL character in the query, half a surrogate pair in any
            raise InvalidArgument(f"the query or a binding is no valid text: {error}") from error
        finally:
            db.end_user_sql()
        if started.cursor is None:
            db.put_back(cursor)
        if was_unconfirmed:
            db.is_unconfirmed = self._statements.is_readonly(query)
        return started

    def _check_size(self, query: str) -> None:
        if len(query.encode(errors="replace")) > self._size_max:
            raise SqlError("statement too long", "SQLITE_TOOBIG")


class SqlCursor:
    """The rows of a statement, read as they are asked for; each is given once.

    Iteration, ``next``, ``one``, ``to_array`` and ``raw`` share one position. A row is a dict by
    column name; of two columns with one name the last is in it (``raw`` has both).

    Attributes:
        rows_read: How many rows this cursor has given. (The original counts the rows SQLite
            looked at, with a patched SQLite.)
        rows_written: How many rows the statement inserted, updated or deleted, those of triggers
            and foreign key actions included, entries in indexes not.
    """

    __slots__ = (
        "__weakref__",
        "_buffer",
        "_columns",
        "_cursor",
        "_db",
        "_failure",
        "rows_read",
        "rows_written",
    )

    def __init__(self, db: ActorDatabase, started: Started) -> None:
        self._db = db
        self._cursor = started.cursor
        self._buffer = deque(started.rows)
        self._columns = started.columns
        self.rows_written = started.rows_written
        self._failure: Exception | None = None
        self.rows_read = 0
        if self._cursor is not None:
            db.add_live_cursor(self)

    @property
    def column_names(self) -> list[str]:
        """The names of the columns; none for a statement that returns no rows."""
        return list(self._columns)

    def __iter__(self) -> "SqlCursor":
        return self

    def __next__(self) -> Row:
        row = self._take()
        if row is None:
            raise StopIteration
        return dict(zip(self._columns, row, strict=True))

    def next(self) -> Row | None:
        """Return the next row, or None after the last."""
        return next(self, None)

    def one(self) -> Row:
        """Return the row, of which there must be exactly one.

        Raises:
            SqlError: There is none, or there are several.
        """
        row = self._take()
        if row is None:
            raise SqlError("Expected exactly one result from SQL query, but got no results.")
        if self._take() is not None:
            raise SqlError("Expected exactly one result from SQL query, but got multiple results.")
        return dict(zip(self._columns, row, strict=True))

    def to_array(self) -> list[Row]:
        """Return the rows that are left."""
        columns = self._columns
        return [dict(zip(columns, row, strict=True)) for row in self._rest()]

    def raw(self) -> "RawRows":
        """Return the rows as tuples, which keeps columns of the same name apart."""
        return RawRows(self)

    # --- LiveCursor: what the engine tells -----------------------------------------------------

    def detach(self) -> None:
        """Read the rows left into memory, up to a limit."""
        room = max(_ROWS_READ_AHEAD_MAX - len(self._buffer), 0)
        try:
            self._buffer.extend(islice(iter(self._step, None), room))
        except SqlError as error:  # it is raised where its row would have been
            self._failure = error
        if self._cursor is not None:
            self._db.add_live_cursor(self)

    def invalidate(self) -> None:
        """Let go of the statement; the rows not yet in memory cannot be read any more."""
        if self._cursor is not None:
            self._close()
            self._failure = UsageError(
                "The rows of this cursor cannot be read any more: its data was deleted by "
                "delete_all(), or its object was reset"
            )

    # --- below ---------------------------------------------------------------------------------

    def _step(self) -> tuple[Any, ...] | None:
        """Return the next row from the database; None after the last."""
        cursor = self._cursor
        if cursor is None:
            return None
        self._db.rules.enforcing = True  # virtual tables compile statements while they are read
        try:
            row: tuple[Any, ...] | None = cursor.fetchone()
        except apsw.Error as error:
            self._close()
            raise self._db.error_from(error) from error
        finally:
            self._db.end_user_sql()
        if row is None:
            self._cursor = None
            self._db.put_back(cursor)
        return row

    def _take(self) -> tuple[Any, ...] | None:
        """Return the next row; None after the last."""
        row = self._buffer.popleft() if self._buffer else self._step()
        if row is None:
            self._raise_failure()
        else:
            self.rows_read += 1
        return row

    def _rest(self) -> list[tuple[Any, ...]]:
        rows = list(self._buffer)
        self._buffer.clear()
        cursor = self._cursor
        if cursor is not None:
            self._db.rules.enforcing = True
            try:
                rows.extend(cursor.fetchall())
            except apsw.Error as error:
                raise self._db.error_from(error) from error
            finally:
                self._db.end_user_sql()
                self._close()
        self._raise_failure()
        self.rows_read += len(rows)
        return rows

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _close(self) -> None:
        cursor, self._cursor = self._cursor, None
        if cursor is not None:
            cursor.close(force=True)


class RawRows:
    """The rows of a cursor as tuples; it shares the cursor's position."""

    __slots__ = ("_cursor",)

    def __init__(self, cursor: SqlCursor) -> None:
        self._cursor = cursor

    @property
    def column_names(self) -> list[str]:
        """The names of the columns."""
        return self._cursor.column_names

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self

    def __next__(self) -> tuple[Any, ...]:
        row = self._cursor._take()  # noqa: SLF001  # one object in two shapes
        if row is None:
            raise StopIteration
        return row

    def to_array(self) -> list[tuple[Any, ...]]:
        """Return the rows that are left."""
        return self._cursor._rest()  # noqa: SLF001  # as above
