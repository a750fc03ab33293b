"""SQL of one actor: what ``storage.sql`` does.

*Promise*: a statement runs in the transaction of its turn, under storage/authorizer.py's rules;
what it writes is written when ``exec`` returns. A cursor never breaks a commit and never loses
a row: rows still unread then are read into memory first.
*Assumes*: nobody else compiles with ``_USER_FLAG`` on this connection. The flag is part of the
key of apsw's statement cache, so that a statement compiled for us, without rules, is not found
for the same text of the user's.
*Considered and refused*: reading all rows at once (a query over a large table of which one row
is wanted); a copy of SQLite's tokenizer to split statements (apsw tells each one it runs).
"""

import re
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

import apsw

from .engine import ActorDatabase
from .errors import InvalidArgument, SqlError, UsageError

_USER_FLAG = apsw.SQLITE_PREPARE_PERSISTENT
# Of an unread cursor at a commit. More than this is rarely wanted, so such a cursor goes on
# reading from the database; SQLite keeps its WAL until it has finished.
_ROWS_READ_AHEAD_MAX = 10_000
# Blanks, comments and semicolons: what may follow the last statement. Nothing in it backtracks.
_NO_STATEMENT = re.compile(r"(?>[\s;]+|--[^\n]*+\n?|/\*(?>.*?\*/|.*))*+", re.DOTALL)
_INTEGER_MIN, _INTEGER_MAX = -(2**63), 2**63 - 1

_PARAMETERS_TOO_EARLY = (
    "When executing multiple SQL statements in a single call, only the last statement can have "
    "parameters."
)

Row = dict[str, Any]


class Sql:
    """The SQLite database of one actor, as its code uses it."""

    __slots__ = ("_db",)

    def __init__(self, db: ActorDatabase) -> None:
        self._db = db

    def exec(self, query: str, *bindings: Any) -> "SqlCursor":
        """Run ``query``; return a cursor over the rows of its last statement.

        Args:
            query: One statement or several, separated by semicolons.
            bindings: For the parameters of the last statement, in their order. None is NULL,
                int INTEGER, float REAL, bool 0 or 1, str TEXT, bytes and the like BLOB.

        Raises:
            SqlError: SQLite, or a rule of ours, refused it. What statements before the refused
                one did stays done.
            InvalidArgument: A binding of another type.
            DatabaseFailed: The database as a whole failed.
        """
        if not isinstance(query, str):
            raise InvalidArgument(f"a query is a str, not {query!r}")
        self._check_size(query)
        return SqlCursor(self._db, query, tuple(map(_bindable, range(len(bindings)), bindings)))

    @property
    def database_size(self) -> int:
        """Bytes the database holds, free pages not counted."""
        return self._db.size_bytes

    def _check_size(self, query: str) -> None:
        allowed = self._db.limits.sql_statement_size_bytes_max
        if len(query) * 4 > allowed and len(query.encode(errors="replace")) > allowed:
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

    def __init__(self, db: ActorDatabase, query: str, bindings: tuple[Any, ...]) -> None:
        self._db = db
        self._buffer: deque[tuple[Any, ...]] = deque()
        self._cursor: apsw.Cursor | None = None
        self._failure: Exception | None = None
        self._columns: tuple[str, ...] = ()
        self.rows_read = 0
        self.rows_written = 0
        self._run(query, bindings)

    @property
    def column_names(self) -> list[str]:
        """The names of the columns; none for a statement that returns no rows."""
        return list(self._columns)

    def __iter__(self) -> "SqlCursor":
        return self

    def __next__(self) -> Row:
        return dict(zip(self._columns, self._next_raw(), strict=True))

    def next(self) -> Row | None:
        """Return the next row, or None after the last."""
        return next(self, None)

    def one(self) -> Row:
        """Return the row, of which there must be exactly one.

        Raises:
            SqlError: There is none, or there are several.
        """
        row = next(self, None)
        if row is None:
            raise SqlError("Expected exactly one result from SQL query, but got no results.")
        if next(self, None) is not None:
            raise SqlError("Expected exactly one result from SQL query, but got multiple results.")
        return row

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
        if self._cursor is not None:
            rows = islice(iter(self._step, None), _ROWS_READ_AHEAD_MAX)
            try:
                self._buffer.extend(rows)
            except SqlError as error:  # it is raised where its row would have been
                self._failure = error
            if self._cursor is not None and len(self._buffer) >= _ROWS_READ_AHEAD_MAX:
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

    def _run(self, query: str, bindings: tuple[Any, ...]) -> None:
        """Run all statements but the last to their end, and the last to its first row."""
        db = self._db
        connection = db.begin_user_sql(query)
        progress = _Progress(query)
        cursor = connection.cursor()
        cursor.exec_trace = progress
        row = None
        try:
            cursor.execute(query, bindings or None, prepare_flags=_USER_FLAG)
            row = cursor.fetchone()
            while not progress.is_last and row is not None:
                row = cursor.fetchone()
            if row is not None:
                self._buffer.append(row)
                if not progress.is_readonly:  # all is written; what RETURNING gives is in memory
                    self._buffer.extend(cursor.fetchall())
                    row = None
        except apsw.BindingsError:
            raise SqlError("Wrong number of parameter bindings for SQL query.") from None
        except ValueError as error:  # a NUL character, or half a surrogate pair
            raise InvalidArgument(f"the query is no valid text: {error}") from error
        except apsw.Error as error:
            raise db.error_from(error) from error
        finally:
            db.end_user_sql()
            if row is None:
                cursor.close(force=True)
        if not progress.count:
            raise SqlError("SQL code did not contain a statement.")
        self._columns = progress.columns
        self.rows_written = connection.total_changes() - progress.changes_before
        if row is not None:
            self._cursor = cursor
            db.add_live_cursor(self)

    def _step(self) -> tuple[Any, ...] | None:
        """Return the next row from the database; None after the last."""
        cursor = self._cursor
        if cursor is None:
            return None
        self._db.resume_user_sql()
        try:
            row: tuple[Any, ...] | None = cursor.fetchone()
        except apsw.Error as error:
            self._close()
            raise self._db.error_from(error) from error
        finally:
            self._db.end_user_sql()
        if row is None:
            self._close()
        return row

    def _next_raw(self) -> tuple[Any, ...]:
        row = self._buffer.popleft() if self._buffer else self._step()
        if row is None:
            self._raise_failure()
            raise StopIteration
        self.rows_read += 1
        return row

    def _rest(self) -> list[tuple[Any, ...]]:
        rows = list(self._buffer)
        self._buffer.clear()
        cursor = self._cursor
        if cursor is not None:
            self._db.resume_user_sql()
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
        return self._cursor._next_raw()  # noqa: SLF001  # one object in two shapes

    def to_array(self) -> list[tuple[Any, ...]]:
        """Return the rows that are left."""
        return self._cursor._rest()  # noqa: SLF001  # as above


