"""A program that real clients talk to, and the clients."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvloop

from perdure.actors.watch import watch
from perdure.runtime.config.model import WorkerConfig
from perdure.runtime.server import Server
from tests.browser import chromium
from tests.clients.client import IN_NODE, IN_PYTHON, Client, InChromium, InNode
from tests.serving import SPLIT, Serving

# The last two parts of the path are the kind of socket and the room's name. Any other path is a
# page, of which a browser's WebSockets can come.
MAIN = """
    import asyncio
    from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint

    closes = asyncio.Queue()

    class Room(DurableObject):
        def __init__(self, ctx, env):
            super().__init__(ctx, env)
            self.number = (ctx.storage.kv.get("number") or 0) + 1
            ctx.storage.kv.put("number", self.number)

        async def fetch(self, request):
            query = request.parsed_url.query
            if not request.is_upgrade:
                return Response(str(self.ctx.broadcast(query["say"])))
            client, server = WebSocketPair()
            if request.parsed_url.path.split("/")[-2] == "hibernating":
                self.ctx.accept_web_socket(server)
            else:
                server.accept()
                server.on_message = lambda event: self.web_socket_message(server, event.data)
                server.on_close = lambda event: self.web_socket_close(
                    server, event.code, event.reason, event.was_clean)
            if "greet" in query:
                server.send(query["greet"])
            offered = request.headers.get("Sec-WebSocket-Protocol") or ""
            chosen = {"Sec-WebSocket-Protocol": "chat.v2"} if "chat.v2" in offered else {}
            return Response(None, status=101, headers=chosen, web_socket=client)

        def web_socket_message(self, ws, message):
            words = message.split(" ", 2) if isinstance(message, str) else [""]
            if words[0] == "close":
                ws.close(int(words[1]), words[2])
            elif words[0] == "who":
                ws.send(f"instance {self.number}")
            elif words[0] == "round-trip":
                ws.send(str(ws.round_trip_s))
            else:
                ws.send(message)

        def web_socket_close(self, ws, code, reason, was_clean):
            closes.put_nowait([code, reason, was_clean])

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            path = request.parsed_url.path
            if path == "/closes":
                return Response.json(await closes.get())
            if path.count("/") < 2:
                headers = {"Content-Type": "text/html"}
                return Response("<!doctype html><title>a page</title>", headers=headers)
            return await self.env.ROOM.get_by_name(path.rsplit("/", 1)[1]).fetch(request)
"""
# Only tests that want it have actors leave memory: else one might just before it is asked who it is.
SETTINGS = """
    [perdure]
    idle_timeout_s = {idle_timeout_s}
"""


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that ``perdure`` runs on."""
    return {"uvloop": uvloop.new_event_loop}


class Town:
    """The server, which can be started again on its port, and what it says of itself."""

    def __init__(self, serving: Serving, config: WorkerConfig, data_dir: Path) -> None:
        self._serving = serving
        self._config = config
        self._data_dir = data_dir
        self.server: Server

    async def start(self, port: int = 0) -> None:
        # One worker, as what rooms have heard is kept in a process's memory.
        self.server = await self._serving.start(
            self._config, data_dir=self._data_dir, port=port, workers=1
        )

    async def stop(self) -> None:
        await self.server.stop(drain_s=0)
        self._serving.running.remove(self.server)

    @property
    def url(self) -> str:
        return self.server.url

    def room(self, kind: str, query: str = "") -> str:
        """The URL of a room of a kind: standard, hibernating."""
        return f"{self.url.replace('http', 'ws')}/{kind}/lobby{query}"

    async def get(self, path: str) -> Any:
        async with aiohttp.ClientSession() as http, http.get(self.url + path) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json(content_type=None)

    async def closed(self) -> Any:
        """What the next close event said: code, reason, was_clean."""
        return await self.get("/closes")


@pytest.fixture
async def town(tmp_path: Path, shape: str, request: pytest.FixtureRequest) -> AsyncIterator[Town]:
    serving = Serving(tmp_path, shape)
    limits = {"websocket_ping_interval_s": 0.4}
    settings = SETTINGS.format(idle_timeout_s=1 if "evicted" in request.fixturenames else 3600)
    config = serving.write(MAIN, objects=["Room"], toml=settings, limits=limits)
    town = Town(serving, config, tmp_path / "data")
    await town.start()
    yield town
    await serving.stop()


@pytest.fixture
def evicted(monkeypatch: pytest.MonkeyPatch, shape: str) -> Callable[[], Awaitable[object]]:
    """Returns when the actor that was in memory is not there any more."""
    if shape == SPLIT:
        pytest.skip("only inline: the test listens to the server's process")
    is_out = asyncio.Event()

    def tell(name: str, *_: object) -> None:
        if name == "actor.started":
            is_out.clear()
        elif name == "actor.evicted":
            is_out.set()

    monkeypatch.setattr(watch, "tell", tell)
    return is_out.wait


@pytest.fixture(
    params=[
        *IN_PYTHON,
        *IN_NODE,
        pytest.param("chromium", marks=pytest.mark.browser),
    ]
)
async def client(
    request: pytest.FixtureRequest, town: Town, tmp_path: Path
) -> AsyncIterator[Client]:
    async with contextlib.AsyncExitStack() as stack:
        if request.param in IN_PYTHON:
            yield IN_PYTHON[request.param](stack)
        elif request.param in IN_NODE:
            yield await InNode.start(request.param, stack)
        else:
            http = await stack.enter_async_context(aiohttp.ClientSession())
            new_tab = await stack.enter_async_context(chromium(tmp_path / "profile", http))
            yield await InChromium.start(new_tab, town.url + "/")
