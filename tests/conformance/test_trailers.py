"""Trailers of a chunked body belong to that body, never to the request behind it (RFC 9112, 7.1.2).

A proxy puts requests of different people on one connection. A trailer that turned up as a header
of the next request would be one person speaking in another's name.
"""

import asyncio

import pytest

from perdure.runtime.server import Server
from tests.serving import Serving
from tests.wire import Answer, Wire

# Answers with the body, and with the header that only a smuggled trailer can bring.
TELLING = """
    from perdure import Response, WorkerEntrypoint

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            body = await request.text()
            return Response(f"{request.url[-6:]} {body} {request.headers.get('X-Admin')}")
"""

CHUNKED = (
    b"POST /first HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2\r\nhi\r\n0\r\nX-Admin: yes\r\n\r\n"
)
PLAIN = b"POST /first HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
BEHIND = b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
async def server(serve: Serving) -> Server:
    return await serve(TELLING)


async def all_answers(wire: Wire) -> list[str]:
    """What was answered until the server closed the connection."""
    found: list[str] = []
    while True:
        try:
            answer: Answer = await wire.answer()
        except (asyncio.IncompleteReadError, ConnectionError):
            return found
        found.append(answer.text)


async def test_a_trailer_is_no_header_of_its_own_request(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.send(CHUNKED)
        assert (await wire.answer()).text == "/first hi None"


async def test_a_trailer_is_no_header_of_the_next_request(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        for _ in range(3):
            wire.send(CHUNKED)
            assert (await wire.answer()).text == "/first hi None"
            wire.send(BEHIND)
            assert (await wire.answer()).text == "/other  None"


async def test_wherever_the_bytes_are_cut_a_trailer_stays_where_it_was(server: Server) -> None:
    last = b"GET /other HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    sent = CHUNKED + last
    for cut in range(len(CHUNKED) - 25, len(sent)):
        async with await Wire.connect(server.url) as wire:
            wire.send(sent[:cut])
            answers = [(await wire.answer()).text] if cut >= len(CHUNKED) else []
            wire.send(sent[cut:])
            answers += await all_answers(wire)
        assert answers == ["/first hi None", "/other  None"], cut


async def test_what_came_in_one_piece_behind_a_chunked_body_is_answered(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.send((CHUNKED + BEHIND + PLAIN) * 30)
        for _ in range(30):
            got = [(await wire.answer()).text for _ in range(3)]
            assert got == ["/first hi None", "/other  None", "/first hi None"]


async def test_what_came_behind_a_body_too_large_for_its_buffer_is_answered(
    server: Server,
) -> None:
    """The parser stops within the body, and goes on when the program has read."""
    data = b"x" * 0xFFFC + b"\r\n\r\n"
    body = (b"10000\r\n" + data + b"\r\n") * 16 + b"0\r\nX-Admin: yes\r\n\r\n"
    head, _, _ = CHUNKED.partition(b"2\r\nhi")
    async with await Wire.connect(server.url) as wire:
        wire.send((head + body + BEHIND) * 2)
        for _ in range(2):
            assert (await wire.answer()).text == f"/first {data.decode() * 16} None"
            assert (await wire.answer()).text == "/other  None"


async def test_a_client_that_waits_keeps_its_connection_after_a_chunked_body(
    server: Server,
) -> None:
    async with await Wire.connect(server.url) as wire:
        for _ in range(5):
            wire.send(PLAIN)
            assert (await wire.answer()).text == "/first hi None"


async def test_requests_ahead_of_a_chunked_one_are_all_answered(server: Server) -> None:
    async with await Wire.connect(server.url) as wire:
        wire.send(BEHIND * 3 + CHUNKED)
        assert [(await wire.answer()).text for _ in range(4)] == [
            *["/other  None"] * 3,
            "/first hi None",
        ]
        wire.send(BEHIND)
        assert (await wire.answer()).text == "/other  None"
