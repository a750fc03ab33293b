"""``ctx.storage``: transactions, durability, and who may use it."""

import asyncio
from typing import Any

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.errors import ActorReset, StorageAccess, TransactionClosed
from perdure.storage.errors import ConstraintsViolatedAtCommit, UsageError
from tests.world import Lab, World, turns


class Undo(Exception):
    """Ends a transaction that is to be rolled back."""


# transaction.


async def test_a_transaction_gives_what_its_callback_gives(world: World) -> None:
    async def script(lab: Lab) -> None:
        async def callback(txn: Any) -> str:
            await txn.put("a", 1)
            await turns(2)
            assert await txn.get("a") == 1
            return "value"

        assert await lab.ctx.storage.transaction(callback) == "value"
        assert await lab.ctx.storage.transaction(lambda txn: txn.get("a").value) == 1
        assert await lab.ctx.storage.get("a") == 1

    await world.inside(script)


async def test_a_transaction_whose_callback_raises_is_undone(world: World) -> None:
    async def script(lab: Lab) -> None:
        storage = lab.ctx.storage
        await storage.put("kept", 1)

        async def callback(txn: Any) -> None:
            await txn.put("kept", 2)
            await storage.put("undone", 1)  # written past txn, undone all the same
            storage.sql.exec("CREATE TABLE undone (x)")
            await turns(2)
            raise Undo("why")

        with pytest.raises(Undo, match="why"):
            await storage.transaction(callback)
        assert await storage.list() == {"kept": 1}
        assert storage.sql.exec("SELECT * FROM sqlite_schema WHERE name = 'undone'").next() is None
        await storage.put("after", 1)

    await world.inside(script)
    assert await world.inside(lambda lab: lab.ctx.storage.list()) == {"kept": 1, "after": 1}


async def test_a_plain_callback_that_raises_is_undone_too(world: World) -> None:
    async def script(lab: Lab) -> None:
        def callback(txn: Any) -> None:
            txn.put("a", 1)
            raise Undo

        with pytest.raises(Undo):
            await lab.ctx.storage.transaction(callback)
        assert await lab.ctx.storage.list() == {}

    await world.inside(script)


async def test_rollback_undoes_and_closes_the_transaction(world: World) -> None:
    async def script(lab: Lab) -> None:
        async def callback(txn: Any) -> str:
            txn.put("undone", 1)
            txn.rollback()
            with pytest.raises(TransactionClosed, match=r"\(\) on rolled back transaction"):
                txn.get("a")
            with pytest.raises(TransactionClosed, match=r"rollback\(\) on rolled back"):
                txn.rollback()
            await lab.ctx.storage.put("outside of it", 1)
            return "went on"

        assert await lab.ctx.storage.transaction(callback) == "went on"
        assert await lab.ctx.storage.list() == {"outside of it": 1}

    await world.inside(script)


async def test_a_transaction_cannot_be_used_after_its_end(world: World) -> None:
    async def script(lab: Lab) -> None:
        kept: list[Any] = []

        async def fails(txn: Any) -> None:
            kept.append(txn)
            raise Undo

        await lab.ctx.storage.transaction(kept.append)
        with pytest.raises(Undo):
            await lab.ctx.storage.transaction(fails)
        for txn in kept:
            with pytest.raises(TransactionClosed, match="did you move `txn` outside of the"):
                txn.put("a", 1)
            with pytest.raises(TransactionClosed, match=r"Cannot call rollback\(\) on transaction"):
                txn.rollback()

    await world.inside(script)


async def test_transactions_nest(world: World) -> None:
    async def script(lab: Lab) -> None:
        storage = lab.ctx.storage

        async def outer(txn: Any) -> None:
            txn.put("outer", 1)

            async def fails(inner: Any) -> None:
                inner.put("undone", 1)
                await turns(1)
                raise Undo

            async def succeeds(inner: Any) -> None:
                inner.put("inner", 1)

            with pytest.raises(Undo):
                await storage.transaction(fails)
            await storage.transaction(succeeds)
            storage.transaction_sync(lambda: storage.kv.put("sync", 1))

        await storage.transaction(outer)
        assert await storage.list() == {"inner": 1, "outer": 1, "sync": 1}

        async def undone(txn: Any) -> None:
            await storage.transaction(lambda inner: inner.put("inner", 2).value)
            raise Undo

        with pytest.raises(Undo):
            await storage.transaction(undone)
        assert await storage.get("inner") == 1

    await world.inside(script)


