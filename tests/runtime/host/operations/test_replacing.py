"""Imports and forks: other data for an actor, whoever is using it."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from perdure.actors.errors import ActorReset
from perdure.runtime.host.operations.errors import ActorExists, NoSuchActor, SourceUnusable
from perdure.runtime.host.operations.replacing import finish
from perdure.storage.bookmark import Bookmark
from perdure.storage.errors import DatabaseFailed
from tests.town import KEY, Room, Town
from tests.world import turns


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)")
    connection.close()
    return path


async def take(town: Town, source: Path, **more: Any) -> dict[str, Any]:
    arguments = {"namespace": "Room", "name": "lobby", "source": str(source), **more}
    return await town.ask("import", **arguments)


def drafts(town: Town) -> list[str]:
    return [path.name for path in town.house.layout.drafts_dir.glob("*.draft")]


async def test_a_foreign_file_becomes_a_new_actor(town: Town, source: Path) -> None:
    result = await take(town, source)
    assert result.pop("size_bytes") > 0
    assert result == {
        "namespace": "Room",
        "id": str(town.id_of()),
        "name": "lobby",
        "undo": None,
    }
    assert await town.room().sql("SELECT a FROM t") == [{"a": 1}, {"a": 2}]
    await town.room().put(x=1)
    assert await town.room().get("x") == 1
    assert drafts(town) == []


async def test_an_actor_that_exists_is_replaced_only_if_that_is_meant(
    town: Town, source: Path
) -> None:
    await town.room().put(x=1)
    with pytest.raises(ActorExists, match="Room lobby exists already"):
        await take(town, source)
    assert await town.room().get("x") == 1
    undo = (await take(town, source, force=True))["undo"]
    assert await town.room().get("x") is None
    assert len(await town.room().sql("SELECT a FROM t")) == 2
    await town.ask("restore", namespace="Room", name="lobby", bookmark=undo)
    assert await town.room().get("x") == 1


async def test_an_export_comes_back_with_its_keys_and_its_alarm(town: Town, tmp_path: Path) -> None:
    time_ms = town.clock.time_ms() + 60_000
    await town.room().put(x=1)
    await town.room().set_alarm(time_ms)
    target = str(tmp_path / "a.sqlite")
    await town.ask("export", namespace="Room", name="lobby", target=target)
    for name, without in (("kitchen", False), ("attic", True)):
        await take(town, Path(target), name=name, without_alarm=without)
        assert await town.room(name).get("x") == 1
        assert await town.room(name).who() == name
        expected = None if without else time_ms
        assert town.house.times.get(KEY, town.id_of(name).raw) == expected
        (item,) = await town.items("list", match=name)
        assert (item["name"], item["alarm_ms"]) == (name, expected)


async def test_who_is_inside_is_told_and_who_comes_finds_the_new_data(
    town: Town, source: Path
) -> None:
    Room.over = asyncio.Event()
    inside = asyncio.ensure_future(town.room().in_transaction())
    await turns()
    await take(town, source, force=True)
    with pytest.raises(ActorReset, match="the operator has imported other data"):
        await inside
    assert len(await town.room().sql("SELECT a FROM t")) == 2


async def test_what_cannot_be_imported_changes_nothing(town: Town, tmp_path: Path) -> None:
    await town.room().put(x=1)
    with pytest.raises(SourceUnusable):
        await take(town, tmp_path / "none", force=True)
    (tmp_path / "bad").write_text("no database" * 1000)
    with pytest.raises(DatabaseFailed):
        await take(town, tmp_path / "bad", force=True)
    assert await town.room().get("x") == 1
    assert drafts(town) == []


@pytest.mark.parametrize("with_alarm", [False, True])
async def test_a_fork_is_a_copy_under_another_name(town: Town, with_alarm: bool) -> None:
    time_ms = town.clock.time_ms() + 60_000
    await town.room().put(x=1)
    await town.room().set_alarm(time_ms)
    result = await town.ask(
        "fork", namespace="Room", name="lobby", to="copy", with_alarm=with_alarm
    )
    assert (result["name"], result["undo"]) == ("copy", None)
    await town.room().put(x=2)
    assert await town.room("copy").get("x") == 1
    assert await town.room("copy").who() == "copy"
    found = await town.ask("show", namespace="Room", name="copy")
    assert found["alarm_ms"] == (time_ms if with_alarm else None)
    assert found["name"] == "copy"
    with pytest.raises(ActorExists):
        await town.ask("fork", namespace="Room", name="lobby", to="copy")
    await town.ask("fork", namespace="Room", name="lobby", to="copy", force=True)
    assert await town.room("copy").get("x") == 2
    assert drafts(town) == []


async def test_nobody_is_not_forked_and_nobody_onto_itself(town: Town) -> None:
    with pytest.raises(NoSuchActor):
        await town.ask("fork", namespace="Room", name="lobby", to="copy")
    await town.room().put(x=1)
    with pytest.raises(ActorExists, match="the object itself"):
        await town.ask("fork", namespace="Room", name="lobby", to="lobby", force=True)


async def test_what_was_begun_is_brought_to_its_end_though_nobody_waits() -> None:
    go_on = asyncio.Event()
    done = []

    async def work() -> Bookmark:
        await go_on.wait()
        done.append(True)
        return Bookmark(1, 1, 1)

    waiting = asyncio.ensure_future(finish(work()))
    await turns()
    waiting.cancel()
    await turns()
    assert not waiting.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert done == [True]
