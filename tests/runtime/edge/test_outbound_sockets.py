"""``WebSocket(url)`` and ``upgrade_websocket``, over real connections."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpRawServer

from perdure.runtime.server import Server
from tests.runtime.edge.tls import client_context, issue
from tests.serving import Serving
from tests.wire import TEXT, Wire, close_frame, frame

# /actor/<path> and /worker/<path> connect to env.TARGET/<path> and tell what they hear.
MAIN = """
    import asyncio
    from perdure import (DurableObject, Request, Response, WebSocket, WorkerEntrypoint,
        upgrade_websocket)

    heard = asyncio.Queue()

    def connect(env, path):
        socket = WebSocket(f"{env.TARGET}/{path}", ["chat", "talk"], headers={"X-Who": "perdure"})
        assert socket.ready_state == WebSocket.CONNECTING

        def on_open(event):
            heard.put_nowait(["open", socket.ready_state, socket.protocol])
            socket.send("hello")

        def on_message(event):
            heard.put_nowait(["message", event.data])
            if event.data == "close me":
                socket.close(4321, "as asked")

        socket.add_event_listener("open", on_open)
        socket.add_event_listener("message", on_message)
        socket.add_event_listener("error", lambda event: heard.put_nowait(["error", event.message,
            type(event.error).__name__]))
        socket.add_event_listener("close", lambda event: heard.put_nowait(["close", event.code,
            event.reason, event.was_clean]))
        return socket

    class Caller(DurableObject):
        async def fetch(self, request):
            connect(self.env, request.parsed_url.path.removeprefix("/actor/"))
            return Response("begun")

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            path = request.parsed_url.path
            if path == "/heard":
                return Response.json(await heard.get())
            if path.startswith("/actor"):
                return await self.env.CALLER.get_by_name("one").fetch(request)
            connect(self.env, path.removeprefix("/worker/"))
            return Response("begun")
"""


class Others:
    """What the other server does with a WebSocket, by its path."""

    def __init__(self) -> None:
        self.headers: list[dict[str, str]] = []
        self.closed: asyncio.Queue[int | None] = asyncio.Queue()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/no":
            return web.Response(text="not today", status=403)
        ws = web.WebSocketResponse(protocols=["talk"])
        await ws.prepare(request)
        self.headers.append(dict(request.headers))
        if request.path == "/glued":
            await ws.send_str("from the start")
        if request.path == "/vanish":
            assert request.transport is not None
            await ws.receive()
            request.transport.abort()
            return ws
        async for message in ws:
            await ws.send_str(f"you said {message.data}")
            if request.path == "/leaves":
                await ws.close(code=4001, message="grüße".encode())
            if request.path == "/asks":
                await ws.send_str("close me")
        self.closed.put_nowait(ws.close_code)
        return ws


@pytest.fixture
def others() -> Others:
    return Others()


@pytest.fixture
async def url(aiohttp_raw_server: AiohttpRawServer, others: Others) -> str:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        return await others.handle(request)

    server = await aiohttp_raw_server(handle)
    return str(server.make_url("")).rstrip("/")


class Caller:
    """The program above, and what its sockets hear."""

    def __init__(self, server: Server, http: aiohttp.ClientSession) -> None:
        self.server = server
        self._http = http

    async def get(self, path: str) -> str:
        async with self._http.get(self.server.url + path) as response:
            assert response.status == 200, await response.text()
            return await response.text()

    async def hears(self, count: int) -> list[Any]:
        heard = []
        for _ in range(count):
            async with self._http.get(self.server.url + "/heard") as response:
                heard.append(await response.json())
        return heard


@pytest.fixture
async def caller(url: str, serve: Serving, http: aiohttp.ClientSession) -> Caller:
    # The other server is made first: so it is stopped last, when nobody is connected.
    server = await serve(MAIN, objects=["Caller"], values={"TARGET": url})
    return Caller(server, http)


PLACES = pytest.mark.parametrize("place", ["actor", "worker"])


@PLACES
async def test_it_opens_talks_and_hears_the_end(caller: Caller, others: Others, place: str) -> None:
    await caller.get(f"/{place}/leaves")
    assert await caller.hears(3) == [
        ["open", 1, "talk"],
        ["message", "you said hello"],
        ["close", 4001, "grüße", True],
    ]
    [headers] = others.headers
    assert headers["X-Who"] == "perdure"
    assert headers["Sec-WebSocket-Protocol"] == "chat, talk"
    assert await others.closed.get() == 4001


@PLACES
async def test_messages_that_come_with_the_101_come_after_open(caller: Caller, place: str) -> None:
    await caller.get(f"/{place}/glued")
    assert await caller.hears(3) == [
        ["open", 1, "talk"],
        ["message", "from the start"],
        ["message", "you said hello"],
    ]


@PLACES
async def test_it_closes(caller: Caller, others: Others, place: str) -> None:
    await caller.get(f"/{place}/asks")
    assert (await caller.hears(4))[3] == ["close", 1000, "", True], "the server's own answer"
    assert await others.closed.get() == 4321


@PLACES
async def test_a_server_that_vanishes(caller: Caller, place: str) -> None:
    await caller.get(f"/{place}/vanish")
    why = "WebSocket disconnected without sending Close frame."
    assert (await caller.hears(2))[1] == ["close", 1006, why, False]


FAILED = ["close", 1006, "Failed to establish websocket connection", False]


@PLACES
async def test_a_server_that_does_not_upgrade(caller: Caller, url: str, place: str) -> None:
    await caller.get(f"/{place}/no")
    asked = f"ws{url.removeprefix('http')}/no"  # as the socket's own url, whichever was given
    why = f"{asked}: the server answered 403, which is no WebSocket"
    assert await caller.hears(2) == [["error", why, "ConnectionError"], FAILED]


@PLACES
async def test_a_server_that_is_not_there(
    serve: Serving, http: aiohttp.ClientSession, place: str
) -> None:
    values = {"TARGET": "ws://127.0.0.1:1"}
    caller = Caller(await serve(MAIN, objects=["Caller"], values=values), http)
    await caller.get(f"/{place}/x")
    why = "fetch ws://127.0.0.1:1/x: cannot connect to 127.0.0.1:1: Connection refused"
    assert await caller.hears(2) == [["error", why, "NetworkError"], FAILED]


async def test_a_server_that_stops_says_goodbye(caller: Caller, others: Others) -> None:
    await caller.get("/actor/leave")
    assert (await caller.hears(1))[0][0] == "open"
    await caller.server.stop(drain_s=0)
    assert await others.closed.get() == 1001


# upgrade_websocket, as in Azion's documentation.

UPGRADES = """
    import asyncio
    from perdure import DurableObject, Response, WorkerEntrypoint, upgrade_websocket

    log = asyncio.Queue()

    async def answer(request):
        if request.headers.get("upgrade") == "websocket":
            response, socket = upgrade_websocket(request)

            socket.add_event_listener("open", lambda event: log.put_nowait("established"))

            def on_message(event):
                log.put_nowait(f"received: {event.data}")
                socket.send("pong")

            socket.add_event_listener("message", on_message)
            socket.add_event_listener("close", lambda event: log.put_nowait("closed"))
            socket.add_event_listener("error", lambda error: log.put_nowait("error"))
            return response
        if request.parsed_url.path.endswith("/log"):
            return Response(await log.get())
        if request.parsed_url.path.endswith("/wrong"):
            upgrade_websocket(request)
        page = "<!DOCTYPE html><title>WebSocket Example</title>"
        return Response(page, status=200, headers={"Content-Type": "text/html"})

    class Room(DurableObject):
        async def fetch(self, request):
            return await answer(request)

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            if request.parsed_url.path.startswith("/actor"):
                return await self.env.ROOM.get_by_name("one").fetch(request)
            return await answer(request)
