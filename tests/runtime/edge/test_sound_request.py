"""Requests that could be read in two ways, or ask for what is not spoken here."""

import logging

import pytest

from perdure.runtime.server import Server
from tests.serving import Serving
from tests.wire import Wire

MAIN = """
    from perdure import Response, WorkerEntrypoint

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            if request.url.endswith("/stream"):
                return Response(self.stream())
            names = sorted(name for name, _ in request.header_fields().items())
            return Response(f"{request.url} {await request.text()} {' '.join(names)}")

        async def stream(self):
            yield b"a"
            yield b"b"
"""
CHUNKED = "Transfer-Encoding: chunked"


@pytest.fixture
async def server(serve: Serving) -> Server:
    return await serve(MAIN)


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["Content-Length: 5", CHUNKED], id="length and coding"),
        pytest.param([CHUNKED, "Content-Length: 5"], id="coding and length"),
        pytest.param(["Content-Length: 5", "Content-Length: 6"], id="two lengths"),
        pytest.param(["Content-Length: 5, 5"], id="a list of lengths"),
        pytest.param(["Content-Length: +5"], id="a sign"),
        pytest.param(["Content-Length: 0x5"], id="hexadecimal"),
        pytest.param(["Content-Length: 5_0"], id="as Python writes it"),
        pytest.param(["Content-Length: 99999999999999999999999"], id="overflow"),
        pytest.param(["Transfer-Encoding: xchunked"], id="nearly chunked"),
        pytest.param(["Transfer-Encoding: chunked, identity"], id="not chunked at the end"),
        pytest.param([CHUNKED, CHUNKED], id="chunked twice"),
        pytest.param(["Transfer-Encoding: \x0bchunked"], id="a vertical tab"),
        pytest.param(["Transfer-Encoding : chunked"], id="a space before the colon"),
        pytest.param(["X: a", " b"], id="a folded line"),
        pytest.param(["X: a\rb"], id="a carriage return"),
        pytest.param(["X: a\0b"], id="a zero"),
        pytest.param(["X\n: a"], id="a line feed in a name"),
        pytest.param(["X"], id="no colon"),
        pytest.param([": x"], id="no name"),
    ],
)
async def test_headers_with_two_readings_are_refused(server: Server, lines: list[str]) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say("POST / HTTP/1.1", "Host: a", *lines, body=b"0\r\n\r\nGET /b HTTP/1.1\r\n\r\n")
        assert (await wire.answer()).status == 400
        assert await wire.rest() == b"", "the connection is not used any more"


@pytest.mark.parametrize(
    "body",
    [
        b"0x2\r\nab\r\n0\r\n\r\n",
        b"+2\r\nab\r\n0\r\n\r\n",
        b" 2\r\nab\r\n0\r\n\r\n",
        b"2 \r\nab\r\n0\r\n\r\n",
        b"2\nab\n0\n\n",
        b"2;a\nb\r\nab\r\n0\r\n\r\n",
        b"fffffffffffffffff\r\nab\r\n",
        b"2\r\nabXX0\r\n\r\n",
    ],
)
async def test_chunks_with_two_readings_are_refused(server: Server, body: bytes) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say("POST / HTTP/1.1", "Host: a", CHUNKED, body=body)
        assert (await wire.answer()).status == 400
        assert await wire.rest() == b""


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        pytest.param(["GET / HTTP/2.0", "Host: a"], 505, id="HTTP/2"),
        pytest.param(["GET /"], 505, id="HTTP/0.9"),
        pytest.param(["POST / HTTP/1.0", CHUNKED], 400, id="chunked in HTTP/1.0"),
        pytest.param(
            ["POST / HTTP/1.1", "Host: a", "Transfer-Encoding: gzip, chunked"], 501, id="gzip"
        ),
        pytest.param(["CONNECT a:80 HTTP/1.1", "Host: a:80"], 501, id="a tunnel"),
        pytest.param(["POST / HTTP/1.1", "Host: a", "Expect: 200-ok"], 417, id="an expectation"),
    ],
)
async def test_what_is_not_spoken_is_refused_and_the_connection_ends(
    server: Server, lines: list[str], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say(*lines, body=b"0\r\n\r\n" if "Transfer" in lines[-1] else b"")
        assert (await wire.answer()).status == status
        assert await wire.rest() == b""
    assert [r for r in caplog.records if r.levelno > logging.DEBUG] == []


async def test_a_target_of_another_scheme_is_refused(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say("GET ftp://a/ HTTP/1.1", "Host: a")
        assert (await wire.answer()).status == 400


@pytest.mark.parametrize("name", ["X-Perdure-Sandbox", "x-perdure-sandbox", "X-PERDURE-SANDBOX"])
async def test_what_only_we_may_say_is_refused(server: Server, name: str) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say("GET / HTTP/1.1", "Host: a", f"{name}: port 8080")
        answer = await wire.answer()
        assert answer.status == 400
        assert "is not for clients" in answer.text


async def test_an_old_client_can_tell_where_a_stream_ends(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.say("GET /stream HTTP/1.0", "Host: a", "Connection: keep-alive")
        answer = await wire.answer()
        assert (answer.body, answer.get("Connection")) == (b"ab", None)
