"""Bodies of requests: read, streamed, too large, never read, and never sent."""

import asyncio
import logging
from typing import Any

import aiohttp
import pytest
from aiohttp import HttpVersion11
from aiohttp.streams import StreamReader

from perdure.actors.http_errors import BodyTooLate
from perdure.runtime.config.limits import EdgeLimits
from perdure.runtime.edge.request_body import BodyTooLarge, ClientGone, RequestBody
from perdure.runtime.server import Server
from tests.serving import Serving
from tests.wire import Wire

LIMIT = 100_000

# Each path reads the body of its request in another way; below /actor an actor does it.
MAIN = """
    import asyncio
    from perdure import DurableObject, Request, Response, WorkerEntrypoint

    calls = []
    late = asyncio.Queue()
    held = asyncio.Event()

    async def answer(request, wait_until):
        path = request.parsed_url.path
        calls.append(path)
        if path == "/what-was-late":
            return Response(await late.get())
        if path.endswith("/text"):
            return Response(await request.text())
        if path.endswith("/size"):
            size = 0
            async for chunk in request.body:
                size += len(chunk)
            return Response(str(size))
        if path.endswith("/echo"):
            return Response(request.body)
        if path.endswith("/first"):
            async for chunk in request.body:
                return Response(chunk)
        if path.endswith("/ignore"):
            return Response("not read")
        if path.endswith("/ponder"):
            for _ in range(100):  # by then as much has been read ahead as may be
                await asyncio.sleep(0)
            return Response("not read")
        if path.endswith("/wait-for-garbage"):
            await held.wait()
            return Response(await request.text())
        if path.endswith("/let-go"):
            held.set()
            return Response("")
        if path.endswith("/catch"):
            try:
                await request.bytes()
            except Exception as error:
                return Response(f"{type(error).__name__}: {error}", 418)
        if path.endswith("late"):
            async def read_on():
                try:
                    await request.bytes()
                except Exception as error:
                    late.put_nowait(str(error))
                else:
                    late.put_nowait("read")
            wait_until(read_on())
            if path.endswith("/very-late"):
                for _ in range(100):  # by then it waits for more
                    await asyncio.sleep(0)
            return Response("answered")
        if path.endswith("/twice"):
            return Response(await request.text() + await request.text())
        if path.endswith("/calls"):
            return Response.json(calls)

    class Reader(DurableObject):
        async def fetch(self, request):
            return await answer(request, self.ctx.wait_until)

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            path = request.parsed_url.path
            if path.startswith("/actor/"):
                return await self.env.READER.get_by_name("one").fetch(request)
            if path.startswith("/changed/"):
                request = Request(request, headers={"X-Changed": "yes"})
                return await self.env.READER.get_by_name("one").fetch(request)
            return await answer(request, self.ctx.wait_until)
"""
WHERE = ["", "/actor", "/changed"]


@pytest.fixture
async def server(serve: Serving) -> Server:
    return await serve(MAIN, objects=["Reader"], limits={"body_size_bytes_max": LIMIT})


async def get(server: Server, path: str) -> str:
    async with aiohttp.request("GET", server.url + path) as response:
        assert response.status == 200
        return await response.text()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def start_chunked(wire: Wire, path: str) -> None:
    wire.say(f"POST {path} HTTP/1.1", "Host: a", "Transfer-Encoding: chunked")
    await wire.drain()


# Bodies that are read.


@pytest.mark.parametrize("where", WHERE)
async def test_a_body_arrives_as_it_was_sent(server: Server, where: str) -> None:
    async with aiohttp.ClientSession() as http:
        for data in ("", "grüße", "x" * LIMIT):
            async with http.post(f"{server.url}{where}/text", data=data) as response:
                assert (response.status, await response.text()) == (200, data)


@pytest.mark.parametrize("where", WHERE)
async def test_chunks_are_there_as_they_come(server: Server, where: str) -> None:
    async with await Wire.connect(server.url) as wire:
        await start_chunked(wire, f"{where}/echo")
        assert (await wire.head()).status == 200
        for data in (b"one", b"two", b"x" * 50_000):
            wire.send(chunk(data))
            got = b""
            while len(got) < len(data):
                got += await wire.chunk()
            assert got == data
        wire.send(b"0\r\n\r\n")
        assert await wire.chunk() == b""
        wire.say("GET /calls HTTP/1.1", "Host: a")
        assert (await wire.answer()).status == 200, "the connection goes on"


