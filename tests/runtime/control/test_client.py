"""Which way the operator's command takes to a data directory."""

import os
import socket
from pathlib import Path

import pytest

from perdure.runtime.control.client import check_has_data, is_answering, operate_on
from perdure.runtime.control.protocol import OperationFailed
from tests.town import Listener, Town


async def failure_at(path: Path) -> OperationFailed:
    with pytest.raises(OperationFailed) as raised:
        async with operate_on(path, {}):
            pass
    return raised.value


async def test_nothing_is_made_where_there_is_no_data(tmp_path: Path) -> None:
    error = await failure_at(tmp_path / "none")
    assert str(error) == f"{tmp_path}/none does not exist"
    assert error.failure.is_usage
    assert "--data" in error.failure.hint
    assert str(await failure_at(tmp_path)) == f"{tmp_path} holds no data of perdure"
    assert list(tmp_path.iterdir()) == []


async def test_a_directory_without_a_server_is_opened(tmp_path: Path) -> None:
    async with Town(tmp_path / "data") as town:
        await town.room().put(a=1)
    async with operate_on(tmp_path / "data", {}) as operations:
        assert not operations.is_running
        listener = Listener()
        assert (await operations.run("list", {}, listener))["count"] == 1
        assert listener.items[0]["name"] == "lobby"
        with pytest.raises(OperationFailed, match="no namespace"):
            await operations.run("show", {"namespace": "x", "name": "a"}, Listener())


async def test_a_directory_that_is_held_by_somebody_who_does_not_answer(town: Town) -> None:
    error = await failure_at(town.root)
    assert f"is in use by process {os.getpid()}" in str(error)
    assert "does not answer" in error.failure.hint


async def test_a_server_that_is_wanted_may_be_on_its_way(tmp_path: Path) -> None:
    async with Town(tmp_path / "data"):
        with pytest.raises(OperationFailed, match=f"in use by process {os.getpid()}") as raised:
            async with operate_on(tmp_path / "data", {}, needs_server=True):
                pass
        assert "starts or stops there just now" in raised.value.failure.hint
    with pytest.raises(OperationFailed, match="No server runs"):
        async with operate_on(tmp_path / "data", {}, needs_server=True):
            pass


async def test_a_directory_that_cannot_be_used_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "FORMAT").write_text('{"format": 99, "engine": "other"}')
    check_has_data(tmp_path)
    assert "has format 99" in str(await failure_at(tmp_path))


async def test_only_a_socket_with_somebody_behind_it_answers(tmp_path: Path) -> None:
    assert not await is_answering(tmp_path)
    path = tmp_path / "control.sock"
    path.touch()
    assert not await is_answering(tmp_path)
    path.unlink()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    assert not await is_answering(tmp_path)
    listener.listen()
    assert await is_answering(tmp_path)
    listener.close()
    assert not await is_answering(tmp_path)
