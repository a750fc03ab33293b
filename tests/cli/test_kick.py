"""``perdure kick`` beside servers of both shapes."""

import json
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest
from click.testing import Result

from tests.cli.data import furnish
from tests.cli.process import Start

Invoke = Callable[..., Result]


def test_where_nothing_serves_there_is_nobody_to_kick(invoke: Invoke, tmp_path: Path) -> None:
    furnish(tmp_path / "data", a=1)
    result = invoke("kick", "Room", "a", "--data", tmp_path / "data")
    assert result.exit_code == 2
    assert "No server runs" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
async def test_clients_are_told_and_counted(start: Start, workers: int) -> None:
    url = await (await start("serve", "--port", 0, "--workers", workers)).ready()
    async with aiohttp.ClientSession() as session:
        ws = await session.ws_connect(f"{url}/ws")
        await ws.receive_str(timeout=20)
        ended = await (
            await start("kick", "Room", "a", "--code", 4403, "--reason", "enough")
        ).ended()
        assert ended.out == "Closed 1 WebSocket of Room a\n", ended
        message = await ws.receive(timeout=20)
        assert (message.type, message.data, message.extra) == (
            aiohttp.WSMsgType.CLOSE,
            4403,
            "enough",
        )
    ended = await (await start("kick", "Room", "b", "--json")).ended()
    assert json.loads(ended.out)["closed"] == 0
    ended = await (await start("kick", "Room", "a", "--code", 1005)).ended()
    assert ended.code == 2
    assert "Give 1000 to 4999" in ended.err
