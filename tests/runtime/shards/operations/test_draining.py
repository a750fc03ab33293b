"""One worker of a real server is drained, by who can see it."""

from pathlib import Path

import aiohttp
import pytest

from perdure.runtime.control.client import operate_on
from perdure.runtime.control.protocol import OperationFailed
from tests.runtime.test_supervised import MAIN, NAMES, get, pid_of, running
from tests.serving import Serving
from tests.town import Listener


async def test_a_worker_is_replaced_while_its_clients_stay(serve: Serving, tmp_path: Path) -> None:
    config = serve.write(MAIN, objects=["Room"])
    data = tmp_path / "data"
    async with (
        running(config, data) as server,
        aiohttp.ClientSession() as session,
        operate_on(data, {}) as operations,
    ):
        clients = [await session.ws_connect(f"{server.url}/{name}/socket") for name in NAMES]
        before = pid_of(server, "1")
        told = await operations.run("drain", {"worker": "1"}, Listener())
        assert told == {"worker": "1", "pid": before, "successor_pid": pid_of(server, "1")}
        assert told["pid"] != told["successor_pid"]
        for name, client in zip(NAMES, clients, strict=True):
            await client.send_str("hello")
            assert (await client.receive_str(timeout=60)).startswith("hello from ")
            kicked = await operations.run("kick", {"namespace": "Room", "name": name}, Listener())
            assert kicked["closed"] == 1
            assert (await client.receive(timeout=60)).data == 1008
        assert not server.stop_asked.done()
        for name in NAMES:
            await get(session, f"{server.url}/{name}/add")
        with pytest.raises(OperationFailed, match='no worker "5"') as raised:
            await operations.run("drain", {"worker": "5"}, Listener())
        assert "0, 1" in raised.value.failure.hint
        before = pid_of(server, "1")
        config.main.write_text("import nothing_of_that_name")
        with pytest.raises(OperationFailed, match="worker 1 was not replaced") as raised:
            await operations.run("drain", {"worker": "1"}, Listener())
        assert "nothing_of_that_name" in raised.value.failure.hint
        assert raised.value.failure.is_usage
        assert pid_of(server, "1") == before, "it goes on"