async def test_a_large_body_passes_both_ways_at_once(serve: Serving) -> None:
    server = await serve(MAIN, objects=["Reader"])
    piece = bytes(range(256)) * 4096
    count = 40

    async def send() -> None:
        for _ in range(count):
            wire.send(chunk(piece))
            await wire.drain()
        wire.send(b"0\r\n\r\n")

    async with await Wire.connect(server.url) as wire:
        await start_chunked(wire, "/actor/echo")
        sending = asyncio.create_task(send())
        assert (await wire.head()).status == 200
        got = b""
        while data := await wire.chunk():
            got += data
        await sending
    assert got == piece * count


@pytest.mark.parametrize("where", WHERE)
async def test_a_body_can_be_read_once(
    server: Server, http: aiohttp.ClientSession, where: str
) -> None:
    async with http.post(f"{server.url}{where}/twice", data="x") as response:
        assert response.status == 500


# Expect: 100-continue.


@pytest.mark.parametrize("where", WHERE)
async def test_a_client_that_waits_is_told_to_send_when_its_body_is_wanted(
    server: Server, where: str
) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say(
            f"POST {where}/text HTTP/1.1", "Host: a", "Content-Length: 4", "Expect: 100-continue"
        )
        assert (await wire.head()).status == 100
        wire.send(b"body")
        assert (await wire.answer()).text == "body"
        wire.say("GET /calls HTTP/1.1", "Host: a")
        assert (await wire.answer()).status == 200


async def test_a_client_that_waits_is_told_before_the_head_of_an_answer_that_streams(
    server: Server,
) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say("POST /echo HTTP/1.1", "Host: a", "Content-Length: 4", "Expect: 100-continue")
        assert (await wire.head()).status == 100
        assert (await wire.head()).status == 200
        wire.send(b"body")
        assert await wire.chunk() == b"body"
        assert await wire.chunk() == b""


