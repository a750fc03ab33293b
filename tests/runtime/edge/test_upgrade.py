"""From a request to a WebSocket: the handshake, its headers, and what comes right behind it."""

import asyncio

import aiohttp
import pytest
from websockets.asyncio.client import connect

from perdure.runtime.edge.request_record import RequestRecord
from perdure.runtime.edge.upgrade import accept_of
from perdure.runtime.server import Server
from tests.runtime.rooms import ROOMS, heard
from tests.serving import Serving
from tests.wire import KEY, TEXT, Wire, close_frame, frame, upgrade_request

MAIN = """
    from perdure import Response, WebSocketPair, WorkerEntrypoint

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            if not request.is_upgrade and request.parsed_url.path != "/unasked":
                return Response("no upgrade: " + request.url)
            if request.parsed_url.path == "/no":
                return Response("not today", 403)
            client, server = WebSocketPair()
            server.accept()
            server.send("welcome")
            server.on_message = lambda event: server.send(event.data)
            headers = [
                ("Sec-WebSocket-Protocol", "chat"),
                ("Set-Cookie", "a=1"),
                ("Set-Cookie", "b=2"),
                ("X-Text", "grüße"),
                ("Connection", "close"),
                ("Upgrade", "nonsense"),
                ("Content-Length", "5"),
                ("Transfer-Encoding", "chunked"),
                ("Sec-WebSocket-Accept", "nonsense"),
                ("Sec-WebSocket-Extensions", "permessage-deflate"),
            ]
            return Response(None, status=101, headers=headers, web_socket=client)
"""


@pytest.fixture
def records() -> list[RequestRecord]:
    return []


@pytest.fixture
async def server(serve: Serving, records: list[RequestRecord]) -> Server:
    return await serve(MAIN, on_request=records.append)


