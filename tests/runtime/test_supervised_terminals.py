"""Terminals with a name, whose clients stay while their workers come and go."""

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.examples.sandbox.projects import check_wall
from tests.runtime.test_supervised import running
from tests.runtime.test_supervised_tunnels import kill_all
from tests.serving import Serving

DESK = """
    from perdure import Response, Sandbox, WorkerEntrypoint, get_sandbox

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            box = get_sandbox(self.env.SANDBOX, "one")
            if request.url.endswith("/end"):
                await box.destroy()
                return Response("ended")
            return await box.terminal(request, terminal_id="main")
"""


class Person:
    """Types, and looks."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def shown(self, text: bytes) -> None:
        whole = b""
        while text not in whole:
            message = await self.socket.receive(timeout=60)
            assert message.type in {aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT}, message
            whole += message.data if isinstance(message.data, bytes) else b""

    async def told(self) -> Any:
        while True:
            message = await self.socket.receive(timeout=60)
            assert message.type in {aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT}, message
            if isinstance(message.data, str):
                return json.loads(message.data)

    async def type(self, line: bytes) -> None:
        await self.socket.send_bytes(line + b"\n")


@pytest.mark.sandbox
async def test_a_person_types_on_when_a_worker_was_killed_or_replaced(
    serve: Serving, tmp_path: Path
) -> None:
    check_wall()
    config = serve.write(DESK, objects=["Sandbox"])
    async with (
        running(config, tmp_path / "data") as server,
        aiohttp.ClientSession() as session,
    ):
        person = Person(await session.ws_connect(f"{server.url}/socket"))
        assert await person.told() == {"type": "ready"}
        await person.type(b"x=still; echo $((40 + 2))")
        await person.shown(b"42\r\n")
        for number, happens in enumerate((kill_all, replace_all)):
            await happens(server)
            assert await person.told() == {"type": "ready", "again": True}
            await person.type(b"echo $x-here-$((%d + 1))" % number)
            await person.shown(b"still-here-%d\r\n" % (number + 1))
        async with session.get(f"{server.url}/end") as response:
            assert await response.text() == "ended"


async def replace_all(server: Any) -> None:
    await server.supervisor.replace_all(drain_s=30)