async def test_a_client_whose_body_is_not_wanted_is_not_told_to_send_it(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say("POST /ignore HTTP/1.1", "Host: a", "Content-Length: 4", "Expect: 100-continue")
        answer = await wire.answer()
        assert (answer.status, answer.text, answer.get("Connection")) == (200, "not read", "close")
        wire.writer.write_eof()
        assert await wire.rest() == b""


async def test_a_client_with_too_much_is_not_told_to_send_it(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say(
            "POST /text HTTP/1.1", "Host: a", f"Content-Length: {LIMIT + 1}", "Expect: 100-continue"
        )
        assert (await wire.answer()).status == 413
        wire.writer.write_eof()
        assert await wire.rest() == b""


async def test_an_old_client_is_not_told_what_it_does_not_understand(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say("POST /text HTTP/1.0", "Content-Length: 4", "Expect: 100-continue", body=b"body")
        answer = await wire.answer()
        assert (answer.status, answer.text) == (200, "body")


# Bodies over the limit.


async def test_a_length_over_the_limit_is_refused_before_user_code_runs(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say("POST /text HTTP/1.1", "Host: a", f"Content-Length: {LIMIT + 1}")
        answer = await wire.answer()
        assert (answer.status, answer.get("Connection")) == (413, "close")
        assert answer.text == (
            "the request's body is larger than 100000 bytes (perdure.limits.body_size_bytes_max)\n"
        )
        wire.writer.write_eof()
        assert await wire.rest() == b""
    assert await get(server, "/calls") == '["/calls"]'


async def test_the_limit_itself_is_allowed(server: Server, http: aiohttp.ClientSession) -> None:
    async with http.post(f"{server.url}/size", data=b"x" * LIMIT) as response:
        assert (response.status, await response.text()) == (200, str(LIMIT))


@pytest.mark.parametrize("path", ["/text", "/size"])
@pytest.mark.parametrize("where", WHERE)
async def test_a_body_that_grows_past_the_limit_while_it_is_read_is_413(
    server: Server, where: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with await Wire.connect(server.url) as wire:
        await start_chunked(wire, where + path)
        for _ in range(3):
            wire.send(chunk(b"x" * (LIMIT // 2)))
            await wire.drain()
        answer = await wire.answer()
        assert (answer.status, answer.get("Connection")) == (413, "close")
        assert answer.text.startswith("the request's body is larger than 100000 bytes")
        wire.writer.write_eof()
        assert await wire.rest() == b""
    assert [r.getMessage() for r in caplog.records if r.levelno > logging.DEBUG] == []


async def test_a_handler_may_answer_in_its_own_way(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        await start_chunked(wire, "/catch")
        wire.send(chunk(b"x" * (LIMIT + 1)))
        answer = await wire.answer()
        assert answer.status == 418
        assert answer.text.startswith("BodyTooLarge: the request's body is larger than")
        wire.send(b"0\r\n\r\n")
        wire.say("GET /calls HTTP/1.1", "Host: a")
        assert (await wire.answer()).status == 200


@pytest.mark.parametrize("where", WHERE)
async def test_a_body_that_nobody_reads_is_dropped_however_long_it_is(
    server: Server, where: str
) -> None:
    async with await Wire.connect(server.url) as wire:
        await start_chunked(wire, f"{where}/ignore")
        assert (await wire.answer()).text == "not read"
        for _ in range(20):
            wire.send(chunk(b"x" * LIMIT))
            await wire.drain()
        wire.send(b"0\r\n\r\n")
        wire.say("GET /calls HTTP/1.1", "Host: a")
        assert (await wire.answer()).status == 200, "the connection goes on"


@pytest.mark.parametrize("path", ["/ignore", "/ponder"])
@pytest.mark.parametrize("where", WHERE)
async def test_nothing_is_kept_of_a_body_that_nobody_reads(
    server: Server, where: str, path: str
) -> None:
    async with await Wire.connect(server.url) as wire:
        await start_chunked(wire, where + path)
        wire.send(chunk(b"x" * LIMIT) + b"0\r\n\r\n")
        assert (await wire.answer()).text == "not read"
        wire.say("GET /calls HTTP/1.1", "Host: a")
        assert (await wire.answer()).status == 200, "the connection goes on"
        assert len(server._actor_side.worker.tasks) == 0


async def test_no_other_client_notices(server: Server) -> None:
    async with await Wire.connect(server.url) as other:
        await start_chunked(other, "/actor/echo")
        assert (await other.head()).status == 200
        async with await Wire.connect(server.url) as wire:
            await start_chunked(wire, "/actor/size")
            wire.send(chunk(b"x" * (LIMIT + 1)))
            assert (await wire.answer()).status == 413
        other.send(chunk(b"still") + b"0\r\n\r\n")
        assert await other.chunk() == b"still"
        assert await other.chunk() == b""


# Bodies that are not read to their end.


@pytest.mark.parametrize("where", WHERE)
async def test_the_connection_goes_on_when_a_part_was_read(
    server: Server, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with await Wire.connect(server.url) as wire:
        await start_chunked(wire, f"{where}/first")
        wire.send(chunk(b"some"))
        assert (await wire.answer()).text == "some"
        wire.send(chunk(b"more") + b"0\r\n\r\n")
        wire.say("GET /calls HTTP/1.1", "Host: a")
        assert (await wire.answer()).status == 200
    assert [r.getMessage() for r in caplog.records if r.levelno > logging.DEBUG] == []


@pytest.mark.parametrize("path", ["/late", "/very-late"])
@pytest.mark.parametrize("where", WHERE)
async def test_a_body_cannot_be_read_after_the_answer(
    server: Server, where: str, path: str
) -> None:
    async with await Wire.connect(server.url) as wire:
        await start_chunked(wire, where + path)
        wire.send(chunk(b"some"))
        assert (await wire.answer()).text == "answered"
        assert (await get(server, "/what-was-late")).startswith(
            "Can't read from request stream after response has been sent."
        )
        wire.send(chunk(b"more") + b"0\r\n\r\n")
        wire.say("GET /calls HTTP/1.1", "Host: a")
        assert (await wire.answer()).status == 200


# Bodies that cannot be read.


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("path", ["/text", "/size", "/ponder", "/catch"])
async def test_a_body_that_goes_wrong_while_it_is_read(
    server: Server, where: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with await Wire.connect(server.url) as wire:
        await start_chunked(wire, where + path)
        wire.send(chunk(b"some"))
        while where + path not in await get(server, "/calls"):
            pass
        wire.send(b"nonsense\r\n")
        answer = await wire.answer()
        if path in {"/text", "/size"}:
            assert (answer.status, answer.get("Connection")) == (400, "close")
            assert answer.text == (
                "Bad Request: the request's body cannot be read: Invalid character in chunk size\n"
            )
        elif path == "/catch":
            assert (answer.status, answer.text[:14]) == (418, "BodyMalformed:")
        else:
            assert (answer.status, answer.text) == (200, "not read")
        rest = await wire.rest()
        assert rest == b"" or b"400 Bad Request" in rest
    assert [r.getMessage() for r in caplog.records if r.levelno > logging.DEBUG] == []


async def test_what_cannot_be_read_behind_a_body_does_not_spoil_it(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say("POST /wait-for-garbage HTTP/1.1", "Host: a", "Content-Length: 4", body=b"body")
        while "/wait-for-garbage" not in await get(server, "/calls"):
            pass
        wire.send(b"nonsense\r\n\r\n")
        connections = server._front_side.front.server.connections
        while not any(connection._messages for connection in connections):
            await asyncio.sleep(0)
        await get(server, "/let-go")
        assert (await wire.answer()).text == "body"
        assert (await wire.answer()).status == 400
        assert await wire.rest() == b""


# Clients that go.


@pytest.mark.parametrize("where", WHERE)
async def test_a_client_that_goes_while_it_sends(
    server: Server, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with await Wire.connect(server.url) as wire:
        await start_chunked(wire, f"{where}/text")
        wire.send(chunk(b"some"))
        while f"{where}/text" not in await get(server, "/calls"):
            pass
        wire.vanish()
    assert await get(server, "/calls")
    assert [r.getMessage() for r in caplog.records if r.levelno > logging.DEBUG] == []


async def test_the_handler_hears_that_the_client_has_gone(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    async with await Wire.connect(server.url) as wire:
        await start_chunked(wire, "/late")
        wire.send(chunk(b"some"))
        assert (await wire.answer()).text == "answered"
        wire.vanish()
        assert "after response has been sent" in await get(server, "/what-was-late")
    assert [r.getMessage() for r in caplog.records if r.levelno > logging.DEBUG] == []


# What is rare, on a stream that the test feeds.


class FakeRequest:
    """A request whose body the test feeds."""

    version = HttpVersion11
    headers: dict[str, str] = {"Expect": "100-continue"}
    transport = None

    def __init__(self, limits: EdgeLimits | None = None) -> None:
        protocol: Any = self
        loop = asyncio.get_running_loop()
        self.content = StreamReader(protocol, 2**16, loop=loop)
        request: Any = self
        self.body = RequestBody(request, limits or EdgeLimits(), loop)

    connected = True

    def pause_reading(self) -> None:
        """Of the protocol, which this stands for, too."""

    def resume_reading(self, *, resume_parser: bool = True) -> None:
        """See ``pause_reading``."""


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_chunk_that_came_for_a_reader_that_was_cancelled_is_kept() -> None:
    request = FakeRequest()
    reading = asyncio.create_task(request.body.read_chunk())
    await turns()
    request.content.feed_data(b"some")
    waiting = request.body._waiting
    assert waiting is not None
    while not waiting.done():
        await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await request.body.read_chunk() == b"some"
    request.content.feed_data(b"more")
    request.content.feed_eof()
    assert [await request.body.read_chunk() for _ in range(3)] == [b"more", b"", b""]


async def test_a_reader_that_is_cancelled_loses_nothing() -> None:
    request = FakeRequest()
    reading = asyncio.create_task(request.body.read_chunk())
    await turns()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    request.content.feed_data(b"some")
    assert await request.body.read_chunk() == b"some"


async def test_a_reader_that_waits_is_told_that_it_is_too_late() -> None:
    request = FakeRequest()
    reading = asyncio.create_task(request.body.read_chunk())
    await turns()
    await request.body.close()
    with pytest.raises(BodyTooLate):
        await reading
    request.content.feed_data(b"some")
    with pytest.raises(BodyTooLate):
        await request.body.read_chunk()
    assert await request.content.readany() == b"some", "the connection can drop it"


async def test_a_client_that_is_gone_is_not_invited() -> None:
    request = FakeRequest()
    assert request.body.is_awaited
    request.body.invite()
    assert not request.body.is_awaited
    request.content.set_exception(ConnectionResetError("reset"))
    with pytest.raises(ClientGone, match="reset"):
        await request.body.read_chunk()


def test_the_error_says_what_to_do() -> None:
    assert str(BodyTooLarge(5)) == (
        "the request's body is larger than 5 bytes (perdure.limits.body_size_bytes_max)"
    )
