"""Clients of an actor are sent away, whether it is in memory or sleeps."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from perdure.runtime.control.client import operate_on
from perdure.runtime.control.protocol import OperationFailed
from perdure.runtime.control.stopped import open_stopped
from perdure.runtime.host.operations.errors import OperatorError
from perdure.runtime.host.operations.table import run
from tests.serving import Serving
from tests.town import Listener, Town

MAIN = """
    from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint

    class Room(DurableObject):
        async def fetch(self, request):
            if not request.is_upgrade:
                return Response.json(self.ctx.storage.kv.get("left") or [])
            client, server = WebSocketPair()
            tag = request.parsed_url.query["tag"]
            if tag == "plain":
                server.accept()
                server.on_close = lambda event: self.left(event.code, event.reason)
            else:
                self.ctx.accept_web_socket(server, [tag])
            return Response(None, status=101, web_socket=client)

        def web_socket_close(self, ws, code, reason, was_clean):
            self.left(code, reason)
            for other in self.ctx.get_web_sockets():
                other.send("somebody has left")

        def left(self, code, reason):
            self.ctx.storage.kv.put("left", [*(self.ctx.storage.kv.get("left") or []), [code, reason]])

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return await self.env.ROOM.get_by_name("lobby").fetch(request)
"""
LOBBY = {"namespace": "Room", "name": "lobby"}


async def closed(ws: aiohttp.ClientWebSocketResponse) -> tuple[int, str]:
    """What a client is told at the end."""
    async with asyncio.timeout(20):
        while (message := await ws.receive()).type is aiohttp.WSMsgType.TEXT:
            pass
    return message.data, message.extra or ""


async def left(session: aiohttp.ClientSession, url: str, count: int) -> Any:
    """What the actor has heard, when that is so much."""
    async with asyncio.timeout(20):
        while True:
            async with session.get(url) as response:
                if len(found := await response.json()) >= count:
                    return found


@pytest.mark.parametrize("is_asleep", [False, True])
async def test_all_or_those_with_a_tag(serve: Serving, *, is_asleep: bool) -> None:
    idle = "[perdure]\nidle_timeout_s = 0.01" if is_asleep else ""
    server = await serve(MAIN, objects=["Room"], toml=idle)
    data = server.config.base_dir / "data"
    async with aiohttp.ClientSession() as session, operate_on(data, {}) as operations:
        red, blue = [
            await session.ws_connect(f"{server.url}/?tag={tag}") for tag in ("red", "blue")
        ]
        if is_asleep:
            async with asyncio.timeout(20):
                while not server.statistics().actors_hibernated:
                    await asyncio.sleep(0)
        wanted = {**LOBBY, "tag": "red", "code": 4403, "reason": "enough"}
        assert (await operations.run("kick", wanted, Listener()))["closed"] == 1
        assert await closed(red) == (4403, "enough")
        assert await left(session, server.url, 1) == [[4403, "enough"]]
        assert (await operations.run("kick", wanted, Listener()))["closed"] == 0
        assert (await operations.run("kick", LOBBY, Listener()))["closed"] == 1
        assert await closed(blue) == (1008, "closed by the operator")
        assert len(await left(session, server.url, 2)) == 2
        for ws in (red, blue):
            await ws.close()


async def test_plain_sockets_hear_it_too(serve: Serving) -> None:
    server = await serve(MAIN, objects=["Room"])
    data = server.config.base_dir / "data"
    async with aiohttp.ClientSession() as session, operate_on(data, {}) as operations:
        ws = await session.ws_connect(f"{server.url}/?tag=plain")
        assert (await operations.run("kick", LOBBY, Listener()))["closed"] == 1
        assert await closed(ws) == (1008, "closed by the operator")
        assert await left(session, server.url, 1) == [[1008, "closed by the operator"]]
        await ws.close()
        with pytest.raises(OperationFailed, match="close code"):
            await operations.run("kick", {**LOBBY, "code": 1006}, Listener())
        with pytest.raises(OperationFailed, match="close reason"):
            await operations.run("kick", {**LOBBY, "reason": "x" * 200}, Listener())


async def test_an_actor_without_clients_has_none_to_close(town: Town) -> None:
    assert (await town.ask("kick", **LOBBY))["closed"] == 0


async def test_where_nothing_serves_there_is_nobody(tmp_path: Path) -> None:
    async with Town(tmp_path / "data"):
        pass
    async with open_stopped(tmp_path / "data", {}) as house:
        with pytest.raises(OperatorError, match="No server runs"):
            await run(house, "kick", LOBBY, Listener())
