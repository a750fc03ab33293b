"""What operations find: an actor at rest, and writes that are durable."""

import asyncio
from pathlib import Path

import pytest

from perdure.runtime.host.operations import house as module
from perdure.runtime.host.operations.errors import ActorBusy
from perdure.storage.errors import DatabaseFailed, StorageBroken
from perdure.storage.kv import KeyValue
from tests.town import KEY, Room, Town, slow_disk
from tests.world import turns


async def test_what_is_committed_through_it_is_durable(town: Town) -> None:
    await town.room().put(a=1)
    raw = town.id_of().raw
    for evicted in (False, True):
        if evicted:
            town.evict()
        with town.host.custody.borrow(KEY, raw) as database:
            KeyValue(database).put("b", evicted)
            await town.house.commit(KEY, raw, database)
            assert database.durability.is_durable
    assert await town.room().get("b") is True


async def test_a_failing_log_ends_the_wait(town: Town, tmp_path: Path) -> None:
    await town.room().put(a=1)
    town.evict()
    with slow_disk(), town.host.custody.borrow(KEY, town.id_of().raw) as database:
        KeyValue(database).put("b", 1)
        waiting = asyncio.ensure_future(town.house.commit(KEY, town.id_of().raw, database))
        await turns()
        assert not waiting.done()
        town.failed.set_result(StorageBroken(tmp_path, "broken"))
        with pytest.raises(StorageBroken):
            await waiting


async def test_a_commit_that_fails_is_told(town: Town) -> None:
    await town.room().put(a=1)
    raw = town.id_of().raw
    with town.host.custody.borrow(KEY, raw) as database:
        KeyValue(database).put("b", 1)
        database.fail(OSError("the disk"))
        with pytest.raises(DatabaseFailed):
            await town.house.commit(KEY, raw, database)
    assert not town.is_live()


async def test_an_actor_in_a_transaction_is_waited_for(town: Town) -> None:
    over = Room.over = asyncio.Event()
    call = asyncio.ensure_future(town.room().in_transaction())
    await turns()
    raw = town.id_of().raw
    waiting = asyncio.ensure_future(town.house.quiet(KEY, raw))
    await turns()
    assert not waiting.done()
    over.set()
    await call
    await waiting


async def test_it_is_not_waited_for_for_ever(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUIET_WAIT_S", -1.0)
    over = Room.over = asyncio.Event()
    call = asyncio.ensure_future(town.room().in_transaction())
    await turns()
    with pytest.raises(ActorBusy, match="inside a transaction"):
        await town.house.quiet(KEY, town.id_of().raw)
    over.set()
    await call
