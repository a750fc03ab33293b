"""Backups: whole data directories that start, of a directory that is written to all the time."""

import asyncio
import errno
from pathlib import Path
from typing import Any

import pytest

from perdure.runtime.control.stopped import open_stopped
from perdure.runtime.host.operations.errors import TargetUnusable
from perdure.runtime.host.operations.table import run
from perdure.storage.log_hold import nobody_holds
from tests.failing import fails_with
from tests.town import KEY, Listener, Town

ROOMS = 8


async def write_until(done: asyncio.Event, town: Town, name: str) -> list[int]:
    """Write pairs of numbers that must never be seen apart; return the last one acknowledged."""
    number = 0
    acknowledged = [0]
    while not done.is_set():
        number += 1
        await town.room(name).sql(
            "INSERT INTO pairs VALUES (?1, 'a', zeroblob(3000)), (?1, 'b', zeroblob(3000))", number
        )
        acknowledged[0] = number
    return acknowledged


async def content(town: Town, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await town.room(name).sql(
        "SELECT number, count(*) AS halves FROM pairs GROUP BY number ORDER BY number"
    )
    return found


async def test_a_backup_made_while_all_is_written_to_holds_what_was_acknowledged(
    town: Town, tmp_path: Path
) -> None:
    names = [f"room {number}" for number in range(ROOMS)]
    for name in names:
        await town.room(name).sql("CREATE TABLE pairs (number INT, half, filler)")
        await town.room(name).set_alarm(town.clock.time_ms() + 3_600_000)
    done = asyncio.Event()
    writers = [asyncio.ensure_future(write_until(done, town, name)) for name in names]
    lasts: dict[Path, dict[str, int]] = {}
    for _ in range(3):
        await asyncio.sleep(0)
        town.store.shorten()
        before = {name: len(await content(town, name)) for name in names}
        target = tmp_path / f"backup {len(lasts)}"
        listener = Listener()
        await run(town.house, "backup", {"target": str(target)}, listener)
        lasts[target] = before
    done.set()
    await asyncio.gather(*writers)
    assert listener.done
    for target, before in lasts.items():
        async with Town(target) as copy:
            for name in names:
                rows = await content(copy, name)
                assert [row["number"] for row in rows] == list(range(1, len(rows) + 1))
                assert {row["halves"] for row in rows} <= {2}
                assert len(rows) >= before[name]
                assert await copy.room(name).sql("PRAGMA quick_check") == [{"quick_check": "ok"}]
                raw = copy.id_of(name).raw
                assert copy.house.times.get(KEY, raw) == town.clock.time_ms() + 3_600_000


async def test_a_copy_has_the_trash_the_history_and_what_was_replaced(
    town: Town, tmp_path: Path
) -> None:
    lobby = {"namespace": "Room", "name": "lobby"}
    await town.room().put(x=1)
    then = (await town.ask("bookmarks", **lobby))["current"]
    await town.room().put(x=2)
    await town.room("gone").put(x=3)
    await town.ask("delete", namespace="Room", name="gone")
    await town.ask("restore", bookmark=then, **lobby)
    result = await town.ask("backup", target=str(tmp_path / "copy"))
    assert result["files"] >= 2
    assert result["size_bytes"] > 0
    async with Town(tmp_path / "copy") as copy:
        assert await copy.room().get("x") == 1
        assert len(await copy.items("bookmarks", **lobby)) >= 3
        await copy.room().put(x=5)
        assert (await copy.items("bookmarks", **lobby))[0]["bookmark"] > then
        await copy.ask("bring-back", namespace="Room", name="gone")
        assert await copy.room("gone").get("x") == 3


async def test_a_stopped_directory_is_backed_up_too(tmp_path: Path) -> None:
    async with Town(tmp_path / "data") as town:
        await town.room().put(x=1)
    async with open_stopped(tmp_path / "data", {}) as house:
        await run(house, "backup", {"target": str(tmp_path / "copy")}, Listener())
    async with Town(tmp_path / "copy") as copy:
        assert await copy.room().get("x") == 1


async def test_no_place_that_has_something_in_it_is_written_to(town: Town, tmp_path: Path) -> None:
    with pytest.raises(TargetUnusable, match="inside the data directory"):
        await town.ask("backup", target=str(town.root / "copy"))
    with pytest.raises(TargetUnusable, match="is there already"):
        await town.ask("backup", target=str(tmp_path))


async def test_what_could_not_be_finished_is_no_data_directory(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await town.room().put(x=1)
    monkeypatch.setattr(
        "perdure.runtime.host.operations.backing_up.copy_catalog", fails_with(errno.ENOSPC)
    )
    with pytest.raises(TargetUnusable, match="No space left on device"):
        await town.ask("backup", target=str(tmp_path / "copy"))
    assert list((tmp_path / "copy").iterdir()) == []
    with nobody_holds(town.store.log._directory) as is_free:
        assert is_free
