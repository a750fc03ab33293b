"""examples/proxy: two backends behind one Worker, for requests and for WebSockets."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from perdure.runtime.server import Server
from tests.examples.conftest import EXAMPLES

PATIENCE_S = 30


class Backend:
    """A server of another make. It does to each client what the end of the path says."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_to_read = asyncio.Event()
        self.taken = 0
        self.closes: asyncio.Queue[int | None] = asyncio.Queue()

    async def start(self) -> None:
        self.runner = web.ServerRunner(web.Server(self.handle), shutdown_timeout=0.1)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Upgrade") != "websocket":
            return await self.answer(request)
        if request.path.endswith("/refused"):
            return web.Response(status=403, text="not you")
        ws = web.WebSocketResponse(protocols=["talk"], max_msg_size=0, autoclose=False)
        ws.headers["X-Backend"] = self.name
        await ws.prepare(request)
        try:
            await self.converse(ws, request)
        finally:
            self.closes.put_nowait(ws.close_code)
        return ws

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        forwarded = request.headers["X-Forwarded-Host"]
        return web.Response(
            status=201,
            text=f"{self.name} {request.method} {request.path_qs} {len(body)}",
            headers={"X-For": forwarded},
        )

    async def converse(self, ws: web.WebSocketResponse, request: web.BaseRequest) -> None:
        what = request.path.rpartition("/")[2]
        if what == "pours":
            for n in range(200):
                await ws.send_bytes(bytes([n]) * 100_000)
        elif what == "stalls":
            await self.is_to_read.wait()
        elif what == "leaves":
            await ws.close(code=4001, message=b"enough")
            return
        elif what == "shrugs":
            assert request.transport is not None
            request.transport.write(b"\x88\x00")  # a close frame without a code
        elif what == "vanishes":
            assert request.transport is not None
            request.transport.abort()
            return
        async for message in ws:
            self.taken += len(message.data)
            if what != "stalls":
                await ws.send_bytes(message.data)
        await ws.close(code=ws.close_code or 1000)


@pytest.fixture
async def backends() -> AsyncIterator[tuple[Backend, Backend]]:
    chat, api = Backend("chat"), Backend("api")
    for backend in (chat, api):
        await backend.start()
    yield chat, api
    for backend in (chat, api):
        backend.is_to_read.set()
        await backend.runner.cleanup()


Start = Callable[[Path, int, Mapping[str, str]], Awaitable[Server]]


@pytest.fixture
async def proxy(backends: tuple[Backend, Backend], start: Start) -> AsyncIterator[Server]:
    chat, api = backends
    server = await start(EXAMPLES / "proxy", 0, {"CHAT": chat.url, "API": api.url})
    yield server
    await server.stop(drain_s=0)  # before the backends, which wait for their clients


def through(proxy: Server, path: str, **options: object) -> connect:
    return connect(f"ws{proxy.url.removeprefix('http')}{path}", max_size=None, **options)  # type: ignore[arg-type]  # those of connect


@pytest.mark.parametrize("name", ["chat", "api"])
async def test_requests_go_to_the_backend_of_their_path(
    proxy: Server, http: aiohttp.ClientSession, name: str
) -> None:
    url = f"{proxy.url}/{name}/x%2Fy?a=b"
    async with http.post(url, data=b"x" * 1_000_000) as response:
        assert response.status == 201
        assert await response.text() == f"{name} POST /x%2Fy?a=b 1000000"
        assert response.headers["X-For"] == proxy.url.removeprefix("http://")
    async with http.get(url) as response:
        assert await response.text() == f"{name} GET /x%2Fy?a=b 0"


async def test_other_paths_are_not_found(proxy: Server, http: aiohttp.ClientSession) -> None:
    for path in ("/", "/other", "/other/x", "/chat", "/chat?a=b", "/chatty/x"):
        async with http.get(f"{proxy.url}{path}") as response:
            assert response.status == 404, path


