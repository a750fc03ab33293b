"""Trailers of a chunked body belong to that body, never to the request behind it (RFC 9112, 7.1.2).

A proxy puts requests of different people on one connection. A trailer that turned up as a header
of the next request would be one person speaking in another's name.
"""

import asyncio

import pytest

from perdure.runtime.edge.http_protocol import HttpProtocol
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

# Likewise, as soon as somebody has asked for /go-on.
WAITING = """
    import asyncio
    from perdure import Response, WorkerEntrypoint

    go_on = asyncio.Event()

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            if request.url.endswith("/go-on"):
                go_on.set()
                return Response("gone on")
            await go_on.wait()
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


class Reading:
    """When the server gets to see what it reads from its one connection."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.size = 0
        self.at_once = 0  # so many bytes are one read, whatever the kernel says
        self.queued_max = 0  # requests that waited for their turn
        real = HttpProtocol.data_received
        kept = bytearray()

        def read(protocol: HttpProtocol, data: bytes) -> None:
            self.size += len(data)
            kept.extend(data)
            if not data:  # the parser goes on
                real(protocol, data)
            elif len(kept) >= self.at_once:
                taken = bytes(kept)
                kept.clear()
                real(protocol, taken)
                self.queued_max = max(self.queued_max, len(protocol._messages))

        monkeypatch.setattr(HttpProtocol, "data_received", read)

    async def until(self, size: int) -> None:
        """Return when the server has read so much."""
        async with asyncio.timeout(30):
            while self.size < size:
                await asyncio.sleep(0)


async def test_wherever_the_bytes_are_cut_a_trailer_stays_where_it_was(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = b"GET /other HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    sent = CHUNKED + last
    reading = Reading(monkeypatch)
    for cut in range(len(CHUNKED) - 25, len(sent)):
        async with await Wire.connect(server.url) as wire:
            reading.size = 0
            wire.send(sent[:cut])
            await reading.until(cut)
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


async def test_few_of_many_requests_with_chunked_bodies_are_read_ahead(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is read by a parser of its own, which knows nothing of those before it."""
    reading = Reading(monkeypatch)
    reading.at_once = len(CHUNKED * 200)
    async with await Wire.connect(server.url) as wire:
        wire.send(CHUNKED * 200)
        for _ in range(200):
            assert (await wire.answer()).text == "/first hi None"
    assert 1 < reading.queued_max <= 33


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


async def test_what_came_behind_a_body_that_nobody_reads_yet_is_answered(
    serve: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it is there in one read, and the parser is full before it has seen the body's end."""
    server = await serve(WAITING)
    head, _, _ = CHUNKED.partition(b"2\r\nhi")
    data = b"x" * 0x200000
    sent = head + b"200000\r\n" + data + b"\r\n0\r\nX-Admin: yes\r\n\r\n" + BEHIND
    reading = Reading(monkeypatch)
    async with await Wire.connect(server.url) as wire, await Wire.connect(server.url) as other:
        reading.at_once = len(sent)
        wire.send(sent)
        await reading.until(len(sent))
        reading.at_once = 0
        other.send(b"GET /go-on HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await other.answer()).text == "gone on"
        assert (await wire.answer()).text == f"/first {data.decode()} None"
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
