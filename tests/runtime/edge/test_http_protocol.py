"""Requests that cannot be read, and connections that end when they should."""

import asyncio
import logging
from typing import Any

import aiohttp
import pytest

from perdure.runtime.edge.http_protocol import plain_response, text_response
from perdure.runtime.edge.request_record import CLIENT_GONE, RequestRecord
from perdure.runtime.server import Server
from tests.runtime.rooms import ROOMS, undisturbed
from tests.serving import Serving
from tests.wire import Wire, upgrade_request

# Answers every request with what it was asked.
MIRROR = """
    from perdure import Response, WorkerEntrypoint

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            body = await request.text()
            return Response.json([request.method, request.url, body])
"""


@pytest.fixture
async def records() -> list[RequestRecord]:
    return []


@pytest.fixture
async def server(serve: Serving, records: list[RequestRecord]) -> Server:
    return await serve(MIRROR, on_request=records.append)


MALFORMED = [
    pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="TLS"),
    pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="SSH"),
    pytest.param(b"\0\0\0\0\r\n\r\n", id="zeros"),
    pytest.param(b"hello\r\n\r\n", id="a word"),
    pytest.param(b"GET\r\n\r\n", id="only a method"),
    pytest.param(b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", id="a version that is none"),
    pytest.param(b"GET / HTTP/1.1.1\r\nHost: a\r\n\r\n", id="a version too many"),
    pytest.param(b"GET / FTP/1.1\r\nHost: a\r\n\r\n", id="another protocol"),
    pytest.param(b"G\x01T / HTTP/1.1\r\nHost: a\r\n\r\n", id="a control character in the method"),
    pytest.param(b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", id="a space in the target"),
    pytest.param(b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", id="a zero in the target"),
    pytest.param(b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", id="UTF-8 in the path"),
    pytest.param(b"GET /?\xff HTTP/1.1\r\nHost: a\r\n\r\n", id="any bytes in the query"),
    pytest.param(b"GET / HTTP/1.1\r\nHost a\r\n\r\n", id="a header without a colon"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", id="a header without a name"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n", id="a space in a name"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n", id="a space behind a name"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n", id="a zero in a value"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nX: b\rY: c\r\n\r\n", id="a lone CR in a value"),
    pytest.param(
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", id="a negative length"
    ),
    pytest.param(
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1e1\r\n\r\n", id="a length that is none"
    ),
    pytest.param(
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        id="two lengths",
    ),
    pytest.param(
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        id="a length beyond all measure",
    ),
    pytest.param(
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\n",
        id="a length and chunks",
    ),
    pytest.param(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        id="chunks within another encoding",
    ),
]


@pytest.mark.parametrize("data", MALFORMED)
async def test_what_is_not_http_is_answered_with_400_and_the_connection_closed(
    server: Server,
    records: list[RequestRecord],
    caplog: pytest.LogCaptureFixture,
    data: bytes,
) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.send(data)
        answer = await wire.answer()
        assert (answer.status, answer.get("Server")) == (400, "perdure")
        assert answer.text.startswith("Bad Request: ")
        assert await wire.rest() == b""
    assert [r.levelname for r in caplog.records if r.levelno > logging.DEBUG] == []
    assert records == [], "no user code has seen it"


async def test_no_other_actor_notices_malformed_requests(
    serve: Serving, http: aiohttp.ClientSession
) -> None:
    server = await serve(ROOMS, objects=["Room"])
    async with undisturbed(http, server):
        for _ in range(20):
            async with await Wire.connect(server.url) as wire:
                wire.send(b"\xff" * 100 + b"\r\n\r\n")
                assert (await wire.answer()).status == 400


@pytest.mark.parametrize("body", [b"zz\r\nab\r\n", b"2\r\nabc\r\n", b"-2\r\nab\r\n"])
async def test_chunks_that_cannot_be_read_are_answered_with_400(
    server: Server, body: bytes
) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", body=body)
        assert (await wire.answer()).status == 400
        assert await wire.rest() == b""
    async with aiohttp.request("POST", server.url, data="fine") as response:
        assert response.status == 200


async def test_a_malformed_request_behind_a_good_one(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say("GET /good HTTP/1.1", "Host: a")
        assert (await wire.answer()).status == 200
        wire.send(b"\x00\x01\r\n\r\n")
        assert (await wire.answer()).status == 400
        assert await wire.rest() == b""


async def test_a_good_request_is_answered_before_the_malformed_one_that_came_with_it(
    server: Server, records: list[RequestRecord]
) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say("GET /good HTTP/1.1", "Host: a", body=b"\x00\x01\r\n\r\n\x02\r\n\r\n")
        assert [(await wire.answer()).status for _ in range(2)] == [200, 400]
        assert await wire.rest() == b""
    assert [record.status for record in records] == [200]


# Heads that are too large.


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["GET / HTTP/1.1", "Host: a", "X: " + "x" * 66_000], id="one huge header"),
        pytest.param(
            ["GET / HTTP/1.1", "Host: a", *(f"X-{n}: {'x' * 1000}" for n in range(70))],
            id="many large headers",
        ),
        pytest.param(
            ["GET / HTTP/1.1", "Host: a", *(f"X-{n}: x" for n in range(300))],
            id="very many headers",
        ),
        pytest.param([f"GET /{'x' * 66_000} HTTP/1.1", "Host: a"], id="a long URL"),
        pytest.param(
            [f"GET /{'x' * 40_000} HTTP/1.1", "Host: a", "X: " + "x" * 40_000],
            id="a long URL and a long header",
        ),
        pytest.param(["GET / HTTP/1.1", "Host: a", "x" * 66_000 + ": x"], id="a huge name"),
    ],
)
async def test_a_head_past_the_limit_is_431(
    server: Server, caplog: pytest.LogCaptureFixture, lines: list[str]
) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say(*lines)
        answer = await wire.answer()
        assert (answer.status, answer.text) == (431, "Request Header Fields Too Large\n")
    assert [r.levelname for r in caplog.records if r.levelno > logging.DEBUG] == []


async def test_a_head_within_the_limit_is_read(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say("GET / HTTP/1.1", "Host: a", *(f"X-{n}: {'x' * 300}" for n in range(200)))
        assert (await wire.answer()).status == 200


async def test_the_limit_is_configurable(serve: Serving) -> None:
    server = await serve(MIRROR, limits={"header_size_bytes_max": 1000})
    async with await Wire.connect(server.url) as wire:
        wire.say("GET / HTTP/1.1", "Host: a", *(f"X-{n}: {'x' * 90}" for n in range(11)))
        assert (await wire.answer()).status == 431


# Connections.


async def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.send(
            b"".join(
                b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n%d" % (n, n % 10)
                for n in range(50)
            )
        )
        for n in range(50):
            got = (await wire.answer()).text
            assert got == f'["POST", "http://a/{n}", "{n % 10}"]'


@pytest.mark.parametrize("protocol", ["h2c", "websocket", "TLS/1.0"])
async def test_a_request_behind_an_upgrade_that_is_not_made_is_answered(
    server: Server, protocol: str
) -> None:
    async with await Wire.connect(server.url) as wire:
        upgrade = (
            f"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n"
        )
        wire.send(upgrade.encode() + b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
        for number in (1, 2):
            assert (await wire.answer()).text == f'["GET", "http://a/{number}", ""]'


async def test_no_client_waits_for_an_answer_to_what_was_lost_behind_such_a_body(
    server: Server,
) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.send(
            b"GET /0 HTTP/1.1\r\nHost: a\r\n\r\n"
            b"POST /1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
            b"Content-Length: 2\r\n\r\nhiGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
        )
        assert (await wire.answer()).get("Connection") is None
        answer = await wire.answer()
        assert (answer.text, answer.get("Connection")) == ('["POST", "http://a/1", "hi"]', "close")
        assert await wire.rest() == b""


async def test_a_connection_is_kept_for_the_next_request(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        for _ in range(3):
            wire.say("GET / HTTP/1.1", "Host: a")
            answer = await wire.answer()
            assert (answer.version, answer.status, answer.get("Connection")) == (
                "HTTP/1.1",
                200,
                None,
            )


async def test_the_client_asks_for_the_end_of_the_connection(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say("GET / HTTP/1.1", "Host: a", "Connection: close")
        answer = await wire.answer()
        assert (answer.status, answer.get("Connection")) == (200, "close")
        assert await wire.rest() == b""


async def test_an_old_client_gets_its_answer_and_the_end(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say("GET /old HTTP/1.0")
        answer = await wire.answer()
        assert (answer.version, answer.status) == ("HTTP/1.0", 200)
        assert answer.text == f'["GET", "{server.url}/old", ""]'
        assert await wire.rest() == b""


async def test_an_old_client_may_ask_to_keep_the_connection(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        for _ in range(2):
            wire.say("GET / HTTP/1.0", "Host: a", "Connection: keep-alive")
            answer = await wire.answer()
            assert (answer.status, answer.get("Connection")) == (200, "keep-alive")


async def test_an_idle_connection_is_closed_after_its_time(serve: Serving) -> None:
    server = await serve(MIRROR, limits={"keepalive_timeout_s": 0.05})
    async with await Wire.connect(server.url) as wire:
        assert await wire.rest() == b""
    async with await Wire.connect(server.url) as wire:
        wire.say("GET / HTTP/1.1", "Host: a")
        assert (await wire.answer()).status == 200
        assert await wire.rest() == b""


async def test_half_a_head_does_not_keep_a_connection(serve: Serving) -> None:
    limits = {"header_timeout_s": 0.1, "keepalive_timeout_s": 0.05}
    server = await serve(MIRROR, limits=limits)
    for before in (0, 1):
        async with await Wire.connect(server.url) as wire:
            for _ in range(before):
                wire.say("GET / HTTP/1.1", "Host: a")
                assert (await wire.answer()).status == 200
            wire.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-")
            answer = await wire.answer()
            assert (answer.status, answer.get("Connection")) == (408, "close")
            assert await wire.rest() == b""


async def test_a_head_that_comes_in_pieces_is_read(serve: Serving) -> None:
    server = await serve(MIRROR, limits={"header_timeout_s": 30.0})
    async with await Wire.connect(server.url) as wire:
        for _ in range(2):
            for piece in (b"GET / HT", b"TP/1.1\r\nHost: a\r\n", b"X: y\r\n", b"\r\n"):
                wire.send(piece)
                await wire.drain()
                await asyncio.sleep(0)
            assert (await wire.answer()).status == 200


async def test_a_client_that_goes_before_the_answer_is_no_error(
    serve: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    records: asyncio.Queue[RequestRecord] = asyncio.Queue()
    main = """
        import asyncio
        from perdure import Response, WorkerEntrypoint

        held = asyncio.Event()
        arrived = asyncio.Event()

        class Default(WorkerEntrypoint):
            async def fetch(self, request):
                path = request.parsed_url.path
                if path == "/arrived":
                    await arrived.wait()
                elif path == "/let-go":
                    held.set()
                else:
                    arrived.set()
                    await held.wait()
                return Response(path)
    """
    server = await serve(main, on_request=records.put_nowait)
    async with aiohttp.ClientSession() as http, await Wire.connect(server.url) as wire:
        wire.say("GET /held HTTP/1.1", "Host: a")
        async with http.get(f"{server.url}/arrived") as response:
            assert response.status == 200
        wire.vanish()
        async with http.get(f"{server.url}/let-go") as response:
            assert response.status == 200
        paths = {(await records.get()).path for _ in range(3)}
        assert paths == {"/held", "/arrived", "/let-go"}
    assert [r.getMessage() for r in caplog.records if r.levelno > logging.DEBUG] == []


# The server's own answers.


def test_own_answers_are_text_and_say_who_speaks() -> None:
    response = plain_response(400, "no\udcff", {"X-Why": "because"})
    assert response.body == b"no\\udcff\n"
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert (response.headers["Server"], response.headers["X-Why"]) == ("perdure", "because")
    assert text_response(500, "<p>", "text/html").content_type == "text/html"


# Clients that close their sending side.

HELD = """
    import asyncio
    from perdure import Response, WebSocketPair, WorkerEntrypoint

    held = asyncio.Event()

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            path = request.parsed_url.path
            if path == "/let-go":
                held.set()
            elif path == "/held":
                await held.wait()
            elif path == "/text":
                return Response(await request.text())
            elif request.is_upgrade:
                await held.wait()
                client, server = WebSocketPair()
                server.accept()
                return Response(None, status=101, web_socket=client)
            return Response(path)
"""


async def let_go(server: Server) -> None:
    async with aiohttp.request("GET", f"{server.url}/let-go") as response:
        assert response.status == 200


async def test_a_client_that_says_nothing_more_gets_its_answers(serve: Serving) -> None:
    server = await serve(HELD)
    async with await Wire.connect(server.url) as wire:
        for path in ("/a", "/held", "/b"):
            wire.say(f"GET {path} HTTP/1.1", "Host: a")
        wire.writer.write_eof()
        assert (await wire.answer()).text == "/a"
        await let_go(server)
        assert [(await wire.answer()).text for _ in range(2)] == ["/held", "/b"]
        assert await wire.rest() == b""


@pytest.mark.parametrize(
    ("said", "logged"),
    [
        (b"GET / HTTP/1.1\r\nHos", []),
        (b"POST /text HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf", [CLIENT_GONE]),
    ],
)
async def test_a_client_that_ends_within_its_request_gets_none(
    serve: Serving, said: bytes, logged: list[int]
) -> None:
    records: list[RequestRecord] = []
    server = await serve(HELD, on_request=records.append)
    async with await Wire.connect(server.url) as wire:
        wire.send(said)
        wire.writer.write_eof()
        assert await wire.rest() == b""
    assert [record.status for record in records] == logged


async def test_no_websocket_is_made_for_a_client_that_has_ended(serve: Serving) -> None:
    server = await serve(HELD)
    async with await Wire.connect(server.url) as wire:
        wire.say(*upgrade_request())
        wire.writer.write_eof()
        await let_go(server)
        await wire.rest()
    async with asyncio.timeout(30):
        while server.edge_statistics().connections.open:
            await asyncio.sleep(0.001)


# Requests on one connection.


async def test_a_connection_ends_after_its_last_request(serve: Serving) -> None:
    server = await serve(MIRROR, limits={"keepalive_requests_max": 3})
    async with await Wire.connect(server.url) as wire:
        wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 5)
        answers = [await wire.answer() for _ in range(3)]
        assert [answer.get("Connection") for answer in answers] == [None, None, "close"]
        assert await wire.rest() == b""


class HalfFull:
    """A transport whose client has stopped reading."""

    def __init__(self) -> None:
        self.size_bytes = 100
        self.is_cut_off = False

    def get_write_buffer_size(self) -> int:
        return self.size_bytes

    def abort(self) -> None:
        self.is_cut_off = True


async def test_a_client_that_takes_a_little_of_its_answer_is_waited_for(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say("GET / HTTP/1.1", "Host: a")
        await wire.answer()
        (protocol,) = server._front_side.front._connections()
        transport: Any = HalfFull()
        protocol._may_be_unread(transport, 101)
        assert not transport.is_cut_off
        protocol._is_read_again()
        protocol._may_be_unread(transport, 100)
        assert transport.is_cut_off


async def test_what_was_read_together_with_a_chunked_body_is_not_answered(
    server: Server, records: list[RequestRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows whose headers it has, should bytes ever not be cut where a body ends."""
    monkeypatch.setattr("perdure.runtime.edge.http_protocol.is_one_piece", lambda _: True)
    async with await Wire.connect(server.url) as wire:
        wire.send(
            b"POST /first HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"0\r\nX-Admin: yes\r\n\r\n"
            b"GET /smuggled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        )
        assert b"smuggled" not in await wire.rest()
    assert "/smuggled" not in [record.path for record in records]
