"""One actor's database file: opening it, its transaction, and what becomes of errors.

*Promise*: when ``commit`` has returned True, everything written since ``begin`` survives a crash
of the process and of the machine; before that, nothing of it does. After an error that leaves
the state in doubt nothing works any more, so that no memory goes on that the disk contradicts.
*Assumes*: one ``ActorDatabase`` for a file at a time (storage/directory.py holds the lock), used
from one thread at a time.
*Rules for editing*: everything above sees only ``value``, ``rows``, ``write``, ``user_sql`` and
the transaction's methods; SQLite's objects stay in storage/. That is the seam at which the
shared commit log will replace ``synchronous=FULL``.
*Considered and refused*: opening at construction (an actor that stores nothing has no file).
"""

import contextlib
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import apsw

from . import eraser
from .authorizer import Authorizer
from .connection import open_connection
from .durable_files import make_directory, write_file
from .errors import ConstraintsViolatedAtCommit, DatabaseFailed, InternalError, PerdureError
from .limits import StorageLimits
from .sqlite_errors import is_critical, name_of, sql_error
from .template import Template, standard_template
from .time_budget import TimeBudget
from .transaction import Move, State, Transaction


class LiveCursor(Protocol):
    """A cursor of user SQL that may have rows left."""

    def detach(self) -> None:
        """Read the rows left into memory (as many as is sensible)."""
        ...

    def invalidate(self) -> None:
        """Let go of the statement; what was not read into memory cannot be read any more."""
        ...


def nothing() -> None:
    """Do nothing: the default of ``on_begin``."""


