"""Exports: plain files of one state, of actors that go on."""

import asyncio
import sqlite3
import stat
from pathlib import Path

import pytest

from perdure.actors.errors import ActorReset
from perdure.runtime.host.operations.errors import NoSuchActor, TargetUnusable
from perdure.storage import copying
from tests.town import KEY, Town


async def export(town: Town, target: Path, **more: object) -> dict[str, object]:
    return await town.ask("export", namespace="Room", name="lobby", target=str(target), **more)


def rows(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (count,) = connection.execute("SELECT count(*) FROM t").fetchone()
        return int(count)
    finally:
        connection.close()


@pytest.fixture
async def room(town: Town) -> None:
    await town.room().sql("CREATE TABLE t (a)")
    await town.room().sql("INSERT INTO t VALUES (zeroblob(500000)), (zeroblob(500000))")


@pytest.mark.usefixtures("room")
@pytest.mark.parametrize("is_evicted", [False, True])
async def test_the_file_is_plain_and_for_its_owner_only(
    town: Town, tmp_path: Path, is_evicted: bool
) -> None:
    if is_evicted:
        town.evict()
    target = tmp_path / "lobby.sqlite"
    result = await export(town, target)
    assert result == {
        "target": str(target),
        "size_bytes": target.stat().st_size,
        "namespace": "Room",
        "id": str(town.id_of()),
        "name": "lobby",
    }
    assert rows(target) == 2
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert town.is_live() is not is_evicted
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "lobby.sqlite"]


@pytest.mark.usefixtures("room")
async def test_the_actor_writes_meanwhile_and_starts_meanwhile(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "SLICE_S", 0.0)
    monkeypatch.setattr(copying, "_PAGES_AT_ONCE", 1)
    town.evict()
    exporting = asyncio.ensure_future(export(town, tmp_path / "a.sqlite"))
    await asyncio.sleep(0)
    written = 0
    while not exporting.done():
        await town.room().sql("INSERT INTO t VALUES (?)", written)
        written += 1
    await exporting
    assert written > 1
    assert 2 < rows(tmp_path / "a.sqlite") <= 2 + written
    assert town.store.log.durable_lsn == town.store.log.appended_lsn


@pytest.mark.usefixtures("room")
async def test_it_begins_again_when_the_actor_is_reset_meanwhile(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "SLICE_S", 0.0)
    monkeypatch.setattr(copying, "_PAGES_AT_ONCE", 1)
    exporting = asyncio.ensure_future(export(town, tmp_path / "a.sqlite"))
    for _ in range(10):
        await asyncio.sleep(0)
    actor = town.host.custody.find_actor(KEY, town.id_of().raw)
    assert actor is not None
    actor.break_(ActorReset("a test"))
    await exporting
    assert rows(tmp_path / "a.sqlite") == 2


@pytest.mark.usefixtures("room")
async def test_a_file_that_is_there_is_replaced_only_if_that_is_meant(
    town: Town, tmp_path: Path
) -> None:
    target = tmp_path / "a.sqlite"
    target.write_text("precious")
    with pytest.raises(TargetUnusable, match="is there already") as raised:
        await export(town, target)
    assert "--force" in raised.value.hint
    assert target.read_text() == "precious"
    await export(town, target, force=True)
    assert rows(target) == 2
    with pytest.raises(TargetUnusable, match="is there already"):
        await export(town, tmp_path, force=True)


@pytest.mark.usefixtures("room")
async def test_a_place_that_cannot_be_written_leaves_nothing(town: Town, tmp_path: Path) -> None:
    with pytest.raises(TargetUnusable, match="No such file or directory"):
        await export(town, tmp_path / "nowhere" / "a.sqlite")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


async def test_nobody_is_not_exported(town: Town, tmp_path: Path) -> None:
    with pytest.raises(NoSuchActor):
        await export(town, tmp_path / "a.sqlite")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]
