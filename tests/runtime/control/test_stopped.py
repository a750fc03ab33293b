"""A directory that no server has, opened without its program."""

import os
import shutil
from pathlib import Path

import pytest

from perdure.runtime.control.stopped import open_stopped
from perdure.runtime.host.operations.errors import OperatorError
from perdure.runtime.host.operations.table import run
from perdure.storage.directory import DataDirectory
from perdure.storage.errors import DirectoryInUse
from tests.town import KEY, Listener, Town


async def test_it_holds_the_lock_and_knows_the_bindings(tmp_path: Path) -> None:
    async with Town(tmp_path) as town:
        await town.room().put(a=1)
        await town.room().set_alarm(5_000_000_000)
    async with open_stopped(tmp_path, {"ROOM": "Room", "OTHER": "Other"}) as house:
        assert house.bindings == {"ROOM": KEY}
        assert not house.is_serving
        with pytest.raises(DirectoryInUse):
            DataDirectory.open(tmp_path)
        found = await run(house, "show", {"namespace": "ROOM", "name": "lobby"}, Listener())
        assert (found["keys"], found["alarm_ms"], found["is_live"]) == (1, 5_000_000_000, False)
    DataDirectory.open(tmp_path).close()


async def test_what_a_killed_server_left_in_the_log_is_there(tmp_path: Path) -> None:
    async with Town(tmp_path / "data") as town:
        await town.room().put(a=1)
        shutil.copytree(town.root, tmp_path / "killed")
    async with open_stopped(tmp_path / "killed", {}) as house:
        assert house.store.recovered.records == 1
        found = await run(house, "show", {"namespace": "Room", "name": "lobby"}, Listener())
        assert found["keys"] == 1


async def test_what_is_written_is_there_for_the_server(tmp_path: Path) -> None:
    async with Town(tmp_path) as town:
        await town.room().sql("CREATE TABLE t (a)")
    async with open_stopped(tmp_path, {}) as house:
        query = "INSERT INTO t VALUES (1)"
        arguments = {"namespace": "Room", "name": "lobby", "query": query, "write": True}
        assert (await run(house, "sql", arguments, Listener()))["rows_written"] == 1
    async with Town(tmp_path) as town:
        assert await town.room().sql("SELECT a FROM t") == [{"a": 1}]


async def test_a_directory_of_an_earlier_format_is_not_changed(tmp_path: Path) -> None:
    before = '{"format": 1, "engine": "sqlite-full", "page_size_bytes": 4096}'
    (tmp_path / "FORMAT").write_text(before)
    with pytest.raises(OperatorError, match="has format 1") as raised:
        async with open_stopped(tmp_path, {}):
            pass
    assert "no way back" in raised.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["FORMAT"]


async def test_root_leaves_nothing_that_the_owner_could_not_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Town(tmp_path):
        pass
    owner = tmp_path.stat().st_uid
    real = Path.stat

    def stat(self: Path, **options: bool) -> object:
        found = real(self, **options)
        return os.stat_result((*found[:4], 4242, *found[5:])) if self == tmp_path else found

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", stat)
        with pytest.raises(OperatorError, match="belongs to user 4242") as raised:
            async with open_stopped(tmp_path, {}):
                pass
    assert raised.value.hint == "Ask as that user: sudo -u '#4242' perdure ..."
    if owner == 0:
        async with open_stopped(tmp_path, {}):
            pass