class ActorDatabase:
    """The database of one actor; the file is made at the first write and opened at first use.

    Attributes:
        path: The file.
        limits: What may be stored.
        on_begin: Called once for each implicit transaction, when it begins; the owner of the
            actor arranges there that ``commit`` will be called.
        rollbacks: How often something was undone; who caches what it read compares this.
    """

    __slots__ = (
        "_authorizer",
        "_connection",
        "_failure",
        "_is_closed",
        "_is_missing",
        "_live",
        "_template",
        "_time_budget",
        "_transaction",
        "_wrote",
        "limits",
        "on_begin",
        "path",
        "rollbacks",
    )

    def __init__(
        self,
        path: Path,
        limits: StorageLimits | None = None,
        *,
        template: Template | None = None,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        """Prepare; nothing is touched yet.

        Args:
            path: Where the file is, or will be.
            limits: The documented ones when None.
            template: What a new file contains; the standard one when None.
            monotonic: The clock, in seconds, of ``limits.sql_time_budget_s``; without one a
                statement takes as long as it takes.
        """
        self.path = path
        self.limits = limits or StorageLimits()
        self.on_begin: Callable[[], None] = nothing
        self.rollbacks = 0
        self._template = template
        self._time_budget = TimeBudget(self.limits.sql_time_budget_s, monotonic)
        self._authorizer = Authorizer()
        self._connection: apsw.Connection | None = None
        self._transaction = Transaction()
        self._wrote = False
        self._is_missing = False
        self._is_closed = False
        self._failure: DatabaseFailed | None = None
        self._live: set[weakref.ref[LiveCursor]] = set()

    # --- state -------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """The file is open (it costs two descriptors and some 80 KiB)."""
        return self._connection is not None

    @property
    def failure(self) -> DatabaseFailed | None:
        """Why nothing works any more; None while all is well.

        Who catches the error of a call and goes on still has to be stopped: what was written
        before it in the same transaction is gone too.
        """
        return self._failure

    @property
    def is_explicit(self) -> bool:
        """A ``savepoint`` is open, so that nothing can be committed."""
        return self._transaction.state is State.EXPLICIT

    @property
    def has_writes(self) -> bool:
        """The open transaction has written something, which is not durable yet."""
        if self._wrote:
            return True
        if self._transaction.state is State.NONE or self._connection is None:
            return False
        self._wrote = self._connection.txn_state("main") == apsw.SQLITE_TXN_WRITE
        return self._wrote

    @property
    def size_bytes(self) -> int:
        """Bytes in use, free pages not counted; 0 for an actor without a file."""
        if not self._has_file():
            return 0
        pages: int = self.value("PRAGMA page_count") - self.value("PRAGMA freelist_count")
        return pages * int(self.value("PRAGMA page_size"))

    def change_count(self) -> tuple[int, int]:
        """Return something that differs once any row has changed since, or changed back."""
        connection = self._connection
        return (connection.total_changes() if connection else 0, self.rollbacks)

    # --- our own statements ------------------------------------------------------------------

    def value(self, sql: str, bindings: Sequence[Any] = ()) -> Any:
        """Return the one value that ``sql`` selects; None without a row, or without a file."""
        connection = self._connection
        if connection is None:
            if not self._has_file():
                return None
            connection = self._open()
        try:
            return connection.execute(sql, bindings).get
        except apsw.Error as error:
            raise self.error_from(error) from error

    def rows(self, sql: str, bindings: Sequence[Any] = ()) -> list[Any]:
        """Return the rows that ``sql`` selects, as tuples; none without a file."""
        if not self._has_file():
            return []
        connection = self._connection or self._open()
        try:
            return connection.execute(sql, bindings).fetchall()
        except apsw.Error as error:
            raise self.error_from(error) from error

    def write(self, sql: str, bindings: Sequence[Any] = ()) -> int:
        """Run a statement that writes, in the turn's transaction; return how many rows changed."""
        if self._transaction.state is State.NONE:
            self.begin()
        connection = self._connection or self._open()
        try:
            connection.execute(sql, bindings)
        except apsw.Error as error:
            raise self.error_from(error) from error
        return connection.changes()

    # --- the user's statements ---------------------------------------------------------------

    def begin_user_sql(self, query: str) -> apsw.Connection:
        """Return the connection, ready to compile and step ``query`` under the user's rules.

        ``end_user_sql`` must follow. A transaction is open from now on.
        """
        self.begin()
        connection = self._connection or self._open()
        self._authorizer.expect(query)
        self._time_budget.start()
        return connection

    def resume_user_sql(self) -> None:
        """Go on stepping a statement of the user's; virtual tables compile when stepped."""
        self._authorizer.enforcing = True
        self._time_budget.start()

    def end_user_sql(self) -> None:
        self._authorizer.enforcing = False
        self._time_budget.stop()

    def add_live_cursor(self, cursor: LiveCursor) -> None:
        """Have ``cursor`` told when what it reads goes away; it is not kept alive by this."""
        self._live.add(weakref.ref(cursor, self._live.discard))

    # --- the transaction ---------------------------------------------------------------------

    def begin(self) -> None:
        """Have a transaction open; tell ``on_begin`` if it had to be opened.

        Raises:
            DatabaseFailed: The file cannot be opened, or the database has failed before.
        """
        if self._transaction.state is not State.NONE:
            return
        self._execute("BEGIN")
        self._transaction.move(Move.BEGIN)
        self.on_begin()

    def commit(self) -> bool:
        """Make what was written durable; return whether there was anything.

        Raises:
            ConstraintsViolatedAtCommit: A deferred constraint is violated; all of it is undone.
            DatabaseFailed: Whether it is durable is unknown; start again from disk.
        """
        if self._transaction.state is State.NONE:
            return False
        self._transaction.check(Move.COMMIT)
        self._for_live(lambda cursor: cursor.detach())
        wrote = self.has_writes
        try:
            self._connected().execute("COMMIT")
        except apsw.ConstraintError as error:
            violation = ConstraintsViolatedAtCommit(str(sql_error(error, None, self.limits)))
            self.rollback()
            raise violation from error
        except apsw.Error as error:
            raise self.fail(error) from error
        self._transaction.move(Move.COMMIT)
        self._wrote = False
        return wrote

    def rollback(self) -> None:
        """Undo everything since ``begin``, with all savepoints; nothing happens without one."""
        if self._transaction.state is State.NONE:
            return
        self._execute("ROLLBACK")
        self._transaction.move(Move.ROLLBACK)
        self._wrote = False
        self.rollbacks += 1

    def savepoint(self) -> None:
        """Begin an explicit transaction inside the implicit one, or inside another."""
        self.begin()
        self._execute(f"SAVEPOINT _cf_savepoint_{self._transaction.depth}")
        self._transaction.move(Move.SAVEPOINT)

    def release(self) -> None:
        """End the innermost explicit transaction; what it wrote belongs to the one around it."""
        self._transaction.check(Move.RELEASE)
        self._execute(f"RELEASE _cf_savepoint_{self._transaction.depth - 1}")
        self._transaction.move(Move.RELEASE)

    def rollback_to(self) -> None:
        """End the innermost explicit transaction, and undo what it wrote."""
        self._transaction.check(Move.ROLLBACK_TO)
        name = f"_cf_savepoint_{self._transaction.depth - 1}"
        self._execute(f"ROLLBACK TO {name}")
        self._execute(f"RELEASE {name}")
        self._transaction.move(Move.ROLLBACK_TO)
        self.rollbacks += 1

    def delete_all(self) -> None:
        """Delete all keys, tables, views, indexes, triggers and the alarm, or nothing of them.

        What remains is the actor's name. It is a write like any other: part of the turn's
        transaction. Cursors lose the rows they have not read.
        """
        if not self._has_file():
            return
        self.begin()
        self._for_live(lambda cursor: cursor.detach())
        self._for_live(lambda cursor: cursor.invalidate())
        self.savepoint()
        try:
            eraser.erase(self._connected())
        except apsw.Error as error:
            failure = self.error_from(error)
            if not isinstance(failure, DatabaseFailed):
                self.rollback_to()
            raise failure from error
        self.release()

    def close(self) -> None:
        """Undo what was not committed, and close the file; the object cannot be used again."""
        self._is_closed = True
        self._let_go()

    # --- errors ------------------------------------------------------------------------------

    def error_from(self, error: apsw.Error) -> PerdureError:
        """Return what to raise for an error of SQLite's; after a critical one all is over.

        SQLite sometimes undoes the whole transaction because of an error (a full disk, a
        trigger's RAISE(ROLLBACK)). The turn goes on as if it had written what is gone, so that
        is critical as well.
        """
        connection = self._connection
        was_undone = (
            self._transaction.state is not State.NONE
            and connection is not None
            and not connection.in_transaction
        )
        refusal = self._authorizer.refusal if self._authorizer.enforcing else None
        ours = sql_error(error, refusal, self.limits)
        if was_undone:
            return self.fail(error, f"SQLite undid the transaction of this turn: {ours}")
        return self.fail(error) if is_critical(error) else ours

    def fail(
        self, error: Exception, problem: str | None = None, code: str | None = None
    ) -> DatabaseFailed:
        """Give the database up; return what to raise, now and at every further use."""
        hint = ""
        if isinstance(error, apsw.FullError):
            hint = "Make room on the disk, or raise perdure.limits.database_size_bytes_max"
        self._failure = DatabaseFailed(
            self.path,
            problem or f"the database failed: {error}",
            hint,
            code=code or name_of(error),
        )
        if self._connection is not None:
            # What is in the WAL is for the next opening to judge, not for a last checkpoint.
            self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        self._let_go()
        return self._failure

    # --- below -------------------------------------------------------------------------------

    def _execute(self, sql: str) -> None:
        try:
            self._connected().execute(sql)
        except apsw.Error as error:
            raise self.error_from(error) from error

    def _connected(self) -> apsw.Connection:
        return self._connection or self._open()

    def _has_file(self) -> bool:
        """Whether there is anything to read. Only we make the file, so a "no" is remembered."""
        if self._connection is not None:
            return True
        self._check_usable()
        if self._is_missing:
            return False
        self._is_missing = not self.path.exists()
        return not self._is_missing

    def _check_usable(self) -> None:
        if self._failure is not None:
            failure = self._failure
            raise DatabaseFailed(failure.path, failure.problem, failure.hint, code=failure.code)
        if self._is_closed:
            raise InternalError(f"{self.path} was used after it was closed")

    def _open(self) -> apsw.Connection:
        if not self._has_file():
            self._create()
        try:
            connection = open_connection(self.path, self.limits)
        except apsw.Error as error:
            raise self.fail(error) from error
        connection.authorizer = self._authorizer
        self._time_budget.watch(connection)
        self._connection = connection
        return connection

    def _create(self) -> None:
        wal = self.path.with_name(self.path.name + "-wal")
        try:
            make_directory(self.path.parent)
            if wal.exists():  # SQLite would replay it into the new file
                problem = f"{wal.name} is there, and the database it belongs to is not"
                raise self.fail(FileNotFoundError(problem), code="SQLITE_CORRUPT")
            write_file(self.path, (self._template or standard_template()).data)
        except OSError as error:
            raise self.fail(error, code="SQLITE_CANTOPEN") from error
        self._is_missing = False

    def _for_live(self, tell: Callable[[LiveCursor], None]) -> None:
        live, self._live = self._live, set()  # who is still live afterwards comes again
        for reference in live:
            cursor = reference()
            if cursor is not None:
                tell(cursor)

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        self._transaction = Transaction()
        self._wrote = False
        self._for_live(lambda cursor: cursor.invalidate())
        if connection is not None:
            with contextlib.suppress(apsw.Error):  # it is closed all the same
                connection.close()
