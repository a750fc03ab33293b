"""Backups of a directory that several workers write to all the time."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from perdure.runtime.control.protocol import GIVEN_UP, OperationFailed
from perdure.runtime.control.stopped import open_stopped
from perdure.runtime.host.operations.errors import TargetUnusable
from perdure.runtime.host.operations.house import House
from perdure.runtime.host.operations.table import run
from tests.runtime.shards.operations.copying import EndlessCopying
from tests.runtime.shards.operations.crew import worker
from tests.runtime.shards.operations.twins import Twins
from tests.town import Listener

NAMES = [f"room {number}" for number in range(8)]
LATER_MS = 4_000_000_000_000


@pytest.fixture
async def twins(tmp_path: Path) -> AsyncIterator[Twins]:
    async with Twins(tmp_path / "data") as twins:
        yield twins


async def write_until(done: asyncio.Event, twins: Twins, name: str) -> None:
    """Write pairs of numbers that must never be seen apart."""
    number = 0
    while not done.is_set():
        number += 1
        await twins.room(name).sql(
            "INSERT INTO pairs VALUES (?1, 'a', zeroblob(3000)), (?1, 'b', zeroblob(3000))", number
        )


async def rows_of(house: House, name: str, query: str) -> list[Any]:
    listener = Listener()
    await run(house, "sql", {"namespace": "Room", "name": name, "query": query}, listener)
    return [item["row"] for item in listener.items[1:]]


async def test_a_copy_holds_what_was_acknowledged_by_all_workers(
    twins: Twins, tmp_path: Path
) -> None:
    for name in NAMES:
        await twins.room(name).sql("CREATE TABLE pairs (number INT, half, filler)")
        await twins.room(name).set_alarm(LATER_MS)
    done = asyncio.Event()
    writers = [asyncio.ensure_future(write_until(done, twins, name)) for name in NAMES]
    before: dict[str, int] = {}
    for turn in range(2):
        for town in twins.towns.values():
            town.store.shorten()
        query = "SELECT count(DISTINCT number) AS n FROM pairs"
        for name in NAMES:
            [row] = await twins.room(name).sql(query)
            before[name] = row["n"]
        listener = Listener()
        result = await twins.ask("backup", listener, target=str(tmp_path / f"copy {turn}"))
        assert result["files"] >= len(NAMES)
        assert listener.done
    done.set()
    await asyncio.gather(*writers)
    async with open_stopped(tmp_path / "copy 1", {}) as house:
        listener = Listener()
        assert (await run(house, "verify", {}, listener))["findings"] == 0, listener.items
        for name in NAMES:
            query = "SELECT number, count(*) FROM pairs GROUP BY number ORDER BY number"
            found = await rows_of(house, name, query)
            assert len(found) >= before[name]
            assert found == [[number, 2] for number in range(1, len(found) + 1)]
        listener = Listener()
        await run(house, "list", {}, listener)
        assert [item["alarm_ms"] for item in listener.items] == [LATER_MS] * len(NAMES)


async def test_actors_that_are_replaced_meanwhile_wait_or_are_there_whole(
    twins: Twins, tmp_path: Path
) -> None:
    for name in NAMES:
        await twins.room(name).put(state="old")
    restored = [
        asyncio.ensure_future(twins.ask("fork", namespace="Room", name=name, to=f"{name} again"))
        for name in NAMES
    ]
    await twins.ask("backup", target=str(tmp_path / "copy"))
    await asyncio.gather(*restored)
    for name in NAMES:
        assert await twins.room(f"{name} again").get("state") == "old"
    async with open_stopped(tmp_path / "copy", {}) as house:
        assert (await run(house, "verify", {}, Listener()))["findings"] == 0


async def test_a_worker_that_goes_ends_the_backup_and_nothing_is_left_of_it(
    twins: Twins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await twins.room().put(a=1)
    begun = asyncio.Event()

    async def copying(*_: object) -> tuple[int, int]:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr("perdure.runtime.host.operations.backing_up._copy", copying)
    target = tmp_path / "copy"
    asking = asyncio.ensure_future(twins.ask("backup", target=str(target)))
    await begun.wait()
    await twins.crew.end(worker("1"))
    with pytest.raises(OperationFailed, match="worker 1 ended"):
        await asking
    assert list(target.iterdir()) == []
    assert not twins.towns["0"].house.no_backup.locked()


async def test_a_worker_that_is_replaced_does_not_wait_for_a_backup(
    twins: Twins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clients wait for its successor."""
    copying = EndlessCopying(monkeypatch)
    target = tmp_path / "copy"
    asking = asyncio.ensure_future(twins.ask("backup", target=str(target)))
    await copying.begun.wait()
    await twins.crew.drain(worker("1"))
    with pytest.raises(OperationFailed, match="given up") as caught:
        await asking
    assert caught.value.failure.kind == GIVEN_UP
    assert copying.has_ended, "what copies has ended before what it copied is deleted"
    assert list(target.iterdir()) == []
    assert not twins.towns["0"].house.no_backup.locked()


async def test_a_place_that_is_taken_is_refused(twins: Twins, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "file").touch()
    with pytest.raises(TargetUnusable, match="is there already"):
        await twins.ask("backup", target=str(tmp_path / "copy"))
