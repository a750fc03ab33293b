"""The control socket: who may open it, and what becomes of what is asked there."""

import asyncio
import logging
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from perdure.runtime.control.client import operate_on
from perdure.runtime.control.desk import Desk
from perdure.runtime.control.protocol import OperationFailed
from perdure.runtime.control.server import ControlServer
from perdure.runtime.host.operations import table
from perdure.runtime.host.operations.house import House, Told, Values
from perdure.runtime.host.operations.listing import ListArguments
from perdure.storage.errors import StorageError
from tests.runtime.shards.operations.copying import EndlessCopying
from tests.town import Listener, Town
from tests.wire import PATIENCE_S


@pytest.fixture
async def control(town: Town) -> AsyncIterator[ControlServer]:
    server = await ControlServer.start(Desk.of(town.house), town.root)
    yield server
    await server.close()


def replace_list(monkeypatch: pytest.MonkeyPatch, run: object) -> None:
    operations = {**table.OPERATIONS, "list": table.Operation(ListArguments, run)}  # type: ignore[arg-type]
    monkeypatch.setattr(table, "OPERATIONS", operations)


@pytest.mark.usefixtures("control")
def test_nobody_else_may_open_it_whatever_the_umask(town: Town) -> None:
    mode = (town.root / "control.sock").stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


async def test_it_has_that_mode_when_its_name_appears(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []
    real = socket.socket.listen

    def listen(self: socket.socket, *backlog: int) -> None:
        if self.family == socket.AF_UNIX:
            modes.append(stat.S_IMODE((town.root / "control.sock").stat().st_mode))
        real(self, *backlog)

    before = os.umask(0)
    try:
        monkeypatch.setattr(socket.socket, "listen", listen)
        server = await ControlServer.start(Desk.of(town.house), town.root)
        modes.append(stat.S_IMODE((town.root / "control.sock").stat().st_mode))
    finally:
        os.umask(before)
    assert set(modes) == {0o600}
    await server.close()
    assert not (town.root / "control.sock").exists()


async def test_what_a_killed_server_left_is_replaced(town: Town) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(town.root / "control.sock"))
    left.close()
    server = await ControlServer.start(Desk.of(town.house), town.root)
    async with operate_on(town.root, {}) as operations:
        assert operations.is_running
        assert (await operations.run("list", {}, Listener()))["count"] == 0
    await server.close()


async def test_a_file_of_that_name_is_left_alone(town: Town) -> None:
    (town.root / "control.sock").write_text("mine")
    with pytest.raises(StorageError, match="is no socket"):
        await ControlServer.start(Desk.of(town.house), town.root)
    assert (town.root / "control.sock").read_text() == "mine"


async def test_a_path_too_long_for_a_socket_makes_no_difference(tmp_path: Path) -> None:
    async with Town(tmp_path / ("x" * 150) / "data") as town:
        await town.room().put(a=1)
        server = await ControlServer.start(Desk.of(town.house), town.root)
        async with operate_on(town.root, {}) as operations:
            assert operations.is_running
            assert (await operations.run("list", {}, Listener()))["count"] == 1
        await server.close()
        assert not (town.root / "control.sock").exists()


@pytest.mark.usefixtures("control")
async def test_items_progress_and_results_come_in_order(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(house: House, arguments: ListArguments, told: Told) -> Values:
        del house, arguments
        await told.progress("Working", 1, 2)
        await told.progress("Working", 2, 2)  # too soon after the first to be worth a message
        for number in range(1000):
            await told.item({"number": number, "blob": b"x" * 1000})
        return {"done": True}

    replace_list(monkeypatch, work)
    listener = Listener()
    async with operate_on(town.root, {}) as operations:
        assert await operations.run("list", {}, listener) == {"done": True}
    assert listener.done == [("Working", 1, 2)]
    assert [item["number"] for item in listener.items] == list(range(1000))


@pytest.mark.usefixtures("control")
async def test_a_failure_arrives_with_its_advice(town: Town) -> None:
    async with operate_on(town.root, {}) as operations:
        with pytest.raises(OperationFailed) as raised:
            await operations.run("show", {"namespace": "Romm", "name": "a"}, Listener())
    failure = raised.value.failure
    assert (failure.kind, failure.is_usage) == ("NoSuchNamespace", True)
    assert failure.hint == 'Did you mean "Room"?'


@pytest.mark.usefixtures("control")
async def test_a_bug_is_in_the_log_and_told_as_one(
    town: Town, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(*_: object) -> Values:
        raise KeyError("a bug")

    replace_list(monkeypatch, work)
    async with operate_on(town.root, {}) as operations:
        with pytest.raises(OperationFailed, match="bug of its own: KeyError"):
            await operations.run("list", {}, Listener())
    assert "operation.failed" in caplog.text
    assert caplog.records[-1].levelno == logging.ERROR


@pytest.mark.usefixtures("control")
async def test_an_operation_ends_when_nobody_waits_for_it(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work(*_: object) -> Values:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return {}

    replace_list(monkeypatch, work)
    async with operate_on(town.root, {}) as operations:
        asking = asyncio.ensure_future(operations.run("list", {}, Listener()))
        await begun.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await asyncio.wait_for(ended.wait(), PATIENCE_S)


async def test_who_asks_is_told_when_the_server_goes(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()

    async def work(*_: object) -> Values:
        begun.set()
        await asyncio.Event().wait()
        return {}

    replace_list(monkeypatch, work)
    server = await ControlServer.start(Desk.of(town.house), town.root)
    async with operate_on(town.root, {}) as operations:
        asking = asyncio.ensure_future(operations.run("list", {}, Listener()))
        await begun.wait()
        await server.close()
        with pytest.raises(OperationFailed, match="ended before it had answered"):
            await asking


async def test_a_backup_ends_when_the_server_does_and_who_asked_is_told_why(
    town: Town, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    copying = EndlessCopying(monkeypatch)
    server = await ControlServer.start(Desk.of(town.house), town.root)
    async with operate_on(town.root, {}) as operations:
        target = tmp_path / "copy"
        asking = asyncio.ensure_future(
            operations.run("backup", {"target": str(target)}, Listener())
        )
        await copying.begun.wait()
        await server.close()
        with pytest.raises(OperationFailed, match="given up") as caught:
            await asking
    assert "Ask again" in caught.value.failure.hint
    assert copying.has_ended
    assert list(target.iterdir()) == []


@pytest.mark.usefixtures("control")
async def test_a_browser_that_finds_the_socket_can_do_nothing_with_it(town: Town) -> None:
    connector = aiohttp.UnixConnector(str(town.root / "control.sock"))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get("http://perdure/list") as response,
    ):
        assert response.status == 405
