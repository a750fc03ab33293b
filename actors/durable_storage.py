"""``ctx.storage``: what one actor keeps."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from functools import partial
from typing import Any, TypeVar, overload

from ..storage.bookmark import Bookmark
from ..storage.errors import PerdureError, UsageError
from ..storage.kv import KeyValue
from ..storage.metadata import Metadata
from ..storage.sql import Sql
from .access import check_access
from .actor import Actor
from .done import Done
from .errors import TransactionClosed
from .lifecycle import GONE
from .sections import CriticalSection
from .storage_calls import AlarmRow, StorageCalls, opts_out, to_ms
from .sync_storage import SqlStorage, SyncKv

T = TypeVar("T")

_NOT_SQLITE = (
    "is not there: this Durable Object class is not backed by SQLite storage. A class has it "
    "that is listed under new_sqlite_classes, instead of new_classes, in its first migration"
)


class DurableStorage(StorageCalls):
    """The actor's own storage: key-value, SQL, an alarm, transactions.

    Writes between two suspensions are one transaction, and what is sent afterwards waits until
    they are durable. Storage works only in the actor's own handlers and tasks.
    """

    __slots__ = ("_actor", "_kv", "_savepoints", "_sql", "_sync_kv", "alarm")

    def __init__(self, actor: Actor, *, has_sql: bool) -> None:
        self._actor = actor
        self._kv = KeyValue(actor.database)
        access = partial(check_access, actor)  # not a method: this object would lead to itself
        self._sync_kv = SyncKv(self._kv, access) if has_sql else None
        self._sql = SqlStorage(Sql(actor.database), access) if has_sql else None
        self.alarm = AlarmRow(Metadata(actor.database))
        # One for each explicit transaction that is open: what it restores when it is undone.
        self._savepoints: list[bool] = []

    def check_access(self) -> None:
        """Raise unless this actor's code is running right now.

        Raises:
            StorageAccess: From another thread or actor, from outside of a handler, or after the
                actor was reset.
        """
        check_access(self._actor)

    def _use(self) -> tuple[KeyValue, AlarmRow]:
        self.check_access()
        return self._kv, self.alarm

    def _unconfirmed(self, call: Callable[[], T]) -> T:
        self.check_access()
        database = self._actor.database
        remains_so = database.is_unconfirmed or not database.has_writes
        try:
            return call()
        finally:
            database.is_unconfirmed = remains_so

    def _alarm_changes(self) -> None:
        self._actor.committer.alarm_changed = True

    def _time_ms(self) -> int:
        return self._actor.surroundings.clock.time_ms()

    # Synchronous parts.

    @property
    def kv(self) -> SyncKv:
        """The same keys and values, synchronously: ``get``, ``put``, ``delete``, ``list``."""
        if self._sync_kv is None:
            raise UsageError(f"storage.kv {_NOT_SQLITE}")
        return self._sync_kv

    @property
    def sql(self) -> SqlStorage:
        """The actor's SQLite database: ``sql.exec(query, *bindings)``."""
        if self._sql is None:
            raise UsageError(f"storage.sql {_NOT_SQLITE}")
        return self._sql

    # Everything, transactions, durability.

    def delete_all(self, **options: bool) -> Done[None]:
        """Forget everything: keys, tables, and the alarm."""
        if options and opts_out("delete_all", options):
            return self._unconfirmed(self.delete_all)
        self.check_access()
        if self._actor.database.is_explicit:
            raise UsageError("Cannot call deleteAll() within a transaction")
        self._alarm_changes()
        self.alarm.delete()
        self._actor.database.delete_all()
        return Done(None)

    def sync(self) -> Awaitable[None]:
        """Awaiting it ends when everything written so far is durable.

        Call it before you speak to the outside through another library; what goes through
        perdure waits by itself. No other event of the actor runs meanwhile.
        """
        self.check_access()
        actor = self._actor
        if actor.database.is_explicit:
            raise UsageError(
                "sync() inside a transaction would have to commit half of it; call it afterwards"
            )
        actor.committer.commit()
        self.check_access()  # a commit that failed has reset the actor
        if not actor.committer.is_dirty():
            return Done(None)
        durable = actor.loop.create_future()

        def is_durable() -> None:
            if not durable.done():
                durable.set_result(None)

        actor.committer.when_durable(is_durable)
        return self._await_shut(lambda: durable)

    def _await_shut(self, begin: "Callable[[], Awaitable[T]]") -> asyncio.Future[T]:
        """Await ``begin()`` while no other event of the actor runs: it is no suspension."""
        actor = self._actor

        def settle(section: CriticalSection, value: Any, error: BaseException | None) -> None:
            if actor.stage not in GONE:
                section.end(value, error)

        turn = actor.turn
        assert turn is not None, "only where storage may be used"
        section = CriticalSection(actor, begin, settle)
        section.request(turn.gate.current(), actor.limits.critical_section_depth_max)
        return section.result

    # The past.

    def get_current_bookmark(self) -> Awaitable[str]:
        """The bookmark of the state as it is now, with all that was written so far.

        Bookmarks of one actor sort as text in the order of the states they stand for, and can be
        used for ``perdure.point_in_time_days``.
        """
        return Done(str(self._bookmark_now()))

    def get_bookmark_for_time(self, time: float | datetime) -> Awaitable[str]:
        """The bookmark of the state at ``time``: Unix milliseconds, or a datetime.

        Raises:
            HistoryUnavailable: That state is not kept: it is too long ago.
        """
        time_ms = to_ms(time, "get_bookmark_for_time()")
        now = self._bookmark_now()
        if time_ms >= self._time_ms():
            return Done(str(now))
        actor = self._actor

        async def find() -> str:
            return str(await actor.surroundings.past.at_time(actor.id, time_ms))

        return self._await_shut(find)

    def on_next_session_restore_bookmark(self, bookmark: str) -> Awaitable[str]:
        """Have the actor start from an earlier state, or a later one, when it starts next.

        ``ctx.abort()`` brings that about at once. A call after this one takes its place.

        Returns:
            The bookmark of the state as it is now: restore that one to undo this.

        Raises:
            InvalidBookmark: It is not one of this actor.
            HistoryUnavailable: Its state is not kept any more.
        """
        wanted = Bookmark.parse(bookmark)
        now = self._bookmark_now()
        actor = self._actor

        async def restore() -> str:
            await actor.surroundings.past.restore_at_next_start(actor.id, wanted)
            return str(now)

        return self._await_shut(restore)

    def _bookmark_now(self) -> Bookmark:
        self.check_access()
        actor = self._actor
        if actor.database.is_explicit:
            raise UsageError(
                "a bookmark stands for what is committed; ask for it outside of the transaction"
            )
        actor.committer.commit()
        self.check_access()  # a commit that failed has reset the actor
        return actor.surroundings.past.current(actor.id)

    def transaction_sync(self, callback: Callable[[], T]) -> T:
        """What ``callback()`` returns; if it raises, what it wrote is undone, and it raises."""
        if self._sql is None:
            raise UsageError(f"storage.transaction_sync {_NOT_SQLITE}")
        self.check_access()
        self.savepoint_begins()
        try:
            result = callback()
        except BaseException:
            if self._actor.stage not in GONE:  # else it was undone with everything else
                self.savepoint_ends(keep=False)
            raise
        failure = self.savepoint_ends(keep=True)
        if failure is not None:
            raise failure
        return result

    @overload
    def transaction(
        self, callback: "Callable[[Transaction], Coroutine[Any, Any, T]]"
    ) -> asyncio.Future[T]: ...
    @overload
    def transaction(self, callback: "Callable[[Transaction], T]") -> asyncio.Future[T]: ...
    def transaction(self, callback: "Callable[[Transaction], Any]") -> asyncio.Future[Any]:
        """What ``await callback(txn)`` gives; if it raises, what it wrote is undone, and it raises.

        No other event of the actor runs meanwhile, whatever the callback awaits.
        """
        self.check_access()
        actor = self._actor
        txn = Transaction(self)

        def begin() -> Any:
            if actor.database.has_writes and not actor.database.is_explicit:
                # Else what earlier turns emitted would wait for the whole transaction.
                actor.committer.commit()
            txn.begun(self.savepoint_begins())
            return callback(txn)

        def settle(section: CriticalSection, value: Any, error: BaseException | None) -> None:
            if actor.stage in GONE:
                return
            failure = txn.finish(failed=error is not None)
            if failure is None:
                section.end(value, error)

        turn = actor.turn
        assert turn is not None, "checked above"
        section = CriticalSection(actor, begin, settle)
        section.request(turn.gate.current(), actor.limits.critical_section_depth_max)
        return section.result

    @property
    def depth(self) -> int:
        """How many explicit transactions are open inside each other."""
        return len(self._savepoints)

    def savepoint_begins(self) -> int:
        """Begin an explicit transaction; give its depth."""
        self._actor.database.savepoint()
        self._savepoints.append(self.alarm.is_replaced)
        return self.depth

    def savepoint_ends(self, *, keep: bool) -> PerdureError | None:
        """End the innermost explicit transaction; give what went wrong with that."""
        actor = self._actor
        was_replaced = self._savepoints.pop()
        if not keep:
            self.alarm.is_replaced = was_replaced
        try:
            if actor.database.failure is not None:
                raise actor.database.failure
            if keep:
                actor.database.release()
            else:
                actor.database.rollback_to()
        except PerdureError as error:
            actor.break_(error)
            return error
        if not actor.database.is_explicit:
            actor.committer.schedule()
        return None


