"""What there is to know of one actor."""

import pytest

from perdure.runtime.host.operations import showing
from perdure.runtime.host.operations.errors import NoSuchActor
from tests.town import KEY, Town


async def test_everything_is_told_of_a_live_actor(town: Town) -> None:
    room = town.room()
    await room.put(a=1, b=2)
    await room.sql("CREATE TABLE t (x); INSERT INTO t VALUES (1), (2)")
    await room.set_alarm(town.clock.time_ms() + 5000)
    found = await town.ask("show", namespace="Room", name="lobby")
    assert found.pop("size_bytes") >= 12_288
    assert found.pop("bookmark") == str(town.store.history.current(KEY, town.id_of().raw))
    assert found == {
        "namespace": "Room",
        "unique_key": KEY,
        "id": str(town.id_of()),
        "name": "lobby",
        "path": str(town.house.layout.actor_file(KEY, town.id_of().raw)),
        "keys": 2,
        "keys_are_exact": True,
        "tables": [{"name": "t", "kind": "table", "rows": 2, "is_exact": True}],
        "alarm_ms": town.clock.time_ms() + 5000,
        "quarantine": None,
        "is_live": True,
        "sessions": 0,
        "events": 0,
    }


async def test_looking_at_an_actor_does_not_bring_it_to_life(town: Town) -> None:
    await town.room().put(a=1)
    town.evict()
    found = await town.ask("show", namespace="Room", id=str(town.id_of()))
    assert (found["name"], found["keys"], found["is_live"]) == ("lobby", 1, False)
    assert not town.is_live()


async def test_a_running_server_is_not_held_up_by_counting(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(showing, "ROWS_COUNTED_MAX", 1)
    room = town.room()
    await room.put(a=1, b=2)
    await room.sql("CREATE TABLE t (x); INSERT INTO t VALUES (1), (2)")
    found = await town.ask("show", namespace="Room", name="lobby")
    assert (found["keys"], found["keys_are_exact"]) == (1, False)
    assert found["tables"] == [{"name": "t", "kind": "table", "rows": 1, "is_exact": False}]
    exact = await town.ask("show", namespace="Room", name="lobby", exact=True)
    assert (exact["keys"], exact["tables"][0]["rows"]) == (2, 2)


async def test_nobody_is_not_shown(town: Town) -> None:
    with pytest.raises(NoSuchActor):
        await town.ask("show", namespace="Room", name="lobby")


async def test_an_actor_in_quarantine_is_shown_with_the_reason(town: Town) -> None:
    await town.room().put(a=1)
    town.evict()
    town.store.marks.set("quarantine", KEY, town.id_of().raw, {"problem": "page 2 is damaged"})
    found = await town.ask("show", namespace="Room", name="lobby")
    assert found["quarantine"] == "page 2 is damaged"