async def test_an_inner_transaction_that_is_not_awaited_ends_before_the_outer_one(
    world: World,
) -> None:
    async def script(lab: Lab) -> None:
        async def inner(txn: Any) -> None:
            await turns(2)
            txn.put("inner", 1)

        async def outer(txn: Any) -> None:
            txn.put("outer", 1)
            lab.ctx.storage.transaction(inner)

        await lab.ctx.storage.transaction(outer)
        assert await lab.ctx.storage.list() == {"inner": 1, "outer": 1}

    await world.inside(script)
    assert await world.inside(lambda lab: lab.ctx.storage.get("inner")) == 1


async def test_rollback_is_refused_while_a_transaction_inside_is_open(world: World) -> None:
    async def script(lab: Lab) -> None:
        storage = lab.ctx.storage

        async def outer(txn: Any) -> None:
            txn.put("outer", 1)

            async def inner(other: Any) -> None:
                with pytest.raises(UsageError, match="while a transaction inside this one is open"):
                    txn.rollback()

            await storage.transaction(inner)
            with pytest.raises(UsageError, match="while a transaction inside this one is open"):
                storage.transaction_sync(txn.rollback)
            txn.rollback()

        await storage.transaction(outer)
        assert await storage.list() == {}

    await world.inside(script)


async def test_no_other_event_runs_during_a_transaction(world: World) -> None:
    order: list[str] = []

    async def transacts(lab: Lab) -> None:
        async def callback(txn: Any) -> None:
            order.append("in")
            await turns(5)
            order.append("out")

        await lab.ctx.storage.transaction(callback)
        order.append("behind")

    async def other(lab: Lab) -> None:
        order.append("other")

    await asyncio.gather(world.inside(transacts), world.inside(other))
    assert order == ["in", "out", "behind", "other"]


async def test_what_was_written_before_a_transaction_does_not_wait_for_it(world: World) -> None:
    release = asyncio.Event()

    async def writes(lab: Lab) -> None:
        await lab.ctx.storage.put("a", 1)

    async def transacts(lab: Lab) -> None:
        async def callback(txn: Any) -> None:
            txn.put("b", 1)
            await release.wait()

        await lab.ctx.storage.transaction(callback)

    written = asyncio.ensure_future(world.inside(writes))
    transacted = asyncio.ensure_future(world.inside(transacts))
    await written
    await turns()
    assert not transacted.done()
    release.set()
    await transacted


async def test_replies_wait_for_the_end_of_an_open_transaction_that_has_written(
    world: World,
) -> None:
    """Whoever answers meanwhile may have read what is undone in the end."""
    release = asyncio.Event()

    async def transacts(lab: Lab) -> None:
        def waits() -> Any:
            async def callback(txn: Any) -> None:
                txn.put("b", 1)
                await release.wait()

            return lab.ctx.storage.transaction(callback)

        await waits()

    call = asyncio.ensure_future(world.inside(transacts))
    await turns(3)
    actor = world.actor()
    sent: list[str] = []
    actor.emit(lambda: sent.append("reply"))
    await turns()
    assert sent == []
    release.set()
    await call
    assert sent == ["reply"]


# transaction_sync.


async def test_transaction_sync_gives_what_its_callback_gives_or_undoes_it(world: World) -> None:
    async def script(lab: Lab) -> None:
        storage = lab.ctx.storage

        def moves() -> str:
            storage.kv.put("a", 1)
            with pytest.raises(Undo):
                storage.transaction_sync(fails)
            return "value"

        def fails() -> None:
            storage.kv.put("undone", 1)
            raise Undo

        assert storage.transaction_sync(moves) == "value"
        with pytest.raises(Undo):
            storage.transaction_sync(fails)
        assert await storage.list() == {"a": 1}

    await world.inside(script)
    assert await world.inside(lambda lab: lab.ctx.storage.list()) == {"a": 1}


async def test_an_abort_in_transaction_sync_loses_everything(world: World) -> None:
    def script(lab: Lab) -> None:
        def aborts() -> None:
            lab.ctx.storage.kv.put("a", 1)
            lab.ctx.abort("in the middle")

        lab.ctx.storage.transaction_sync(aborts)

    with pytest.raises(ActorReset, match="in the middle"):
        await world.inside(script)
    assert await world.inside(lambda lab: lab.ctx.storage.list()) == {}


# sync.


