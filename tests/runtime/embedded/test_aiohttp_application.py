"""A program in an application of aiohttp, over real connections."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import WSMsgType, web

import perdure
from perdure.runtime.config.model import WorkerConfig

pytestmark = pytest.mark.inline("a mounted program has one process")


@contextlib.asynccontextmanager
async def running(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app, shutdown_timeout=5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


async def test_requests_are_answered(config: WorkerConfig, http: aiohttp.ClientSession) -> None:
    data = bytes(range(256)) * 4_000
    async with running(perdure.aiohttp_app(config)) as url:
        async with http.put(f"{url}/told?a=%20") as response:
            assert (response.status, await response.text()) == (201, "127.0.0.1")
            assert response.headers.getall("Set-Cookie") == ["a=1", "b=2"]
            assert response.headers["X-Url"] == f"{url}/told?a=%20"
        async with http.post(f"{url}/echo", data=data) as response:
            assert await response.read() == data
            assert "Content-Type" not in response.headers
        async with http.head(f"{url}/count") as response:
            assert response.headers["Content-Length"] == "1"
        async with http.get(f"{url}/none") as response:
            assert (response.status, await response.read()) == (204, b"")
        with pytest.raises(aiohttp.ClientError):
            async with http.get(f"{url}/broken-stream") as response:
                await response.read()


async def test_a_stream_ends_when_its_client_goes(
    config: WorkerConfig, http: aiohttp.ClientSession
) -> None:
    async with running(perdure.aiohttp_app(config)) as url:
        async with http.get(f"{url}/endless") as response:
            await response.content.readexactly(100_000)
        response.close()
        async with http.get(f"{url}/ended") as told:
            assert await told.json() == "the generator"


async def test_websockets_below_a_prefix(config: WorkerConfig, http: aiohttp.ClientSession) -> None:
    app = web.Application()
    app.add_subapp("/rooms", perdure.aiohttp_app(config))
    async with running(app) as base:
        url = f"{base}/rooms"
        async with http.get(f"{url}/told") as response:
            assert response.headers["X-Url"] == f"{base}/told"
        async with http.ws_connect(f"{url}/protocol", protocols=("v1", "v2")) as socket:
            assert socket.protocol == "v2"
            assert socket._response.headers["X-A"] == "1"
        async with http.ws_connect(f"{url}/ws") as one, http.ws_connect(f"{url}/ws") as two:
            await one.send_str("hi")
            assert await one.receive_str() == await two.receive_str() == "1 hi"
            await one.send_bytes(bytes(300_000))
            assert await one.receive_bytes() == await two.receive_bytes() == bytes(300_000)
            await one.close(code=4321, message=b"bye")
            async with http.get(f"{url}/ended") as response:
                assert await response.json() == [4321, "bye", True]
            async with http.get(f"{url}/kick"):
                pass
            message = await two.receive()
            assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, 4000, "kicked")


async def test_a_client_that_vanishes_is_heard(
    config: WorkerConfig, http: aiohttp.ClientSession
) -> None:
    async with running(perdure.aiohttp_app(config)) as url:
        socket = await http.ws_connect(f"{url}/ws")
        assert socket._response.connection is not None
        assert socket._response.connection.transport is not None
        socket._response.connection.transport.abort()
        async with http.get(f"{url}/ended") as response:
            assert (await response.json())[0] == 1006


async def test_an_upgrade_is_refused_in_the_programs_words(
    config: WorkerConfig, http: aiohttp.ClientSession
) -> None:
    async with running(perdure.aiohttp_app(config)) as url:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(f"{url}/refused")
        assert refused.value.status == 401
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(f"{url}/ws", origin="https://evil.example")
        assert refused.value.status == 403


async def test_open_websockets_are_told_of_the_end(
    config: WorkerConfig, http: aiohttp.ClientSession
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        url = await stack.enter_async_context(running(perdure.aiohttp_app(config)))
        socket = await http.ws_connect(f"{url}/ws")
        message, _ = await asyncio.gather(socket.receive(), stack.aclose())
        assert (message.type, message.data) == (WSMsgType.CLOSE, 1001)


async def test_the_application_around_it_calls_actors(config: WorkerConfig) -> None:
    rooms = perdure.aiohttp_app(config)
    app = web.Application()
    app.add_subapp("/rooms", rooms)
    async with running(app):
        mount = rooms[perdure.MOUNT]
        room = mount.env.ROOM.get_by_name("lobby")
        assert await room.count() == 0
        assert await asyncio.to_thread(mount.call, room.count) == 0
