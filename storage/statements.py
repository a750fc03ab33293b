"""Runs queries of one or more statements, up to the first row of the last one.

apsw runs the statements of a query one after the other and gives the rows of all of them. Here
only the last one's count; the ones before run to their end.

*Assumes*: nobody else compiles with ``USER_FLAG`` on this connection. The flag is part of the
key of apsw's statement cache, so that a statement compiled for us, without rules, is not found
for the same text of the user's.
*Rules for editing*: the columns of a statement change with the schema (``SELECT *``), and
SQLite compiles again by itself while it begins to run. ``Authorizer.compiled`` tells: nothing is
compiled without it being asked. What was known of a statement before is then worth nothing.
*Considered and refused*: a copy of SQLite's tokenizer to split queries (apsw tells each
statement it runs).
"""

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from .authorizer import Authorizer
from .errors import SqlError

USER_FLAG = apsw.SQLITE_PREPARE_PERSISTENT
_SHAPES_MAX = 500
# Blanks, comments and semicolons: what may follow the last statement. Nothing in it backtracks.
_NO_STATEMENT = re.compile(r"(?>[\s;]+|--[^\n]*+\n?|/\*(?>.*?\*/|.*))*+", re.DOTALL)
_PARAMETERS_TOO_EARLY = (
    "When executing multiple SQL statements in a single call, only the last statement can have "
    "parameters."
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What is known of a query of one statement, for as long as it is not compiled again.

    Attributes:
        columns: The names of its columns.
        is_readonly: It does not write.
    """

    columns: tuple[str, ...]
    is_readonly: bool


@dataclass(slots=True)
class Started:
    """A query whose last statement has run to its first row.

    Attributes:
        cursor: Gives the rows after ``rows``; None if there are none.
        rows: The first row, or all of them for a statement that writes.
        columns: The names of its columns.
        rows_written: How many rows it has written.
    """

    cursor: apsw.Cursor | None
    rows: list[tuple[Any, ...]]
    columns: tuple[str, ...]
    rows_written: int


class Statements:
    """Runs queries on the connection of one database."""

    __slots__ = ("_rules", "_shapes")

    def __init__(self, rules: Authorizer) -> None:
        self._rules = rules
        self._shapes: dict[str, Shape] = {}

    def is_readonly(self, query: str) -> bool:
        """Say whether ``query``, which has just run, cannot write; False if that is not known."""
        shape = self._shapes.get(query)
        return shape is not None and shape.is_readonly

    def start(self, cursor: apsw.Cursor, query: str, bindings: Sequence[Any]) -> Started:
        """Run ``query`` to the first row of its last statement.

        Args:
            cursor: What to run it with; after an error it is closed.
            query: One statement or several.
            bindings: For the last one.

        Raises:
            SqlError: There is no statement in it, or the bindings do not fit.
            ValueError: It is no valid text.
            apsw.Error: What SQLite says.
        """
        shape = self._shapes.get(query)
        try:
            if shape is None:
                return self._explore(cursor, query, bindings)
            return self._run_known(cursor, query, bindings, shape)
        except apsw.BindingsError:
            cursor.close(force=True)
            raise SqlError("Wrong number of parameter bindings for SQL query.") from None
        except BaseException:
            cursor.close(force=True)
            raise

    def _run_known(
        self, cursor: apsw.Cursor, query: str, bindings: Sequence[Any], shape: Shape
    ) -> Started:
        rules = self._rules
        compiled = rules.compiled
        connection = cursor.connection
        before = connection.total_changes()
        row = cursor.execute(query, bindings or None, prepare_flags=USER_FLAG).fetchone()
        columns = shape.columns
        if rules.compiled != compiled:
            del self._shapes[query]
            columns = _columns_now(connection, query, bindings, columns)
        if row is None:
            return Started(None, [], columns, connection.total_changes() - before)
        is_readonly = shape.is_readonly
        return _started(connection, cursor, row, columns, before, is_readonly=is_readonly)

    def _explore(self, cursor: apsw.Cursor, query: str, bindings: Sequence[Any]) -> Started:
        connection = cursor.connection
        progress = _Progress(query, self._rules)
        cursor.exec_trace = progress
        cursor.execute(query, bindings or None, prepare_flags=USER_FLAG)
        row = cursor.fetchone()
        while not progress.is_last and row is not None:
            row = cursor.fetchone()
        cursor.exec_trace = None
        if not progress.count:
            raise SqlError("SQL code did not contain a statement.")
        columns, is_readonly = progress.columns, progress.is_readonly
        if self._rules.compiled != progress.compiled:
            last = query[progress.begin :]
            columns = _columns_now(connection, last, bindings, columns)
        elif progress.count == 1:
            if len(self._shapes) >= _SHAPES_MAX:
                self._shapes.clear()
            self._shapes[query] = Shape(columns, is_readonly)
        before = progress.changes_before
        return _started(connection, cursor, row, columns, before, is_readonly=is_readonly)


def _started(
    connection: apsw.Connection,
    cursor: apsw.Cursor,
    row: tuple[Any, ...] | None,
    columns: tuple[str, ...],
    changes_before: int,
    *,
    is_readonly: bool,
) -> Started:
    if row is not None and is_readonly:
        return Started(cursor, [row], columns, 0)
    # All is written already, and what RETURNING gives is in memory. Read here, it holds up
    # neither a savepoint nor the commit.
    rows = [] if row is None else [row, *cursor.fetchall()]
    return Started(None, rows, columns, connection.total_changes() - changes_before)


def _columns_now(
    connection: apsw.Connection, statement: str, bindings: Sequence[Any], before: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the columns of a statement that was compiled again while it ran.

    Its own cursor will not do, nor apsw's cache: both remember the columns before.
    """
    if not before:  # it is none that has columns
        return before
    found = before

    def look(described: apsw.Cursor, _sql: str, _bindings: Any) -> bool:
        nonlocal found
        found = _names(described)
        return False  # do not run it

    describing = connection.cursor()
    describing.exec_trace = look
    # The error is that we stop it; or that what it did cannot be done twice.
    with contextlib.suppress(apsw.Error):
        describing.execute(statement, bindings or None, can_cache=False)
    describing.close(force=True)
    return found


def _names(cursor: apsw.Cursor) -> tuple[str, ...]:
    return tuple([column[0] for column in cursor.get_description()])


class _Progress:
    """Follows apsw through the statements of a query; called before each one is run.

    Attributes:
        count: How many statements have begun.
        begin: Where in the query the one that runs begins.
        is_last: The one that runs is the last.
        is_readonly: It does not write.
        columns: Its columns, as last compiled.
        compiled: The authorizer's count when it was about to run.
        changes_before: The connection's count of changed rows before it.
    """

    __slots__ = (
        "_end",
        "_query",
        "_rules",
        "begin",
        "changes_before",
        "columns",
        "compiled",
        "count",
        "is_last",
        "is_readonly",
    )

    def __init__(self, query: str, rules: Authorizer) -> None:
        self._query = query
        self._rules = rules
        self._end = 0
        self.begin = 0
        self.count = 0
        self.is_last = False
        self.is_readonly = True
        self.columns: tuple[str, ...] = ()
        self.compiled = 0
        self.changes_before = 0

    def __call__(self, cursor: apsw.Cursor, sql: str, bindings: Any) -> bool:
        del bindings
        begin = self._end
        self._end += len(sql)
        if not cursor.has_vdbe:  # a comment, or nothing
            return True
        self.begin = begin
        self.is_last = self._is_over()
        if not self.is_last and cursor.bindings_count:
            raise SqlError(_PARAMETERS_TOO_EARLY)
        self.count += 1
        self.is_readonly = cursor.is_readonly
        self.columns = _names(cursor)
        self.compiled = self._rules.compiled
        self.changes_before = cursor.connection.total_changes()
        return True

    def _is_over(self) -> bool:
        return (
            self._end == len(self._query)
            or _NO_STATEMENT.fullmatch(self._query, self._end) is not None
        )
