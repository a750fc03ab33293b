"""One actor's database file: opening it, its transaction, and what becomes of errors.

*Promise*: once ``when_durable`` has called back, everything committed before survives a crash of
the process and of the machine, each transaction as a whole. After an error that leaves
the state in doubt nothing works any more, so that no memory goes on that the disk contradicts.
*Assumes*: one ``ActorDatabase`` for a file at a time (storage/directory.py holds the lock), used
from one thread at a time.
*Rules for editing*: everything above sees only ``value``, ``rows``, ``write``, the methods for
user SQL and those of the transaction; SQLite's objects stay in storage/. What makes a commit
durable is a ``Durability``: the commit log (storage/journal.py), or the file's own WAL.
*Considered and refused*: opening at construction (an actor that stores nothing has no file).
"""

import contextlib
from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import apsw

from . import eraser
from .authorizer import Authorizer
from .connection import open_connection
from .durability import Durability
from .errors import (
    ConstraintsViolatedAtCommit,
    DatabaseFailed,
    InternalError,
    PerdureError,
    StorageError,
)
from .limits import StorageLimits
from .live_cursors import LiveCursor, LiveCursors
from .logformat import ALARM_UNCHANGED
from .own_wal import OwnWal
from .sqlite_errors import database_failure, is_critical, sql_error
from .template import Template, standard_template
from .time_budget import TimeBudget
from .transaction import Move, State, Transaction

# Members of an enum are looked up by a function, 0.1 us each time; each commit needs these.
_NONE, _BEGIN, _COMMIT, _WRITE = State.NONE, Move.BEGIN, Move.COMMIT, apsw.SQLITE_TXN_WRITE


def nothing(*_: object) -> None:
    """Do nothing: the default of what is called back."""