async def test_sync_returns_when_everything_is_durable(world: World) -> None:
    sent: list[str] = []

    async def script(lab: Lab) -> None:
        actor: Any = lab.ctx._actor
        await lab.ctx.storage.put("a", 1)
        actor.emit(lambda: sent.append("reply"))
        assert actor.committer.is_dirty()
        await lab.ctx.storage.sync()
        assert not actor.committer.is_dirty()
        assert sent == ["reply"]
        await lab.ctx.storage.sync()  # nothing to do

    await world.inside(script)


async def test_sync_inside_a_transaction_is_refused(world: World) -> None:
    async def script(lab: Lab) -> None:
        def callback(txn: Any) -> None:
            txn.put("a", 1)
            with pytest.raises(UsageError, match="would have to commit half of it"):
                lab.ctx.storage.sync()

        await lab.ctx.storage.transaction(callback)

    await world.inside(script)


async def test_a_sync_that_fails_resets_the_actor_and_ends_its_handler(world: World) -> None:
    reached: list[str] = []

    async def script(lab: Lab) -> None:
        sql = lab.ctx.storage.sql
        sql.exec("CREATE TABLE p (id INTEGER PRIMARY KEY)")
        sql.exec("CREATE TABLE c (p REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)")
        sql.exec("INSERT INTO c VALUES (17)")
        try:
            await lab.ctx.storage.sync()
            reached.append("behind sync")
        except StorageAccess:
            reached.append("refused")
        try:
            await asyncio.Event().wait()
        finally:
            reached.append("discarded")

    with pytest.raises(ConstraintsViolatedAtCommit, match="FOREIGN KEY constraint failed") as lost:
        await world.inside(script)
    assert lost.value.durable_object_reset  # type: ignore[attr-defined]  # each caught error has it
    assert reached == ["refused", "discarded"]
    assert world.live(Lab) == 0


# delete_all.


async def test_delete_all_forgets_keys_tables_and_the_alarm(world: World) -> None:
    async def script(lab: Lab) -> None:
        storage = lab.ctx.storage
        storage.alarm.has_handler = True
        await storage.put("a", 1)
        storage.sql.exec("CREATE TABLE t (x)")
        await storage.set_alarm(2_000_000_000_000)
        await storage.sync()
        await storage.delete_all(allow_unconfirmed=True)
        assert await storage.list() == {}
        assert storage.sql.exec("SELECT * FROM sqlite_schema WHERE name = 't'").to_array() == []
        assert await storage.get_alarm() is None
        await storage.put("b", 2)

    await world.inside(script)
    assert await world.inside(lambda lab: lab.ctx.storage.list()) == {"b": 2}
    assert world.alarms.committed_ms == [2_000_000_000_000, None]


async def test_delete_all_of_an_actor_without_a_file_makes_none(world: World) -> None:
    await world.inside(lambda lab: lab.ctx.storage.delete_all())
    actor = world.actor()
    assert not actor.database.path.exists()


async def test_delete_all_inside_a_transaction_is_refused(world: World) -> None:
    async def script(lab: Lab) -> None:
        await lab.ctx.storage.put("a", 1)

        def callback(txn: object = None) -> None:
            with pytest.raises(UsageError, match=r"Cannot call deleteAll\(\) within a transaction"):
                lab.ctx.storage.delete_all()

        await lab.ctx.storage.transaction(callback)
        lab.ctx.storage.transaction_sync(callback)
        assert await lab.ctx.storage.list() == {"a": 1}

    await world.inside(script)


# Classes without SQL.


class Plain(DurableObject):
    async def use(self) -> Any:
        storage = self.ctx.storage
        for use in (
            lambda: storage.sql,
            lambda: storage.kv,
            lambda: storage.transaction_sync(lambda: 1),
        ):
            with pytest.raises(UsageError, match=r"not backed by SQLite storage.*new_sqlite_class"):
                use()
        await storage.put("a", 1)
        await storage.transaction(lambda txn: txn.put("b", 2).value)
        return await storage.list()


async def test_a_class_from_new_classes_has_the_asynchronous_calls_only(world: World) -> None:
    assert await world.stub(Plain, has_sql=False).use() == {"a": 1, "b": 2}


async def test_an_abort_in_a_plain_callback_of_a_transaction_loses_everything(
    world: World,
) -> None:
    async def script(lab: Lab) -> None:
        def aborts(txn: Any) -> None:
            txn.put("a", 1)
            lab.ctx.abort("in the middle")

        await lab.ctx.storage.transaction(aborts)

    with pytest.raises(ActorReset, match="in the middle"):
        await world.inside(script)
    assert await world.inside(lambda lab: lab.ctx.storage.list()) == {}
