"""Lists of actors: each that has stored something, once, with its name."""

from typing import Any

import pytest

from perdure.runtime.host.operations import listing
from perdure.storage.kv import KeyValue
from tests.town import KEY, Town, slow_disk


async def names(town: Town, **arguments: Any) -> list[str | None]:
    return sorted(item["name"] for item in await town.items("list", **arguments))


async def test_names_are_known_of_live_and_of_evicted_actors(town: Town) -> None:
    await town.room("a").put(x=1)
    town.evict()
    await town.room("b").put(x=1)
    await town.room("c").get("x")  # stores nothing
    assert await names(town) == ["a", "b"]
    assert await names(town, namespace="Room") == ["a", "b"]


async def test_an_item_says_what_matters(town: Town) -> None:
    alarm_ms = town.clock.time_ms() + 60_000
    await town.room("a").set_alarm(alarm_ms)
    (item,) = await town.items("list")
    assert item.pop("size_bytes") >= 12_288
    assert item.pop("written_ms") > 0
    assert item == {
        "namespace": "Room",
        "unique_key": KEY,
        "id": str(town.id_of("a")),
        "name": "a",
        "alarm_ms": alarm_ms,
        "is_live": True,
    }


async def test_the_name_is_stored_with_the_first_write_in_the_same_record(town: Town) -> None:
    before = town.store.log.appended_lsn
    await town.room("a").put(x=1)
    assert town.store.log.appended_lsn == before + 1
    await town.room("a").put(x=2)
    assert town.store.log.appended_lsn == before + 2
    town.evict()
    (item,) = await town.items("list")
    assert (item["name"], item["is_live"]) == ("a", False)


async def test_an_actor_that_is_only_read_stores_no_name(town: Town) -> None:
    await town.room("a").sql("SELECT 1")
    town.evict()
    assert await town.items("list") == []


async def test_an_actor_without_a_name_has_none(town: Town) -> None:
    unnamed = town.rooms.new_unique_id()
    await town.rooms.get(unnamed).put(x=1)
    town.evict()
    (item,) = await town.items("list")
    assert (item["id"], item["name"]) == (str(unnamed), None)


async def test_what_is_in_the_log_and_not_in_the_file_is_listed(town: Town) -> None:
    await town.room("a").put(x=1)
    town.evict()
    actor = town.house.layout.actor_file(KEY, town.id_of("a").raw)
    with slow_disk():
        with town.host.custody.borrow(KEY, town.id_of("a").raw) as database:
            KeyValue(database).put("y", 1)
            database.commit()
        assert actor.with_name(actor.name + "-wal").exists()
        assert await names(town) == ["a"]


async def test_patterns_fit_names_and_ids(town: Town) -> None:
    for name in ("user-1", "user-2", "admin"):
        await town.room(name).put(x=1)
    assert await names(town, match="user-*") == ["user-1", "user-2"]
    assert await names(town, match=str(town.id_of("admin")).upper()[:12] + "*") == ["admin"]
    assert await names(town, match="nobody") == []


async def test_a_limit_says_whether_there_are_more(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_BATCH_FILES", 2)
    for number in range(5):
        await town.room(str(number)).put(x=1)
    assert await town.ask("list", limit=5) == {"count": 5, "has_more": False}
    assert await town.ask("list", limit=4) == {"count": 4, "has_more": True}
    items = await town.items("list", limit=2)
    rest = await town.items("list", after=items[-1]["id"])
    assert len(items) + len(rest) == 5


async def test_a_damaged_file_is_listed_all_the_same(town: Town) -> None:
    await town.room("a").put(x=1)
    town.evict()
    path = town.house.layout.actor_file(KEY, town.id_of("a").raw)
    data = path.read_bytes()
    path.write_bytes(data[:100] + b"x" * (len(data) - 100))
    path.with_name(path.name + "-wal").touch()
    (item,) = await town.items("list")
    assert (item["id"], item["name"]) == (str(town.id_of("a")), None)