class ActorDatabase:
    """The database of one actor; the file is made at the first write and opened at first use.

    Attributes:
        path: The file.
        limits: What may be stored.
        on_begin: Called when an implicit transaction begins; its owner sees to the ``commit``.
        rollbacks: How often something was undone; who caches what it read compares this.
        is_closed: It was closed, and cannot be used any more.
        is_unconfirmed: No output waits for what is written; cleared by every write.
        rules: What user SQL may do, while it is enforced.
        durability: What makes commits durable.
        failure: Why nothing works any more, whoever caught the error; None while all is well.
        transaction: Where it stands; read it only.
        was_used: Set at each use; who looks for files to close resets it.
        on_open: Called when the file has been opened, with the database.
    """

    __slots__ = (
        "__weakref__",
        "_connection",
        "_cursor",
        "_is_missing",
        "_live",
        "_template",
        "_time_budget",
        "_wrote",
        "durability",
        "failure",
        "is_closed",
        "is_unconfirmed",
        "limits",
        "on_begin",
        "on_open",
        "path",
        "rollbacks",
        "rules",
        "transaction",
        "was_used",
    )

    def __init__(
        self,
        path: Path,
        limits: StorageLimits | None = None,
        *,
        template: Template | None = None,
        monotonic: Callable[[], float] | None = None,
        durability: Durability | None = None,
    ) -> None:
        """Prepare; nothing is touched yet.

        Args:
            path: Where the file is, or will be.
            limits: The documented ones when None.
            template: What a new file contains; the standard one when None.
            monotonic: The clock, in seconds, of ``limits.sql_time_budget_s``; without one a
                statement takes as long as it takes.
            durability: The file's own WAL when None.
        """
        self.path = path
        self.limits = limits or StorageLimits()
        self.on_begin: Callable[[], None] = nothing
        self.rollbacks = 0
        self.is_unconfirmed = False
        self.durability: Durability = durability or OwnWal(path)
        self.was_used = False
        self.on_open: Callable[[ActorDatabase], None] = nothing
        self._template = template
        self.rules = Authorizer()
        self._time_budget = TimeBudget(self.limits.sql_time_budget_s, monotonic, self.rules)
        self._connection: apsw.Connection | None = None
        self._cursor: apsw.Cursor | None = None  # idle; making one takes as long as a statement
        self.transaction = Transaction()
        self._wrote = False
        self._is_missing = self.is_closed = False
        self.failure: StorageError | None = None
        self._live = LiveCursors()

    # --- state -------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """The file is open (it costs two descriptors and some 80 KiB)."""
        return self._connection is not None

    @property
    def is_explicit(self) -> bool:
        """A ``savepoint`` is open, so that nothing can be committed."""
        return self.transaction.state is State.EXPLICIT

    @property
    def has_writes(self) -> bool:
        """The open transaction has written something, which is not durable yet."""
        if not self._wrote and self._connection and self.transaction.state is not _NONE:
            self._wrote = self._connection.txn_state("main") == _WRITE
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
        if self._connection is None and not self._has_file():
            return None
        cursor = self._cursor or self._new_cursor()
        self.was_used = True
        try:
            return cursor.execute(sql, bindings).get
        except apsw.Error as error:
            raise self.error_from(error) from error

    def rows(self, sql: str, bindings: Sequence[Any] = ()) -> list[Any]:
        """Return the rows that ``sql`` selects, as tuples; none without a file."""
        if not self._has_file():
            return []
        cursor = self._cursor or self._new_cursor()
        try:
            return cursor.execute(sql, bindings).fetchall()
        except apsw.Error as error:
            raise self.error_from(error) from error

    def write(self, sql: str, bindings: Sequence[Any] = ()) -> int:
        """Run a statement that writes, in the turn's transaction; return how many rows changed."""
        if self.transaction.state is _NONE:
            self.begin()
        self.is_unconfirmed = False
        cursor = self._cursor or self._new_cursor()
        try:
            cursor.execute(sql, bindings)
        except apsw.Error as error:
            raise self.error_from(error) from error
        return self._connected().changes()

    # --- the user's statements ---------------------------------------------------------------

    def begin_user_sql(self, query: str) -> apsw.Cursor:
        """Return a cursor for ``query``, with a transaction open; ``end_user_sql`` must follow."""
        if self.transaction.state is _NONE:
            self.begin()
        cursor = self._cursor or self._new_cursor()
        self._cursor = None
        self.rules.expect(query)
        return cursor

    def end_user_sql(self) -> None:
        """Let our own statements through again."""
        self.rules.enforcing = False
        self._time_budget.started = None

    def put_back(self, cursor: apsw.Cursor) -> None:
        """Take a cursor back that has nothing left to give, for the next statement."""
        if self._cursor is None and self._connection is cursor.connection:
            self._cursor = cursor
        else:
            cursor.close(force=True)

    def add_live_cursor(self, cursor: LiveCursor) -> None:
        """Have ``cursor`` told when what it reads goes away; it is not kept alive by this."""
        self._live.add(cursor)

    # --- the transaction ---------------------------------------------------------------------

    def begin(self) -> None:
        """Have a transaction open; tell ``on_begin`` if it had to be opened."""
        if self.transaction.state is not _NONE:
            return
        self.was_used = True
        self.durability.make_room(self._connection or self._open())
        self._execute("BEGIN")
        self.transaction.move(_BEGIN)
        self.on_begin()

    def commit(self, alarm_ms: int = ALARM_UNCHANGED) -> bool:
        """End the transaction; return whether anything was written, durable ``when_durable``.

        Args:
            alarm_ms: The alarm since, as storage/logformat.py says it, for who opens no actors.

        Raises:
            ConstraintsViolatedAtCommit: A deferred constraint is violated; all of it is undone.
            DatabaseFailed: Whether it is durable is unknown; start again from disk.
            CommitTooLarge: It does not fit into the log; all of it is undone; likewise.
            StorageBroken: The commit log has failed; nothing can be written any more.
        """
        if self.transaction.state is _NONE:
            return False
        self.transaction.check(_COMMIT)
        if self._live:
            self._live.detach()
        connection = self._connected()
        wrote = self._wrote or connection.txn_state("main") == _WRITE
        try:
            if wrote:
                self.durability.before_commit(connection)
            (self._cursor or self._new_cursor()).execute("COMMIT")
            if wrote:
                self.durability.committed(alarm_ms)
        except apsw.ConstraintError as error:
            violation = ConstraintsViolatedAtCommit(str(sql_error(error, None, self.limits)))
            self.rollback()
            raise violation from error
        except Exception as error:  # the log may lack what the file has: it is cut off there
            raise self.fail(error) from error
        self.transaction.move(_COMMIT)
        self._wrote = False
        return wrote

    def rollback(self) -> None:
        """Undo everything since ``begin``, with all savepoints; nothing happens without one."""
        if self.transaction.state is State.NONE:
            return
        self._execute("ROLLBACK")
        self.transaction.move(Move.ROLLBACK)
        self._wrote = False
        self.rollbacks += 1

    def savepoint(self) -> None:
        """Begin an explicit transaction inside the implicit one, or inside another."""
        self.begin()
        self._execute(f"SAVEPOINT _cf_savepoint_{self.transaction.depth}")
        self.transaction.move(Move.SAVEPOINT)

    def release(self) -> None:
        """End the innermost explicit transaction; what it wrote belongs to the one around it."""
        self.transaction.check(Move.RELEASE)
        self._execute(f"RELEASE _cf_savepoint_{self.transaction.depth - 1}")
        self.transaction.move(Move.RELEASE)

    def rollback_to(self) -> None:
        """End the innermost explicit transaction, and undo what it wrote."""
        self.transaction.check(Move.ROLLBACK_TO)
        name = f"_cf_savepoint_{self.transaction.depth - 1}"
        self._execute(f"ROLLBACK TO {name}")
        self._execute(f"RELEASE {name}")
        self.transaction.move(Move.ROLLBACK_TO)
        self.rollbacks += 1

    def delete_all(self) -> None:
        """Delete all but the actor's name, in the turn's transaction; cursors lose unread rows."""
        if not self._has_file():
            return
        self.begin()
        self.is_unconfirmed = False
        self._live.detach()
        self._live.invalidate()
        self.savepoint()
        try:
            eraser.erase(self._connected())
        except apsw.Error as error:
            failure = self.error_from(error)
            if not isinstance(failure, DatabaseFailed):
                self.rollback_to()
            raise failure from error
        self.release()

    def park(self) -> bool:
        """Close the file until it is used again, if nothing is under way; return whether it is."""
        if self.transaction.state is not State.NONE or not self.durability.is_synced:
            return False
        self._live.detach()
        self._let_go()
        return True

    def checkpoint(self) -> bool:
        """Have in the file all that was committed, if that may be; return whether it is.

        Raises:
            DatabaseFailed: The file cannot be written.
        """
        if self._connection is None or self.transaction.state is not State.NONE:
            return self._connection is None
        self._live.detach()
        try:
            return self.durability.checkpoint(self._connection)
        except apsw.Error as error:
            problem = f"the file could not be brought up to date: {error}"
            raise database_failure(self.path, error, problem) from error

    def close(self) -> None:
        """Undo what was not committed, and close for good."""
        self.is_closed = True
        self._let_go()

    # --- errors ------------------------------------------------------------------------------

    def error_from(self, error: apsw.Error) -> PerdureError:
        """Return what to raise for an error of SQLite's; after a critical one all is over.

        So it is when SQLite undid the whole transaction because of the error (a full disk, a
        trigger's RAISE(ROLLBACK)): the turn would go on as if it had written what is gone.
        """
        connection = self._connection
        was_undone = connection is not None and not connection.in_transaction
        refusal = self.rules.refusal if self.rules.enforcing else None
        ours = sql_error(error, refusal, self.limits)
        if was_undone and self.transaction.state is not State.NONE:
            return self.fail(error, f"SQLite undid the transaction of this turn: {ours}")
        return self.fail(error) if is_critical(error) else ours

    def fail(
        self, error: Exception, problem: str | None = None, code: str | None = None
    ) -> StorageError:
        """Give the database up; return what to raise, now and at every further use."""
        if not isinstance(error, StorageError):
            error = database_failure(self.path, error, problem, code)
        self.failure = error
        if self._connection is not None:
            # What is in the WAL is for the next opening to judge, not for a last checkpoint.
            self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        self._let_go()
        return error

    # --- below -------------------------------------------------------------------------------

    def _execute(self, sql: str) -> None:
        try:
            (self._cursor or self._new_cursor()).execute(sql)
        except apsw.Error as error:
            raise self.error_from(error) from error

    def _connected(self) -> apsw.Connection:
        return self._connection or self._open()

    def _new_cursor(self) -> apsw.Cursor:
        self._cursor = cursor = self._connected().cursor()
        return cursor

    def _has_file(self) -> bool:
        """Whether there is anything to read. Only we make the file, so a "no" is remembered."""
        if self._connection is not None:
            return True
        self._check_usable()
        if self._is_missing:
            return False
        try:
            self._is_missing = not self.path.exists() or self.durability.is_orphan()
        except OSError as error:
            raise self.fail(error, code="SQLITE_CANTOPEN") from error
        return not self._is_missing

    def _check_usable(self) -> None:
        if self.failure is not None:
            raise copy(self.failure)  # each raise has a traceback of its own
        if self.is_closed:
            raise InternalError(f"{self.path} was used after it was closed")

    def _open(self) -> apsw.Connection:
        if not self._has_file():
            self._create()
        try:
            self.durability.tidy_up()
            connection = open_connection(self.path, self.limits, self.durability.is_logged)
        except (apsw.Error, OSError) as error:
            raise self.fail(error) from error
        connection.authorizer = self.rules
        self._time_budget.watch(connection)
        self.durability.opened(connection)
        self._connection = connection
        self.was_used = True
        self.on_open(self)
        return connection

    def _create(self) -> None:
        try:
            self.durability.create(self._template or standard_template())
        except (OSError, StorageError) as error:
            raise self.fail(error, code="SQLITE_CANTOPEN") from error
        self._is_missing = False

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        self._cursor = None
        self.transaction = Transaction()
        self._wrote = False
        self._live.invalidate()
        if connection is None:
            return
        with contextlib.suppress(apsw.Error):  # it is closed all the same
            if self.failure is None:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                self.durability.checkpoint(connection)
        with contextlib.suppress(apsw.Error):
            connection.close()
        self.durability.closed()
