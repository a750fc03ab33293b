"""permessage-deflate with real peers, as a server and as a client."""

import zlib
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType, web
from pytest_aiohttp import AiohttpRawServer
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_websockets
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)

from perdure.runtime.server import Server
from perdure.runtime.sockets.extension import OFFER
from tests.runtime.edge.test_outbound import RawServer
from tests.serving import Serving
from tests.wire import BINARY, PING, PONG, TEXT, Frame, Wire, close_frame, frame

ON = """
    [perdure]
    websocket_compression = true
"""
# Echoes; /all sends to everybody; /out?url passes a message on and tells what came back.
MAIN = """
    import asyncio
    from perdure import (DurableObject, Response, WebSocketPair,
        WebSocketRequestResponsePair, WorkerEntrypoint, fetch)

    class Room(DurableObject):
        def __init__(self, ctx, env):
            super().__init__(ctx, env)
            ctx.set_web_socket_auto_response(WebSocketRequestResponsePair("ping" * 100, "pong" * 100))

        async def fetch(self, request):
            if (url := request.parsed_url.query.get("url")) is not None:
                return await self.out(url)
            if request.parsed_url.path == "/through":
                return await fetch(self.env.TARGET, headers={"Upgrade": "websocket"})
            client, server = WebSocketPair()
            self.ctx.accept_web_socket(server)
            return Response(None, status=101, web_socket=client)

        async def web_socket_message(self, ws, message):
            if message == "to all":
                self.ctx.broadcast("news " * 1000)
            else:
                ws.send(message)

        async def out(self, url):
            try:
                ws = (await fetch(url, headers={"Upgrade": "websocket"})).web_socket
            except OSError as error:
                return Response(str(error))
            heard = asyncio.Queue()
            ws.on_message = lambda event: heard.put_nowait(event.data)
            ws.on_close = lambda event: heard.put_nowait([event.code, event.reason])
            ws.accept()
            ws.send("hello " * 1000)
            ws.send(b"bytes " * 1000)
            got = [await heard.get(), await heard.get()]
            if isinstance(got[1], bytes):
                ws.close(1000)
                got.append(await heard.get())
                got[1] = got[1].decode()
            return Response.json([ws.extensions, *got])

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return await self.env.ROOM.get_by_name("one").fetch(request)
"""
AGREED = f"{OFFER}; server_max_window_bits=10"


@pytest.fixture
async def server(serve: Serving) -> Server:
    return await serve(MAIN, objects=["Room"], toml=ON, limits=LIMITS)


LIMITS = {"websocket_message_size_bytes_max": 100_000}


def packed(text: str | bytes, window_bits: int = 15) -> bytes:
    stream = zlib.compressobj(wbits=-window_bits)
    data = stream.compress(text.encode() if isinstance(text, str) else text)
    return (data + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]


def unpacked(got: Frame, window_bits: int = 15) -> bytes:
    assert got.reserved == 0x40
    return zlib.decompressobj(-window_bits).decompress(got.payload + b"\0\0\xff\xff")


# As a server.


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        ("permessage-deflate; client_max_window_bits", [OFFER]),
        ("permessage-deflate; server_max_window_bits=10", [AGREED]),
        ("permessage-deflate; server_max_window_bits=99, permessage-deflate", [OFFER]),
        ("permessage-deflate; server_max_window_bits=99", []),
        ("permessage-deflate; mystery=1", []),
        ("permessage-deflate; client_no_context_takeover; client_no_context_takeover", []),
        ("x-webkit-deflate-frame", []),
    ],
)
async def test_an_offer_is_taken_or_declined(server: Server, offer: str, answer: list[str]) -> None:
    async with await Wire.connect(server.url) as wire:
        got = await wire.upgrade("/", f"Sec-WebSocket-Extensions: {offer}")
        assert (got.status, got.values("Sec-WebSocket-Extensions")) == (101, answer)
        wire.send(frame(TEXT, "x" * 1000))
        echo = await wire.frame()
        assert (echo.reserved, len(echo.payload) < 100) == ((0x40, True) if answer else (0, False))