class Transaction(StorageCalls):
    """What the callback of ``storage.transaction`` works on."""

    __slots__ = ("_depth", "_state", "_storage")

    def __init__(self, storage: DurableStorage) -> None:
        self._storage = storage
        self._state = "waiting"
        self._depth = 0

    def rollback(self) -> None:
        """Undo what was written so far; the transaction object cannot be used afterwards.

        Raises:
            TransactionClosed: It has ended already.
            UsageError: A transaction inside this one is still open.
        """
        self._check("rollback")
        self._storage.check_access()
        if self._storage.depth != self._depth:
            raise UsageError("rollback() while a transaction inside this one is open: end it first")
        self._state = "rolled back"
        self._storage.savepoint_ends(keep=False)

    def begun(self, depth: int) -> None:
        self._state = "open"
        self._depth = depth

    def finish(self, *, failed: bool) -> PerdureError | None:
        if self._state != "open":
            return None
        self._state = "ended"
        return self._storage.savepoint_ends(keep=not failed)

    def _check(self, call: str) -> None:
        if self._state == "rolled back":
            raise TransactionClosed(f"Cannot {call}() on rolled back transaction")
        if self._state != "open":
            raise TransactionClosed(
                f"Cannot call {call}() on transaction that has already committed: did you move "
                "`txn` outside of the closure?"
            )

    def _use(self) -> tuple[KeyValue, AlarmRow]:
        self._check("use")
        return self._storage._use()  # noqa: SLF001  # a view of the same storage

    def _unconfirmed(self, call: Callable[[], T]) -> T:
        return self._storage._unconfirmed(call)  # noqa: SLF001  # as above

    def _alarm_changes(self) -> None:
        self._storage._alarm_changes()  # noqa: SLF001  # as above

    def _time_ms(self) -> int:
        return self._storage._time_ms()  # noqa: SLF001  # as above
