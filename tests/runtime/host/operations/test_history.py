"""Bookmarks, previews of a restore, and restores that can be undone."""

import pytest

from perdure.actors.errors import ActorQuarantined
from perdure.runtime.host.operations.errors import OperatorError
from perdure.storage.errors import HistoryUnavailable, InvalidBookmark
from tests.town import KEY, Town

LOBBY = {"namespace": "Room", "name": "lobby"}


async def test_bookmarks_are_listed_newest_first(town: Town) -> None:
    for number in range(3):
        town.clock.advance(1)
        await town.room().put(x=number)
    items = await town.items("bookmarks", **LOBBY)
    assert [item["kind"] for item in items] == ["commit", "commit", "create"]
    texts = [item["bookmark"] for item in items]
    assert texts == sorted(texts, reverse=True)
    assert items[0]["time_ms"] == town.clock.time_ms()
    assert all(item["size_bytes"] > 0 for item in items)
    assert len(await town.items("bookmarks", limit=2, **LOBBY)) == 2
    result = await town.ask("bookmarks", **LOBBY)
    assert result["count"] == 3
    assert result["current"] >= texts[0]


async def test_a_preview_says_what_would_change_and_changes_nothing(town: Town) -> None:
    room = town.room()
    await room.put(keep=1, other=1)
    await room.sql("CREATE TABLE t (a INTEGER PRIMARY KEY, b); INSERT INTO t VALUES (1, 1), (2, 2)")
    then = (await town.ask("bookmarks", **LOBBY))["current"]
    await room.put(other=2, new=1)
    await room.sql("DELETE FROM t WHERE a = 1; CREATE TABLE u (x)")
    items = await town.items("preview", bookmark=then, **LOBBY)
    by_table = {item.pop("table"): item for item in items}
    assert by_table["_cf_KV"] == {
        "kind": "changed",
        "added": 0,
        "removed": 1,
        "changed": 1,
        "keys": [("removed", "new"), ("changed", "other")],
    }
    assert (by_table["t"]["added"], by_table["t"]["keys"]) == (1, [("added", "1")])
    assert by_table["u"]["kind"] == "dropped"
    result = await town.ask("preview", bookmark=then, **LOBBY)
    assert result == {"bookmark": then, "exists": True, "existed": True, "damage": None}
    assert await room.get("other") == 2
    assert list(town.house.layout.drafts_dir.glob("*.draft")) == []


async def test_a_restore_can_be_undone(town: Town) -> None:
    room = town.room()
    await room.put(x=1)
    then = (await town.ask("bookmarks", **LOBBY))["current"]
    await room.put(x=2)
    for evicted in (False, True):
        if evicted:
            town.evict()
        result = await town.ask("restore", bookmark=then, **LOBBY)
        assert result["bookmark"] == then
        assert await room.get("x") == 1
        await town.ask("restore", bookmark=result["undo"], **LOBBY)
        assert await room.get("x") == 2


async def test_a_time_names_the_state_at_that_time(town: Town) -> None:
    await town.room().put(x=1)
    time_ms = town.clock.time_ms()
    town.clock.advance(5)
    await town.room().put(x=2)
    result = await town.ask("restore", time_ms=time_ms + 1000, **LOBBY)
    assert await town.room().get("x") == 1
    assert result["bookmark"] < result["undo"]


async def test_an_alarm_that_is_restored_is_the_one_that_fires(town: Town) -> None:
    time_ms = town.clock.time_ms() + 60_000
    await town.room().set_alarm(time_ms)
    then = (await town.ask("bookmarks", **LOBBY))["current"]
    await town.room().set_alarm(time_ms + 60_000)
    await town.ask("restore", bookmark=then, **LOBBY)
    assert town.house.times.get(KEY, town.id_of().raw) == time_ms


async def test_a_bookmark_of_another_actor_is_refused(town: Town) -> None:
    await town.room().put(x=1)
    other = (await town.ask("bookmarks", namespace="Room", name="other"))["current"]
    for operation in ("preview", "restore"):
        with pytest.raises(InvalidBookmark):
            await town.ask(operation, bookmark=other, **LOBBY)
        with pytest.raises(InvalidBookmark):
            await town.ask(operation, bookmark="nonsense", **LOBBY)
        with pytest.raises(OperatorError, match="Neither a bookmark nor a time"):
            await town.ask(operation, **LOBBY)
    assert await town.room().get("x") == 1


async def test_a_state_before_there_was_any_is_an_empty_one(town: Town) -> None:
    time_ms = town.clock.time_ms()
    town.clock.advance(60)
    await town.room().put(x=1)
    try:
        result = await town.ask("preview", time_ms=time_ms, **LOBBY)
    except HistoryUnavailable:
        pytest.fail("an actor that was begun in the history that is kept has a beginning")
    assert (result["exists"], result["existed"]) == (True, False)


async def test_a_damaged_actor_is_mended_from_its_history(town: Town) -> None:
    await town.room().put(x=1)
    then = (await town.ask("bookmarks", **LOBBY))["current"]
    town.evict()
    path = town.house.layout.actor_file(KEY, town.id_of().raw)
    path.write_bytes(path.read_bytes()[:100] + b"x" * 12_188)
    with pytest.raises(ActorQuarantined):
        await town.room().get("x")
        await town.room().get("x")
    result = await town.ask("preview", bookmark=then, **LOBBY)
    assert (result["exists"], result["existed"]) == (True, True)
    assert "malformed" in result["damage"]
    await town.ask("restore", bookmark=then, **LOBBY)
    assert await town.room().get("x") == 1