async def test_an_offer_that_cannot_be_read_is_refused(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        got = await wire.upgrade("/", "Sec-WebSocket-Extensions: permessage-deflate; =")
        assert got.status == 400
        assert "Sec-WebSocket-Extensions cannot be read" in got.text


async def test_nothing_is_agreed_on_unless_it_is_turned_on(serve: Serving) -> None:
    server = await serve(MAIN, objects=["Room"])
    async with await Wire.connect(server.url) as wire:
        got = await wire.upgrade("/", "Sec-WebSocket-Extensions: permessage-deflate")
        assert (got.status, got.values("Sec-WebSocket-Extensions")) == (101, [])
        wire.send(frame(TEXT, packed("Hello"), reserved=0x40))
        assert (await wire.close_frame())[0] == 1002


async def test_only_messages_that_gain_are_compressed_and_the_window_is_kept_to(
    server: Server,
) -> None:
    async with await Wire.connect(server.url) as wire:
        header = "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10"
        await wire.upgrade("/", header)
        far = bytes(range(256)) * 8 + b"end" * 100
        wire.send(frame(BINARY, packed(far), reserved=0x40) + frame(TEXT, "x" * 255))
        assert unpacked(await wire.frame(), 10) == far
        assert await wire.frame() == Frame(TEXT, b"x" * 255)
        wire.send(frame(TEXT, packed("x" * 256), reserved=0x40))
        assert unpacked(await wire.frame()) == b"x" * 256


async def test_pings_and_close_frames_are_never_compressed_and_answers_by_themselves_may_be(
    server: Server,
) -> None:
    async with await Wire.connect(server.url) as wire:
        await wire.upgrade("/", "Sec-WebSocket-Extensions: permessage-deflate")
        wire.send(frame(PING, b"x" * 125) + frame(TEXT, "ping" * 100))
        assert await wire.frame() == Frame(PONG, b"x" * 125)
        assert unpacked(await wire.frame()) == b"pong" * 100
        wire.send(frame(TEXT, packed("ping" * 100), reserved=0x40))
        assert unpacked(await wire.frame()) == b"pong" * 100
        wire.send(close_frame(1000, "x" * 123))
        assert await wire.close_frame() == (1000, "x" * 123)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(frame(PING, reserved=0x40), 1002, id="a ping with RSV1"),
        pytest.param(
            frame(TEXT, final=False) + frame(0, packed("a"), reserved=0x40), 1002, id="a later one"
        ),
        pytest.param(frame(TEXT, packed("a"), reserved=0x60), 1002, id="RSV2"),
        pytest.param(frame(TEXT, b"\xff\xff", reserved=0x40), 1007, id="no deflate data"),
        pytest.param(frame(TEXT, packed(b"\xff"), reserved=0x40), 1007, id="no UTF-8"),
        pytest.param(frame(TEXT, packed("x" * 100_001), reserved=0x40), 1009, id="too large"),
        pytest.param(
            frame(TEXT, packed("x" * 20_000_000), reserved=0x40), 1009, id="much too large"
        ),
    ],
)
async def test_what_is_wrong_ends_the_connection(server: Server, data: bytes, code: int) -> None:
    async with await Wire.connect(server.url) as wire:
        await wire.upgrade("/", "Sec-WebSocket-Extensions: permessage-deflate")
        wire.send(data)
        assert (await wire.close_frame())[0] == code


async def test_aiohttp_as_a_client(server: Server, http: aiohttp.ClientSession) -> None:
    for bits in (9, 15):
        async with http.ws_connect(server.url, compress=bits) as ws:
            assert ws.compress == 15, "the server may write with any window"
            for text in ("grüße " * 1000, "short", "", "again " * 10_000):
                await ws.send_str(text)
                assert await ws.receive_str() == text
            await ws.send_bytes(b"\0" * 100_000)
            assert await ws.receive_bytes() == b"\0" * 100_000


@pytest.mark.parametrize(
    "factory",
    [
        ClientPerMessageDeflateFactory(),
        ClientPerMessageDeflateFactory(True, True, 9, 9),
        ClientPerMessageDeflateFactory(server_max_window_bits=12, client_max_window_bits=True),
    ],
)
async def test_websockets_as_a_client(
    server: Server, factory: ClientPerMessageDeflateFactory
) -> None:
    url = "ws" + server.url.removeprefix("http")
    async with connect(url, compression=None, extensions=[factory]) as ws:
        assert [extension.name for extension in ws.protocol.extensions] == ["permessage-deflate"]
        for message in ("grüße " * 1000, "short", b"", b"\0" * 100_000):
            await ws.send(message)
            assert await ws.recv() == message
        await ws.send(["frag" * 1000, "", "ments" * 1000])
        assert await ws.recv() == "frag" * 1000 + "ments" * 1000


