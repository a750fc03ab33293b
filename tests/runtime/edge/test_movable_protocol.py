"""HTTP connections that go from one server to another between two requests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from aiohttp import web

from perdure.runtime.config.networks import Networks
from perdure.runtime.edge.admission import Admission
from perdure.runtime.edge.http_protocol import HttpServer
from perdure.runtime.edge.movable_protocol import MovableProtocol
from tests.runtime.shards.link.ends import until
from tests.wire import Wire


class Served:
    """A server whose connections may leave; its answers say how much it was sent."""

    def __init__(self) -> None:
        self.admission = Admission(10, 10, Networks(()))
        self.gate = asyncio.Event()
        self.gate.set()
        loop = asyncio.get_running_loop()
        self.server = HttpServer(
            self.handle,
            self.admission,
            header_timeout_s=30,
            answer_idle_timeout_s=30,
            requests_max=100,
            kind=MovableProtocol,
            loop=loop,
            access_log=None,
        )

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        await self.gate.wait()
        return web.Response(text=f"{request.path} {len(await request.read())}")

    @property
    def connection(self) -> MovableProtocol:
        (found,) = self.server.connections
        assert isinstance(found, MovableProtocol)
        return found


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Served, Wire]]:
    one = Served()
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(one.server, "127.0.0.1", 0)
    host, port = listener.sockets[0].getsockname()[:2]
    async with await Wire.connect(f"http://{host}:{port}") as wire:
        await until(lambda: one.server.connections)
        yield one, wire
    listener.close()
    await one.server.shutdown(1)


GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
CHUNKED = b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"


@pytest.mark.parametrize("requests", [[], [GET], [POST], [GET + POST, GET], [GET, CHUNKED]])
async def test_another_server_goes_on_where_one_has_stopped(requests: list[bytes]) -> None:
    async with served() as (one, wire):
        for request in requests:
            wire.send(request)
            for _ in range(request.count(b"HTTP/1.1")):
                assert (await wire.answer()).status == 200
        await until(lambda: one.connection._waiter is not None)
        descriptor = one.connection.leave()
        assert descriptor is not None
        await until(lambda: not one.server.connections)
        assert one.admission.statistics().open == 0
        wire.send(GET)
        other = Served()
        other.admission.take_in(descriptor, "127.0.0.1")
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(partial(other.server, descriptor), descriptor)
        assert (await wire.answer()).text == "/a 0"
        assert other.admission.statistics().open == 1
        other.connection.close_if_idle()
        await other.server.shutdown(1)


async def test_one_in_the_middle_of_a_request_stays() -> None:
    async with served() as (one, wire):
        for said in (GET[:10], GET + GET[:3], POST[:-1], POST + GET[:3], GET[:-2], b"nonsense"):
            one.connection._last_read = said
            assert one.connection.leave() is None
        one.connection._last_read = None
        assert one.connection.leave() is None
        wire.send(GET)
        assert (await wire.answer()).status == 200


async def test_one_that_rests_is_read_no_further_and_wakes_up_when_it_has_to() -> None:
    async with served() as (one, wire):
        one.gate.clear()
        wire.send(GET)
        await until(lambda: one.server.requests_count)
        assert one.connection.rest()
        wire.send(POST)
        one.gate.set()
        assert (await wire.answer()).text == "/a 0"
        assert one.server.requests_count == 1
        one.connection.wake_up()
        one.connection.wake_up()
        assert (await wire.answer()).text == "/b 3"