async def test_it_stands_in_front_of_the_examples_that_its_readme_names(
    start: Start, http: aiohttp.ClientSession
) -> None:
    chat = await start(EXAMPLES / "chat", 0, {})
    counter = await start(EXAMPLES / "counter", 0, {})
    proxy = await start(EXAMPLES / "proxy", 0, {"CHAT": chat.url, "API": counter.url})
    async with http.get(f"{proxy.url}/chat/") as page:
        assert "<title>Chat</title>" in await page.text()
    async with through(proxy, "/chat/room/lobby?name=Ada") as ws:
        assert json.loads(await ws.recv())["here"] == ["Ada"]
    async with http.post(f"{proxy.url}/api/counter/apples") as response:
        assert await response.json() == {"name": "apples", "value": 1}


async def test_a_backend_that_is_not_there_is_a_502(
    backends: tuple[Backend, Backend], proxy: Server, http: aiohttp.ClientSession
) -> None:
    await backends[0].runner.cleanup()
    async with http.get(f"{proxy.url}/chat/x") as response:
        assert (response.status, await response.text()) == (502, "Bad Gateway")


@pytest.mark.parametrize("name", ["chat", "api"])
async def test_messages_of_any_size_pass_both_ways(proxy: Server, name: str) -> None:
    options = {"subprotocols": [Subprotocol("talk")]}
    async with through(proxy, f"/{name}/echo", **options) as ws:
        assert ws.subprotocol == "talk"
        assert ws.response is not None
        assert ws.response.headers["X-Backend"] == name
        for size in (0, 1, 126, 70_000, 5_000_000):
            await ws.send(b"\xa5" * size)
            assert await ws.recv() == b"\xa5" * size


async def test_a_refusal_of_the_backend_is_the_clients_to_see(
    proxy: Server, http: aiohttp.ClientSession
) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await http.ws_connect(f"{proxy.url}/chat/refused")
    assert refused.value.status == 403


async def ended(ws: ClientConnection) -> tuple[int | None, str | None]:
    """Close code and reason that the client sees."""
    with pytest.raises(ConnectionClosed):
        async with asyncio.timeout(PATIENCE_S):
            await ws.recv()
    return ws.close_code, ws.close_reason


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/chat/leaves", (4001, "enough")),
        ("/api/shrugs", (1005, "")),
        ("/api/vanishes", (1011, "the other side of this connection was lost")),
    ],
)
async def test_the_end_of_a_backend_is_seen_by_the_client(
    proxy: Server, path: str, seen: tuple[int, str]
) -> None:
    async with through(proxy, path) as ws:
        assert await ended(ws) == seen


async def test_the_goodbye_of_a_client_is_heard_by_the_backend(
    backends: tuple[Backend, Backend], proxy: Server
) -> None:
    async with through(proxy, "/chat/echo") as ws:
        await ws.send(b"hello")
        await ws.recv()
        await ws.close(4567, "bye")
        assert ws.close_code == 4567, "the answer of the backend"
    assert await backends[0].closes.get() == 4567


async def test_a_client_that_vanishes_is_lost_to_the_backend(
    backends: tuple[Backend, Backend], proxy: Server
) -> None:
    async with through(proxy, "/chat/echo") as ws:
        await ws.send(b"hello")
        await ws.recv()
        ws.transport.abort()
        assert await backends[0].closes.get() == 1011


async def test_a_client_that_reads_slowly_slows_the_backend_and_loses_nothing(
    proxy: Server,
) -> None:
    async with through(proxy, "/chat/pours", max_queue=1) as ws:
        for n in range(200):
            assert await ws.recv() == bytes([n]) * 100_000


async def test_a_backend_that_does_not_read_slows_the_client_and_memory_stays_small(
    backends: tuple[Backend, Backend], proxy: Server
) -> None:
    """The client can send no more long before it has sent it all; then all of it arrives."""
    chat = backends[0]
    sent, count, size = 0, 600, 100_000
    async with through(proxy, "/chat/stalls") as ws:

        async def pour() -> None:
            nonlocal sent
            for _ in range(count):
                await ws.send(b"x" * size)
                sent += size

        pouring = asyncio.create_task(pour())
        before = -1
        while sent != before:  # until nothing moves any more
            before = sent
            await asyncio.wait({pouring}, timeout=0.25)
        assert not pouring.done(), "60 MB fit nowhere on the way"
        assert chat.taken == 0
        chat.is_to_read.set()
        async with asyncio.timeout(PATIENCE_S):
            await pouring
        await ws.close()
    await chat.closes.get()
    assert chat.taken == count * size
