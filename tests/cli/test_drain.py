"""``perdure drain`` beside servers of both shapes."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest
from click.testing import Result

from tests.cli.data import furnish
from tests.cli.process import Start

Invoke = Callable[..., Result]


def test_where_nothing_serves_there_is_nothing_to_drain(invoke: Invoke, tmp_path: Path) -> None:
    furnish(tmp_path / "data", a=1)
    result = invoke("drain", "--data", tmp_path / "data")
    assert result.exit_code == 2
    assert "No server runs" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
async def test_it_returns_when_the_server_has_ended(start: Start, workers: int) -> None:
    server = await start("serve", "--port", 0, "--workers", workers)
    url = await server.ready()
    async with aiohttp.ClientSession() as session:
        ws = await session.ws_connect(f"{url}/ws")
        await ws.receive_str(timeout=20)
        draining = asyncio.create_task((await start("drain", "--json")).ended())
        assert (await ws.receive(timeout=20)).data == 1001
        ended = await draining
    told = json.loads(ended.out)
    assert (ended.code, told["pid"]) == (0, server.pid)
    stopped = await server.ended()
    assert stopped.code == 0
    assert "server.stopping signal=drain" in stopped.err


@pytest.mark.slow
async def test_a_worker_is_replaced_and_clients_stay(start: Start) -> None:
    url = await (await start("serve", "--port", 0, "--workers", 1)).ready()
    async with aiohttp.ClientSession() as session:
        ended = await (await start("drain", "--worker", 0, "--json")).ended()
        told = json.loads(ended.out)
        assert told["pid"] != told["successor_pid"]
        async with session.get(url) as response:
            assert await response.text() == "visit 1"
    ended = await (await start("drain", "--worker", 7)).ended()
    assert (ended.code, 'There is no worker "7"' in ended.err) == (2, True)


@pytest.mark.slow
async def test_a_server_of_one_process_has_no_workers(start: Start) -> None:
    await (await start("serve", "--workers", 0, "--port", 0)).ready()
    ended = await (await start("drain", "--worker", 0)).ended()
    assert (ended.code, "is one process" in ended.err) == (2, True)