async def test_a_broadcast_reaches_those_who_agreed_and_those_who_did_not(
    server: Server, http: aiohttp.ClientSession
) -> None:
    async with (
        http.ws_connect(server.url) as plain,
        http.ws_connect(server.url, compress=15) as one,
        http.ws_connect(server.url, compress=15) as other,
    ):
        await other.send_str("to all")
        for ws in (plain, one, other):
            assert await ws.receive_str() == "news " * 1000


# As a client.


@pytest.fixture
async def echo(aiohttp_raw_server: AiohttpRawServer) -> str:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            if message.type is WSMsgType.TEXT:
                await ws.send_str(message.data)
            else:
                await ws.send_bytes(message.data)
        return ws

    other = await aiohttp_raw_server(handle)
    return str(other.make_url("/"))


ECHOED = ["hello " * 1000, "bytes " * 1000, [1000, ""]]


async def ask(server: Server, http: aiohttp.ClientSession, url: str) -> Any:
    async with http.get(server.url, params={"url": url}) as response:
        text = await response.text()
        return await response.json() if response.content_type == "application/json" else text


async def test_aiohttp_as_a_server(server: Server, http: aiohttp.ClientSession, echo: str) -> None:
    extensions, *echoed = await ask(server, http, echo)
    assert extensions == "permessage-deflate; server_no_context_takeover"
    assert echoed == ECHOED


async def test_websockets_as_a_server(server: Server, http: aiohttp.ClientSession) -> None:
    async def handle(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    for options in (
        {},
        {"extensions": [ServerPerMessageDeflateFactory(True, True, 9, None)], "compression": None},
    ):
        async with serve_websockets(handle, "127.0.0.1", 0, **options) as other:  # type: ignore[arg-type]
            port = other.sockets[0].getsockname()[1]
            extensions, *echoed = await ask(server, http, f"http://127.0.0.1:{port}/")
            assert extensions.startswith("permessage-deflate; server_no_context_takeover")
            assert echoed == ECHOED


async def test_a_connection_passed_through_is_compressed_on_each_side_as_agreed_there(
    serve: Serving, http: aiohttp.ClientSession, echo: str
) -> None:
    server = await serve(MAIN, objects=["Room"], toml=ON, values={"TARGET": echo})
    for bits in (0, 15):
        async with http.ws_connect(f"{server.url}/through", compress=bits) as ws:
            assert ws.compress == bits
            await ws.send_str("through " * 1000)
            assert await ws.receive_str() == "through " * 1000


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("permessage-deflate", "does not grant server_no_context_takeover: permessage-deflate"),
        ("permessage-deflate; client_max_window_bits=9", "what may not be answered"),
        ("mystery", "an extension that it was not offered: mystery"),
        ("permessage-deflate; =", "cannot be read from"),
    ],
)
async def test_a_server_that_answers_what_it_may_not_gets_no_connection(
    server: Server, http: aiohttp.ClientSession, answer: str, why: str
) -> None:
    fields = f"Sec-WebSocket-Accept: right\r\nSec-WebSocket-Extensions: {answer}"
    async with RawServer(fields.encode()) as target:
        assert why in await ask(server, http, target)


async def test_a_server_may_decline(server: Server, http: aiohttp.ClientSession) -> None:
    tail = frame(TEXT, "not compressed", mask=False) + frame(
        TEXT, packed("a"), mask=False, reserved=0x40
    )
    async with RawServer(tail=tail) as target:
        extensions, message, end = await ask(server, http, target)
        assert (extensions, message, end[0]) == ("", "not compressed", 1002)


async def test_a_server_that_sends_a_bomb_is_told_so(
    server: Server, http: aiohttp.ClientSession
) -> None:
    fields = f"Sec-WebSocket-Accept: right\r\nSec-WebSocket-Extensions: {OFFER}"
    bombs = frame(TEXT, packed("x"), mask=False, reserved=0x40)
    bombs += frame(TEXT, packed("x" * 20_000_000), mask=False, reserved=0x40)
    async with RawServer(fields.encode(), bombs) as target:
        extensions, message, end = await ask(server, http, target)
        assert (extensions, message, end[0]) == (OFFER, "x", 1009)
