"""What a mounted program, or an application in an actor, says waits for the disk as well.

The server is the test: it hands the messages over and sees what is given to it.
"""

import asyncio
from pathlib import Path
from typing import Any

import pytest

import perdure
from perdure.runtime.embedded.asgi_application import AsgiApplication
from tests.durability.conftest import HeldDisk
from tests.serving import Serving
from tests.world import turns

pytestmark = pytest.mark.inline("the test holds up the disk of its own process")

MAIN = """
from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint
from perdure.gateway import asgi

class Room(DurableObject):
    async def fetch(self, request):
        if request.is_upgrade:
            client, server = WebSocketPair()
            self.ctx.accept_web_socket(server)
            return Response(None, status=101, web_socket=client)
        return await asgi.fetch(self.app, request)

    async def app(self, scope, receive, send):
        await self.ctx.storage.put("x", scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"written"})

    async def web_socket_message(self, ws, message):
        await self.ctx.storage.put("x", message)
        ws.send(f"written {message}")

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await self.env.ROOM.get_by_name("a").fetch(request)
"""


class Connection:
    """One connection of the server."""

    def __init__(self, app: AsgiApplication, kind: str) -> None:
        self.said: asyncio.Queue[Any] = asyncio.Queue()
        self.given: list[Any] = []
        scheme = "ws" if kind == "websocket" else "http"
        scope: dict[str, Any] = {
            "type": kind,
            "method": "GET",
            "scheme": scheme,
            "path": "/",
            "headers": [],
        }
        scope |= {"query_string": b"", "client": None, "server": ("test", 80)}
        self.task = asyncio.create_task(app(scope, self.said.get, self._send))

    async def _send(self, message: Any) -> None:
        self.given.append(message["type"])
        self.given += [message[name] for name in ("text", "body") if name in message]


@pytest.fixture
def app(tmp_path: Path) -> AsgiApplication:
    return perdure.asgi(Serving(tmp_path).write(MAIN, objects=["Room"]))


async def test_a_frame_is_given_to_the_server_when_it_may_leave(
    app: AsgiApplication, disk: HeldDisk
) -> None:
    async with app.lifespan():
        connection = Connection(app, "websocket")
        connection.said.put_nowait({"type": "websocket.connect"})
        while connection.given != ["websocket.accept"]:
            await asyncio.sleep(0)
        disk.is_held = True
        connection.said.put_nowait({"type": "websocket.receive", "text": "a"})
        await disk.is_reached()
        assert connection.given == ["websocket.accept"]
        disk.let_all_go()
        while len(connection.given) < 3:
            await asyncio.sleep(0)
        assert connection.given[1:] == ["websocket.send", "written a"]
        connection.said.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await connection.task


async def test_an_answer_of_an_application_in_an_actor_waits(
    app: AsgiApplication, disk: HeldDisk
) -> None:
    async with app.lifespan():
        disk.is_held = True
        connection = Connection(app, "http")
        await disk.is_reached()
        await turns()
        assert connection.given == []
        disk.let_all_go()
        await connection.task
        assert connection.given == ["http.response.start", "http.response.body", b"written"]
