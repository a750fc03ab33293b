"""A body is read no faster than it is taken, in both directions; who takes nothing is let go of."""

import asyncio
import socket

import aiohttp
import pytest
from yarl import URL

from perdure.runtime.server import Server
from tests.serving import Serving
from tests.wire import PATIENCE_S, Wire

# More than all buffers between a client and a program hold, and far less than is offered.
BUFFERED_SIZE_BYTES_MAX = 16 * 2**20
OFFERED_SIZE_BYTES = 64 * 2**20
CHUNK = b"x" * 2**16

PROGRAM = """
    import asyncio
    from urllib.parse import urlsplit
    from perdure import DurableObject, Response, WorkerEntrypoint

    class Room(DurableObject):
        def __init__(self, ctx, env):
            super().__init__(ctx, env)
            self.go_on = asyncio.Event()
            self.made = 0
            self.ended = None

        async def fetch(self, request):
            path = urlsplit(request.url).path
            if path.endswith("/upload"):
                size = 0
                async for chunk in request.body:
                    size += len(chunk)
                    await self.go_on.wait()
                return Response(str(size))
            if path.endswith("/download"):
                return Response(self.chunks())
            if path.endswith("/go-on"):
                self.go_on.set()
            return Response.json([self.made, self.ended])

        async def chunks(self):
            try:
                for _ in range(1024):
                    self.made += 1
                    yield bytes(65536)
                self.ended = "whole"
            except BaseException as error:
                self.ended = type(error).__name__
                raise

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return await self.env.ROOM.get_by_name("a").fetch(request)
"""


async def look(server: Server, path: str = "/look") -> tuple[int, str | None]:
    """How many chunks the actor has made, and how that ended; the server has been round its loop."""
    async with aiohttp.request("GET", server.url + path) as response:
        made, ended = await response.json()
        return made, ended


async def offer(server: Server, raw: socket.socket, data: bytes) -> int:
    """Send as much as is taken, at most ``OFFERED_SIZE_BYTES``; return how much that was."""
    size = refused = 0
    async with asyncio.timeout(PATIENCE_S):
        while size < OFFERED_SIZE_BYTES and refused < 50:
            try:
                size += raw.send(data)
                refused = 0
            except BlockingIOError:
                refused += 1
                await look(server)  # it would have read meanwhile, if it read at all
    return size


async def test_a_request_is_read_no_faster_than_the_actor_takes_its_body(serve: Serving) -> None:
    server = await serve(PROGRAM, objects=["Room"], limits={"body_idle_timeout_s": 60.0})
    url = URL(server.url)
    length = OFFERED_SIZE_BYTES
    with socket.create_connection((url.host, url.port)) as raw:
        raw.setblocking(False)
        head = f"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"
        raw.send(head.encode())
        size = await offer(server, raw, CHUNK)
        assert size < BUFFERED_SIZE_BYTES_MAX
        await look(server, "/go-on")
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE_S):
            await loop.sock_sendall(raw, bytes(length - size))
            answer = await loop.sock_recv(raw, 2**16)
        assert answer.endswith(f"\r\n\r\n{length}".encode())


async def test_an_answer_is_made_no_faster_than_the_client_reads(serve: Serving) -> None:
    server = await serve(PROGRAM, objects=["Room"])
    async with await Wire.connect(server.url, receive_buffer_size=2**16) as wire:
        wire.say("GET /download HTTP/1.1", "Host: a")
        await wire.head()
        made = -1
        async with asyncio.timeout(PATIENCE_S):
            while made < (made := (await look(server))[0]):
                pass
        assert made * 65536 < BUFFERED_SIZE_BYTES_MAX
        size = 0
        while chunk := await wire.chunk():
            size += len(chunk)
        assert size == 1024 * 65536
    assert await look(server) == (1024, "whole")


@pytest.mark.parametrize("path", ["/download", "/whole"])
async def test_a_client_that_reads_nothing_more_is_cut_off(serve: Serving, path: str) -> None:
    program = PROGRAM.replace(
        'return await self.env.ROOM.get_by_name("a")',
        'if request.url.endswith("/whole"):\n'
        "                return Response(bytes(2**26))\n"
        '            return await self.env.ROOM.get_by_name("a")',
    )
    server = await serve(program, objects=["Room"], limits={"answer_idle_timeout_s": 0.1})
    async with await Wire.connect(server.url, receive_buffer_size=2**16) as wire:
        wire.say(f"GET {path} HTTP/1.1", "Host: a")
        await wire.head()
        async with asyncio.timeout(PATIENCE_S):
            while server.edge_statistics().answers_unread == 0:
                await look(server)
            if path == "/download":
                while (await look(server))[1] is None:
                    pass
        assert len(await wire.rest()) < 2**26, "it was cut off"
