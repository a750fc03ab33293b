"""What is written by hand must read like what aiohttp writes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from perdure.actors.http import Request, Response
from perdure.runtime.config.limits import EdgeLimits
from perdure.runtime.edge.answer import BODY_SIZE_BYTES_MAX
from perdure.runtime.edge.front import Front

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
    front = Front(canned, loop, EdgeLimits(), show_errors=False, on_request=lambda record: None)
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
    line, fields, got = parts(await ask(response, method, version))
    assert line.startswith(f"HTTP/{version} {response.status}")
    assert fields.get("content-length") == length
    assert got == body
    assert fields["server"] == "perdure"