def test_the_key_is_answered_as_in_the_rfc() -> None:
    assert accept_of("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


async def test_the_handshake_and_the_headers_of_the_response(
    server: Server, records: list[RequestRecord]
) -> None:
    async with await Wire.connect(server.url) as wire:
        answer = await wire.upgrade("/", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
        assert (answer.status, answer.reason) == (101, "Switching Protocols")
        assert answer.values("Upgrade") == ["websocket"]
        assert answer.values("Connection") == ["Upgrade"]
        assert answer.values("Sec-WebSocket-Accept") == ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]
        assert answer.values("Sec-WebSocket-Protocol") == ["chat"]
        assert answer.values("Set-Cookie") == ["a=1", "b=2"]
        assert answer.values("X-Text") == ["grüße".encode().decode("latin-1")]
        for name in ("Content-Length", "Transfer-Encoding", "Sec-WebSocket-Extensions"):
            assert answer.values(name) == []
        assert await wire.text() == "welcome"
    assert [(r.path, r.status) for r in records] == [("/", 101)]


async def test_client_libraries_agree_on_subprotocol_and_headers(
    server: Server, http: aiohttp.ClientSession
) -> None:
    async with http.ws_connect(server.url, protocols=["chat", "other"]) as ws:
        assert (ws.protocol, ws.compress) == ("chat", 0)
        assert await ws.receive_str() == "welcome"
    url = "ws" + server.url.removeprefix("http")
    async with connect(url, subprotocols=["chat"]) as other:  # type: ignore[list-item]  # a NewType of str
        assert other.subprotocol == "chat"
        assert other.response is not None
        assert other.response.headers.get_all("Set-Cookie") == ["a=1", "b=2"]


async def test_compression_is_offered_and_not_taken(server: Server) -> None:
    url = "ws" + server.url.removeprefix("http")
    async with connect(url, compression="deflate", subprotocols=["chat"]) as ws:  # type: ignore[list-item]  # a NewType of str
        assert ws.protocol.extensions == []
        assert await ws.recv() == "welcome"
        await ws.send("x" * 10_000)
        assert await ws.recv() == "x" * 10_000


@pytest.mark.parametrize(
    "header",
    [
        "Upgrade: WebSocket",
        "Upgrade: h2c, websocket",
        "Connection: keep-alive, Upgrade",
        "Connection: upgrade",
    ],
)
async def test_the_headers_of_a_handshake_are_lists_without_case(
    server: Server, header: str
) -> None:
    async with await Wire.connect(server.url) as wire:
        assert (await wire.upgrade("/", header)).status == 101
        assert await wire.text() == "welcome"


@pytest.mark.parametrize(
    ("headers", "status", "why"),
    [
        (["Sec-WebSocket-Version: 8"], 426, "speaks WebSocket version 13"),
        (["Sec-WebSocket-Version: -"], 426, "speaks WebSocket version 13"),
        (["Sec-WebSocket-Key: short"], 400, "must be 16 bytes in base64"),
        (["Sec-WebSocket-Key: AAAA"], 400, "must be 16 bytes in base64"),
        (["Sec-WebSocket-Key: !AAAAAAAAAAAAAAAAAAAAA=="], 400, "must be 16 bytes in base64"),
        (["Sec-WebSocket-Key: grüße"], 400, "must be 16 bytes in base64"),
        (["Connection: keep-alive"], 400, "Connection: Upgrade"),
        ([f"Sec-WebSocket-Key: {KEY}"] * 2, 400, "Sec-WebSocket-Key must not appear more than"),
        (["Sec-WebSocket-Version: 13"] * 2, 400, "Sec-WebSocket-Version must not appear more"),
        (["Sec-WebSocket-Protocol: a b"], 400, "must be a list of tokens, each once"),
        (["Sec-WebSocket-Protocol: a, a"], 400, "must be a list of tokens, each once"),
        (["Sec-WebSocket-Protocol: a,"], 400, "must be a list of tokens, each once"),
        (["Sec-WebSocket-Protocol: a", "Sec-WebSocket-Protocol: a"], 400, "tokens, each once"),
        (["Sec-WebSocket-Extensions: ;"], 400, "Sec-WebSocket-Extensions cannot be read"),
    ],
)
async def test_a_handshake_that_is_wrong_is_refused(
    server: Server, records: list[RequestRecord], headers: list[str], status: int, why: str
) -> None:
    async with await Wire.connect(server.url) as wire:
        answer = await wire.upgrade("/", *headers)
        assert (answer.status, answer.get("Sec-WebSocket-Version")) == (status, "13")
        assert answer.get("Upgrade") == ("websocket" if status == 426 else None)
        assert why in answer.text
        wire.say("GET / HTTP/1.1", "Host: a")
        assert (await wire.answer()).status == 200, "the connection goes on"
    assert [r.status for r in records] == [status, 200]


async def test_a_handshake_by_another_method_or_an_older_protocol_is_refused(
    server: Server,
) -> None:
    for line, status in (("POST / HTTP/1.1", 400), ("GET / HTTP/1.0", 400)):
        async with await Wire.connect(server.url) as wire:
            wire.say(line, *upgrade_request()[1:])
            assert (await wire.answer()).status == status


async def test_without_a_key_it_is_a_request_like_others(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say("GET /x HTTP/1.1", "Host: a", "Upgrade: h2c", "Connection: Upgrade")
        assert (await wire.answer()).text == "no upgrade: http://a/x"
        wire.say("GET /no HTTP/1.1", "Host: a", "Upgrade: websocket")
        assert (await wire.answer()).status == 403


@pytest.mark.parametrize(
    ("version", "status", "why"),
    [
        ("13", 400, "Sec-WebSocket-Key must be 16 bytes in base64"),
        ("8", 426, "speaks WebSocket version 13"),
    ],
)
async def test_a_101_without_a_key_is_the_client_s_mistake(
    server: Server,
    records: list[RequestRecord],
    caplog: pytest.LogCaptureFixture,
    version: str,
    status: int,
    why: str,
) -> None:
    asked = ("Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Version: {version}")
    async with await Wire.connect(server.url) as wire:
        wire.say("GET / HTTP/1.1", "Host: a", *asked)
        answer = await wire.answer()
        assert (answer.status, answer.get("Sec-WebSocket-Version")) == (status, "13")
        assert why in answer.text
        wire.say("GET / HTTP/1.1", "Host: a")
        assert (await wire.answer()).status == 200, "the connection goes on"
    assert [r.status for r in records] == [status, 200]
    assert [r.getMessage() for r in caplog.records if r.name == "perdure.edge"] == []


async def test_a_101_for_a_request_that_did_not_ask_is_the_program_s_mistake(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say("GET /unasked HTTP/1.1", "Host: a")
        assert (await wire.answer()).status == 500
    assert "did not contain the header" in caplog.text


async def test_the_worker_may_refuse(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        answer = await wire.upgrade("/no")
        assert (answer.status, answer.text) == (403, "not today")
        assert (await wire.upgrade("/")).status == 101
        assert await wire.text() == "welcome"


# What comes right behind the request.


async def test_frames_in_one_piece_with_the_request_are_heard(server: Server) -> None:
    glued = frame(TEXT, "first") + frame(TEXT, "second") + frame(TEXT, "third")[:3]
    async with await Wire.connect(server.url) as wire:
        assert (await wire.upgrade("/", glued=glued)).status == 101
        assert [await wire.text() for _ in range(3)] == ["welcome", "first", "second"]


async def test_a_frame_cut_in_two_by_the_end_of_the_request(server: Server) -> None:
    whole = frame(TEXT, "cut in two")
    async with await Wire.connect(server.url) as wire:
        assert (await wire.upgrade("/", glued=whole[:5])).status == 101
        assert await wire.text() == "welcome"
        wire.send(whole[5:])
        assert await wire.text() == "cut in two"


@pytest.mark.parametrize("size", [100, 70_000, 1_000_000])
async def test_much_that_is_sent_before_the_answer_is_heard_in_order(
    serve: Serving, size: int
) -> None:
    main = """
        import asyncio
        from perdure import Response, WebSocketPair, WorkerEntrypoint

        class Default(WorkerEntrypoint):
            async def fetch(self, request):
                for _ in range(200):
                    await asyncio.sleep(0)
                client, server = WebSocketPair()
                server.accept()
                server.on_message = lambda event: server.send(event.data[:10])
                return Response(None, status=101, web_socket=client)
    """
    server = await serve(main)
    async with await Wire.connect(server.url) as wire:
        wire.say(*upgrade_request())
        for n in range(20):
            wire.send(frame(TEXT, f"{n:010}" + "x" * (size // 20)))
        assert (await wire.head()).status == 101
        assert [await wire.text() for _ in range(20)] == [f"{n:010}" for n in range(20)]


async def test_a_close_frame_in_one_piece_with_the_request(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        await wire.upgrade("/", glued=close_frame(4001, "changed my mind"))
        assert await wire.text() == "welcome"
        assert await wire.close_frame() == (4001, "changed my mind")


async def test_a_broken_frame_in_one_piece_with_the_request(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        await wire.upgrade("/", glued=frame(0x3))
        assert await wire.text() == "welcome"
        assert (await wire.close_frame())[0] == 1002


async def test_an_upgrade_behind_other_requests_of_its_connection(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say("GET /1 HTTP/1.1", "Host: a")
        wire.say("GET /2 HTTP/1.1", "Host: a")
        wire.say(*upgrade_request(), body=frame(TEXT, "glued"))
        assert (await wire.answer()).text == "no upgrade: http://a/1"
        assert (await wire.answer()).text == "no upgrade: http://a/2"
        assert (await wire.head()).status == 101
        assert [await wire.text(), await wire.text()] == ["welcome", "glued"]


# Who takes the connection.


async def test_a_worker_passes_the_upgrade_on_to_an_actor(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    server = await serve(ROOMS, objects=["Room"])
    async with http.ws_connect(f"{server.url}/room") as ws:
        await ws.send_str("hello")
        assert await ws.receive_str() == "hello"
        await ws.close(code=4002, message=b"done")
    assert await heard(http, server) == ["close", 4002, "done", True]


async def test_a_worker_takes_the_socket_of_an_actor_for_itself(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    main = (
        ROOMS.split("class Default")[0]
        + """class Default(WorkerEntrypoint):
        async def fetch(self, request):
            stub = self.env.ROOM.get_by_name(request.parsed_url.path)
            if request.parsed_url.query_string != "talk":
                return await stub.fetch(request)
            response = await stub.fetch(request.url, headers={"Upgrade": "websocket"})
            heard, closed = asyncio.Queue(), asyncio.Queue()
            socket = response.web_socket
            socket.on_message = lambda event: heard.put_nowait(event.data)
            socket.on_close = lambda event: closed.put_nowait(
                [event.code, event.reason, event.was_clean])
            socket.accept()
            for message in ("hello", b"bytes", "bye"):
                socket.send(message)
            got = [await heard.get(), str(await heard.get()), await closed.get()]
            return Response.json([response.status, *got, socket.ready_state])
    """
    )
    server = await serve(main, objects=["Room"])
    async with http.get(f"{server.url}/room?talk") as response:
        got = await response.json()
    assert got == [101, "hello", "b'bytes'", [4000, "as you wish", True], 3]
    assert await heard(http, server) == ["close", 4000, "as you wish", True]


async def test_an_idle_connection_keeps_nothing_of_http(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        await wire.upgrade("/")
        assert await wire.text() == "welcome"
        while server._front_side.front.server.connections:
            await asyncio.sleep(0)
        assert len(server._front_side.front._sockets) == 1
        wire.send(close_frame(1000))
        assert await wire.close_frame() == (1000, "")
        while server._front_side.front._sockets:
            await asyncio.sleep(0)


async def test_a_websocket_is_not_closed_as_an_idle_connection_is(serve: Serving) -> None:
    main = """
        from perdure import Response, WebSocketPair, WorkerEntrypoint

        class Default(WorkerEntrypoint):
            async def fetch(self, request):
                if request.headers.get("Upgrade") is None:
                    return Response("")
                client, server = WebSocketPair()
                server.accept()
                server.on_message = lambda event: server.send(event.data)
                return Response(None, status=101, web_socket=client)
    """
    server = await serve(main, limits={"keepalive_timeout_s": 0.05})
    async with await Wire.connect(server.url) as wire, await Wire.connect(server.url) as idle:
        await wire.upgrade("/")
        idle.say("GET / HTTP/1.1", "Host: a")
        assert (await idle.answer()).status == 200
        assert await idle.rest() == b""  # closed, though it has been idle for less long
        wire.send(frame(TEXT, "later"))
        assert await wire.text() == "later"
