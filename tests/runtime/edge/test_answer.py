"""What is written by hand must read like what aiohttp writes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from perdure.actors.http import Request, Response
from perdure.runtime.config.limits import EdgeLimits
from perdure.runtime.edge.answer import BODY_SIZE_BYTES_MAX, writable
from perdure.runtime.edge.firewall.firewall import Firewall
from perdure.runtime.edge.front import Front
from perdure.runtime.edge.outside import Outside
from perdure.runtime.sockets.limits import SocketLimits
from tests.serving import Serving
from tests.wire import PATIENCE_S, Wire

Ask = Callable[..., Any]


class Canned:
    """Answers every request with the response the test has put there."""

    response = Response("hello")

    def fetch(self, request: Request, on_response: Any) -> None:
        on_response(self.response, None)


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    """Raw bytes to a server that gives one response, and what comes back until it closes."""
    loop = asyncio.get_running_loop()
    canned = Canned()
    front = Front(
        canned,
        loop,
        EdgeLimits(),
        SocketLimits(),
        firewall=Firewall(()),
        outside=Outside(),
        show_errors=False,
        on_request=lambda record: None,
    )
    listener = await loop.create_server(front.server, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]

    async def ask(response: Response, method: str = "GET", version: str = "1.1") -> bytes:
        canned.response = response
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"{method} / HTTP/{version}\r\nHost: test\r\nConnection: close\r\n\r\n".encode()
        )
        data = await reader.read()
        writer.close()
        await writer.wait_closed()
        return data

    yield ask
    listener.close()
    await front.close(answers_leave_s=0.0, sockets_close_s=0.0)


def parts(data: bytes) -> tuple[str, dict[str, str], bytes]:
    head, body = data.split(b"\r\n\r\n", 1)
    line, *fields = head.decode().split("\r\n")
    return line, {k.lower(): v for k, v in (field.split(": ", 1) for field in fields)}, body


async def test_a_short_answer_has_status_length_type_date_and_server(ask: Ask) -> None:
    line, fields, body = parts(await ask(Response("hello", 201)))
    assert line == "HTTP/1.1 201 Created"
    assert body == b"hello"
    assert fields["content-length"] == "5"
    assert fields["content-type"] == "text/plain;charset=UTF-8"
    assert fields["server"] == "perdure"
    assert fields["date"].endswith("GMT")
    assert fields["connection"] == "close"


async def test_the_headers_of_the_handler_win_but_for_the_framing(ask: Ask) -> None:
    response = Response(
        "hello",
        status_text="Fine",
        headers=[
            ("Date", "then"),
            ("Server", "mine"),
            ("Content-Length", "99"),
            ("Transfer-Encoding", "chunked"),
            ("Set-Cookie", "a=1"),
            ("Set-Cookie", "b=2"),
        ],
    )
    data = await ask(response)
    line, fields, body = parts(data)
    assert line == "HTTP/1.1 200 Fine"
    assert (fields["date"], fields["server"], fields["content-length"]) == ("then", "mine", "5")
    assert "transfer-encoding" not in fields
    assert data.count(b"Set-Cookie: ") == 2
    assert body == b"hello"


@pytest.mark.parametrize(
    ("method", "version", "response", "length", "body"),
    [
        ("HEAD", "1.1", Response("hello"), "5", b""),
        ("GET", "1.0", Response("hello"), "5", b"hello"),
        ("GET", "1.1", Response(None, 204), None, b""),
        ("GET", "1.1", Response(None, 304), None, b""),
        ("GET", "1.1", Response(None), "0", b""),
        (
            "GET",
            "1.1",
            Response(b"x" * (BODY_SIZE_BYTES_MAX + 1)),
            str(BODY_SIZE_BYTES_MAX + 1),
            b"x" * (BODY_SIZE_BYTES_MAX + 1),
        ),
    ],
    ids=["head", "http 1.0", "no content", "not modified", "no body", "large"],
)
async def test_unusual_answers_are_right_as_well(
    ask: Ask, method: str, version: str, response: Response, length: str | None, body: bytes
) -> None:
    line, fields, got = parts(await ask(response.clone(), method, version))
    assert line.startswith(f"HTTP/{version} {response.status}")
    assert fields.get("content-length") == length
    assert got == body
    assert fields["server"] == "perdure"


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("size", [3, BODY_SIZE_BYTES_MAX + 1])
async def test_bytes_have_no_content_type_that_nobody_named(
    ask: Ask, method: str, version: str, size: int
) -> None:
    _, fields, _ = parts(await ask(Response(b"x" * size), method, version))
    assert "content-type" not in fields
    named = Response(b"x" * size, headers={"Content-Type": "image/png"})
    assert parts(await ask(named, method, version))[1]["content-type"] == "image/png"


async def chunks(*data: bytes) -> AsyncIterator[bytes]:
    for chunk in data:
        yield chunk


async def test_a_stream_has_no_content_type_that_nobody_named(ask: Ask) -> None:
    line, fields, body = parts(await ask(Response(chunks(b"ab", b"c"))))
    assert (line, "content-type" in fields) == ("HTTP/1.1 200 OK", False)
    assert fields["transfer-encoding"] == "chunked"
    assert body == b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"


async def test_a_stream_for_an_old_client_ends_with_the_connection(ask: Ask) -> None:
    _, fields, body = parts(await ask(Response(chunks(b"ab", b"c")), version="1.0"))
    assert "transfer-encoding" not in fields
    assert "content-length" not in fields
    assert body == b"abc"


async def test_a_stream_of_known_length_is_not_cut_into_chunks(ask: Ask) -> None:
    response = Response(chunks(b"ab", b"c"), headers={"Content-Length": "3"})
    _, fields, body = parts(await ask(response))
    assert (fields["content-length"], "transfer-encoding" in fields, body) == ("3", False, b"abc")


@pytest.mark.parametrize("length", ["three", "-3", "3, 3", "\u00b3"])
async def test_a_length_that_is_none_is_left_out(ask: Ask, length: str) -> None:
    response = Response(chunks(b"ab", b"c"), headers={"Content-Length": length})
    _, fields, body = parts(await ask(response))
    assert (fields["transfer-encoding"], "content-length" in fields) == ("chunked", False)
    assert body.endswith(b"0\r\n\r\n")


async def test_two_lengths_are_none_unless_they_agree(ask: Ask) -> None:
    both = Response(chunks(b"abc"), headers=[("Content-Length", "3"), ("Content-Length", "3")])
    assert parts(await ask(both))[1]["content-length"] == "3"
    both = Response(chunks(b"abc"), headers=[("Content-Length", "3"), ("Content-Length", "4")])
    assert "content-length" not in parts(await ask(both))[1]


async def test_a_head_request_is_told_the_length_that_a_get_would_have(ask: Ask) -> None:
    told = Response(None, headers={"Content-Length": "1234", "Content-Type": "image/png"})
    _, fields, body = parts(await ask(told, "HEAD"))
    assert (fields["content-length"], fields["content-type"], body) == ("1234", "image/png", b"")
    wrong = Response(None, headers={"Content-Length": "many"})
    assert "content-length" not in parts(await ask(wrong, "HEAD"))[1]
    told = Response("hello", headers={"Content-Length": "1234"})
    assert parts(await ask(told, "HEAD"))[1]["content-length"] == "5"


async def test_the_body_of_a_stream_is_not_read_for_a_head_request(ask: Ask) -> None:
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("nobody wants it")
        yield b""

    line, fields, body = parts(await ask(Response(never()), "HEAD"))
    assert (line, body, "transfer-encoding" in fields) == ("HTTP/1.1 200 OK", b"", False)


@pytest.mark.parametrize("size", [3, BODY_SIZE_BYTES_MAX + 1])
async def test_headers_of_the_handler_about_the_connection_do_not_count(
    ask: Ask, size: int
) -> None:
    headers = [("Connection", "keep-alive, X"), ("Keep-Alive", "9"), ("Transfer-Encoding", "gzip")]
    _, fields, _ = parts(await ask(Response(b"x" * size, headers=headers)))
    assert fields["connection"] == "close"
    assert {"keep-alive", "transfer-encoding"} & set(fields) == set()


async def test_bytes_of_other_encodings_in_headers_leave_as_they_came(ask: Ask) -> None:
    latin = b"caf\xe9".decode("utf-8", "surrogateescape")
    data = await ask(Response("x", headers={"X-A": latin, "X-B": "grüße"}))
    assert b"X-A: caf\xe9\r\n" in data
    assert "X-B: grüße\r\n".encode() in data
    # aiohttp writes this one, which knows text only.
    data = await ask(Response(chunks(b"x"), headers={"X-A": latin, "X-B": "grüße"}))
    assert "X-A: café\r\n".encode() in data
    assert "X-B: grüße\r\n".encode() in data


def test_writable_text_is_what_utf_8_can_say() -> None:
    assert [writable(v) for v in ("plain", "grüße", "caf\udce9")] == ["plain", "grüße", "café"]


async def test_a_client_that_asks_on_and_reads_nothing_is_asked_to_wait(serve: Serving) -> None:
    """Or its answers would wait in memory, as many as it likes to ask for in one go."""
    main = """
        from perdure import Response, WorkerEntrypoint

        class Default(WorkerEntrypoint):
            async def fetch(self, request):
                return Response("x" * 60_000)
    """
    server = await serve(main, limits={"answer_idle_timeout_s": 0.5})
    async with await Wire.connect(server.url, receive_buffer_size=4096) as wire:
        with contextlib.suppress(ConnectionError):
            for _ in range(2000):
                wire.say("GET / HTTP/1.1", "Host: a")
            await wire.drain()
            async with asyncio.timeout(PATIENCE_S):
                while not server.edge_statistics().answers_unread:
                    await asyncio.sleep(0.001)
    # What the system keeps of a connection by itself is some megabytes; 2000 answers are 120.
    assert server.edge_statistics().requests < 500
