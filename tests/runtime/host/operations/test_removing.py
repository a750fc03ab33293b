"""Deleted actors lie in the trash, and come back from there."""

import asyncio

import pytest

from perdure.runtime.host.operations.errors import ActorExists, NoSuchActor
from tests.town import KEY, Town, slow_disk

LOBBY = {"namespace": "Room", "name": "lobby"}


@pytest.mark.parametrize("is_evicted", [False, True])
async def test_a_deleted_actor_is_gone_and_comes_back(town: Town, is_evicted: bool) -> None:
    time_ms = town.clock.time_ms() + 600_000
    await town.room().put(x=1)
    await town.room().set_alarm(time_ms)
    if is_evicted:
        town.evict()
    result = await town.ask("delete", **LOBBY)
    assert result.pop("undo")
    assert result == {"namespace": "Room", "id": str(town.id_of()), "name": "lobby"}
    assert await town.items("list") == []
    assert town.house.times.get(KEY, town.id_of().raw) is None
    assert await town.room().get("x") is None
    (deleted,) = await town.items("deleted", namespace="Room")
    assert deleted.pop("size_bytes") > 0
    assert deleted == {
        "namespace": "Room",
        "id": str(town.id_of()),
        "name": "lobby",
        "deleted_ms": town.clock.time_ms(),
    }
    await town.ask("bring-back", **LOBBY)
    assert await town.room().get("x") == 1
    assert town.house.times.get(KEY, town.id_of().raw) == time_ms
    assert await town.items("deleted") == []
    assert list(town.house.layout.trash_dir.iterdir()) == []


async def test_what_was_written_last_is_in_the_trash(town: Town) -> None:
    await town.room().put(x=1)
    town.evict()
    with slow_disk():
        written = town.host.loop.create_task(_put(town))
        for _ in range(20):
            await asyncio.sleep(0)
        deleting = town.host.loop.create_task(town.ask("delete", **LOBBY))
        await asyncio.sleep(0)
    await asyncio.gather(written, deleting, return_exceptions=True)
    await town.ask("bring-back", **LOBBY)
    assert await town.room().get("x") == 2


async def _put(town: Town) -> None:
    await town.room().put(x=2)


async def test_a_deletion_can_be_undone_by_its_bookmark_too(town: Town) -> None:
    await town.room().put(x=1)
    undo = (await town.ask("delete", **LOBBY))["undo"]
    await town.ask("restore", bookmark=undo, **LOBBY)
    assert await town.room().get("x") == 1


async def test_of_two_deletions_the_later_one_comes_back(town: Town) -> None:
    for number in (1, 2):
        await town.room().put(x=number)
        await town.ask("delete", **LOBBY)  # in the same millisecond
    assert len(await town.items("deleted")) == 2
    await town.ask("bring-back", **LOBBY)
    assert await town.room().get("x") == 2


async def test_what_was_written_since_is_not_overwritten(town: Town) -> None:
    await town.room().put(x=1)
    await town.ask("delete", **LOBBY)
    await town.room().put(x=2)
    with pytest.raises(ActorExists, match="is not deleted"):
        await town.ask("bring-back", **LOBBY)
    assert await town.room().get("x") == 2


async def test_who_is_not_there_is_neither_deleted_nor_brought_back(town: Town) -> None:
    with pytest.raises(NoSuchActor, match="has nothing stored"):
        await town.ask("delete", **LOBBY)
    with pytest.raises(NoSuchActor, match="is not in the trash"):
        await town.ask("bring-back", **LOBBY)
    assert await town.items("deleted") == []


async def test_a_damaged_actor_can_be_deleted(town: Town) -> None:
    await town.room().put(x=1)
    town.evict()
    path = town.house.layout.actor_file(KEY, town.id_of().raw)
    path.write_bytes(path.read_bytes()[:100] + b"x" * 12_188)
    await town.ask("delete", **LOBBY)
    assert not path.exists()
    (deleted,) = await town.items("deleted")
    assert deleted["id"] == str(town.id_of())