"""


@pytest.mark.parametrize("place", ["", "/actor"])
async def test_azions_example(serve: Serving, http: aiohttp.ClientSession, place: str) -> None:
    server = await serve(UPGRADES, objects=["Room"])

    async def logged() -> str:
        async with http.get(f"{server.url}{place}/log") as response:
            return await response.text()

    async with http.get(f"{server.url}{place}/") as response:
        assert (response.status, response.content_type) == (200, "text/html")
        assert "WebSocket Example" in await response.text()
    async with http.ws_connect(f"{server.url}{place}/") as ws:
        assert await logged() == "established"
        for text in ("one", "two"):
            await ws.send_str(text)
            assert await ws.receive_str() == "pong"
            assert await logged() == f"received: {text}"
    assert await logged() == "closed"


@pytest.mark.parametrize("place", ["", "/actor"])
async def test_what_comes_in_one_piece_with_the_request_is_heard_after_open(
    serve: Serving, place: str
) -> None:
    server = await serve(UPGRADES, objects=["Room"])
    async with await Wire.connect(server.url) as wire:
        assert (await wire.upgrade(f"{place}/", glued=frame(TEXT, "early"))).status == 101
        assert await wire.text() == "pong"
        wire.send(close_frame(4000))
        assert (await wire.close_frame())[0] == 4000
    async with aiohttp.ClientSession() as http:
        for expected in ("established", "received: early", "closed"):
            async with http.get(f"{server.url}/log") as response:
                assert await response.text() == expected


async def test_a_request_for_no_websocket_is_an_error_that_says_what_to_answer(
    serve: Serving, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    server = await serve(UPGRADES, objects=["Room"])
    async with http.get(f"{server.url}/wrong") as response:
        assert response.status == 500
    assert "status=426" in caplog.text


# TLS.


@pytest.fixture
async def secure_url(others: Others, tmp_path: Path) -> AsyncIterator[str]:
    """The other server, with a certificate that ``AUTHORITY`` has issued."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    issue(tmp_path / "tls").leaf.configure_cert(context)
    runner = web.ServerRunner(web.Server(others.handle), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield f"wss://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@PLACES
async def test_it_speaks_tls(
    secure_url: str,
    serve: Serving,
    http: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", client_context())
    server = await serve(MAIN, objects=["Caller"], values={"TARGET": secure_url})
    caller = Caller(server, http)
    await caller.get(f"/{place}/leaves")
    assert await caller.hears(3) == [
        ["open", 1, "talk"],
        ["message", "you said hello"],
        ["close", 4001, "grüße", True],
    ]


async def test_a_certificate_that_nobody_vouches_for_is_a_failure(
    secure_url: str, serve: Serving, http: aiohttp.ClientSession, others: Others
) -> None:
    server = await serve(MAIN, objects=["Caller"], values={"TARGET": secure_url})
    caller = Caller(server, http)
    await caller.get("/worker/leaves")
    error, end = await caller.hears(2)
    assert "its certificate is not trusted: " in error[1]
    assert end == FAILED
    assert others.headers == []


async def test_a_server_that_speaks_no_tls_is_a_failure(
    url: str, serve: Serving, http: aiohttp.ClientSession
) -> None:
    values = {"TARGET": url.replace("http:", "wss:")}
    caller = Caller(await serve(MAIN, objects=["Caller"], values=values), http)
    await caller.get("/worker/leaves")
    error, end = await caller.hears(2)
    assert "TLS failed: " in error[1]
    assert end == FAILED