class _Progress:
    """Follows apsw through the statements of a query; called before each one is run.

    Attributes:
        count: How many statements have begun.
        is_last: The one that runs is the last.
        is_readonly: It does not write.
        columns: Its columns.
        changes_before: The connection's count of changed rows before it.
    """

    __slots__ = (
        "_position",
        "_query",
        "changes_before",
        "columns",
        "count",
        "is_last",
        "is_readonly",
    )

    def __init__(self, query: str) -> None:
        self._query = query
        self._position = 0
        self.count = 0
        self.is_last = False
        self.is_readonly = True
        self.columns: tuple[str, ...] = ()
        self.changes_before = 0

    def __call__(self, cursor: apsw.Cursor, sql: str, bindings: Any) -> bool:
        del bindings
        self._position += len(sql)
        if cursor.has_vdbe:
            self.is_last = self._is_over()
            if not self.is_last and cursor.bindings_count:
                raise SqlError(_PARAMETERS_TOO_EARLY)
            self.count += 1
            self.is_readonly = cursor.is_readonly
            self.columns = tuple([column[0] for column in cursor.get_description()])
            self.changes_before = cursor.connection.total_changes()
        return True

    def _is_over(self) -> bool:
        return (
            self._position == len(self._query)
            or _NO_STATEMENT.fullmatch(self._query, self._position) is not None
        )


def _bindable(index: int, value: Any) -> Any:
    """Return what SQLite is given for a binding."""
    if value is None or isinstance(value, float | bytes):
        return value
    if isinstance(value, int):
        if not _INTEGER_MIN <= value <= _INTEGER_MAX:
            raise InvalidArgument(
                f"binding {index + 1} is the int {value}, and SQLite holds 64 bits; bind it as "
                "str(...) or float(...)"
            )
        return value
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise InvalidArgument(
                f"binding {index + 1} is not valid Unicode: {error.reason}"
            ) from error
        return value
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    raise InvalidArgument(
        f"binding {index + 1} is of type {type(value).__name__}; SQLite holds None, int, float, "
        "bool, str and bytes. Convert it, for instance with json.dumps(...) or .isoformat()"
    )
