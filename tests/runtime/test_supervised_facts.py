"""What an actor may ask of its clients' connections, in a server of one process and of several."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from perdure.runtime.supervised import SupervisedServer
from tests.runtime.test_supervised import get, pid_of, running
from tests.serving import Serving

MAIN = """
    import asyncio
    from perdure import (
        DurableObject, Response, WebSocketPair, WebSocketRequestResponsePair, WorkerEntrypoint
    )

    CHUNK = b"x" * 16_384
    MUCH = 1_000_000

    class Room(DurableObject):
        def __init__(self, ctx, env):
            super().__init__(ctx, env)
            ctx.set_web_socket_auto_response(WebSocketRequestResponsePair("ping", "pong"))
            self.at_start = self.times()

        def times(self):
            ctx = self.ctx
            return [ctx.get_web_socket_auto_response_timestamp(ws) for ws in ctx.get_web_sockets()]

        async def fetch(self, request):
            match request.parsed_url.path.split("/")[2]:
                case "times":
                    return Response.json([self.times(), self.at_start])
                case "trips":
                    return Response.json([ws.round_trip_s for ws in self.ctx.get_web_sockets()])
                case "buffered":
                    sockets = self.ctx.get_web_sockets()
                    count = self.ctx.storage.kv.get("count")
                    return Response.json([count, *(ws.buffered_amount for ws in sockets)])
            client, server = WebSocketPair()
            self.ctx.accept_web_socket(server)
            return Response(None, status=101, web_socket=client)

        async def web_socket_message(self, ws, message):
            if message == "much":
                count = 0
                while ws.buffered_amount < MUCH:
                    count += 1
                    ws.send(CHUNK)
                    await asyncio.sleep(0)
                self.ctx.storage.kv.put("count", count)
                ws.send(str(count))
            else:
                ws.send(str(self.ctx.get_web_socket_auto_response_timestamp(ws)))

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            name = request.parsed_url.path.split("/")[1]
            return await self.env.ROOM.get_by_name(name).fetch(request)
"""
SHAPES = pytest.mark.parametrize("workers", [0, 1])


@asynccontextmanager
async def serving(
    serve: Serving, data_dir: Path, workers: int, limits: dict[str, float] | None = None
) -> AsyncIterator[Any]:
    config = serve.write(MAIN, objects=["Room"], limits=limits)
    if workers:
        async with running(config, data_dir, workers=workers) as server:
            yield server
    else:
        yield await serve.start(config, data_dir=data_dir)


async def ping(client: aiohttp.ClientWebSocketResponse) -> int:
    """Have it answered by itself; return a time before that."""
    before_ms = int(time.time() * 1000)
    await client.send_str("ping")
    assert await client.receive_str(timeout=20) == "pong"
    return before_ms


@pytest.mark.parametrize("workers", [0, 2])
async def test_when_a_client_was_answered_by_itself(
    serve: Serving, tmp_path: Path, workers: int
) -> None:
    async with (
        serving(serve, tmp_path / "data", workers) as server,
        aiohttp.ClientSession() as session,
    ):
        for name in "abcd":  # some of them are in the worker that has the entrypoint, others not
            client = await session.ws_connect(f"{server.url}/{name}/socket")
            assert await get(session, f"{server.url}/{name}/times") == [[None], []]
            for _ in range(3):
                before_ms = await ping(client)
                [[told_ms], _] = await get(session, f"{server.url}/{name}/times")
                assert before_ms <= told_ms <= time.time() * 1000
                before_ms = await ping(client)
                await client.send_str("when")
                told_ms = int(await client.receive_str(timeout=20))
                assert before_ms <= told_ms <= time.time() * 1000
            await client.close()


async def test_the_time_of_an_answer_outlives_the_process_of_the_actor(
    serve: Serving, tmp_path: Path
) -> None:
    async with (
        serving(serve, tmp_path / "data", 1) as server,
        aiohttp.ClientSession() as session,
    ):
        assert isinstance(server, SupervisedServer)
        client = await session.ws_connect(f"{server.url}/a/socket")
        await ping(client)
        [[told_ms], _] = await get(session, f"{server.url}/a/times")
        os.kill(pid_of(server, "0"), signal.SIGKILL)
        assert await get(session, f"{server.url}/a/times") == [[told_ms], [told_ms]]
        await client.close()


@SHAPES
async def test_who_sends_until_much_is_buffered_stops_in_time(
    serve: Serving, tmp_path: Path, workers: int
) -> None:
    async with (
        serving(serve, tmp_path / "data", workers) as server,
        aiohttp.ClientSession(read_bufsize=1024) as session,
    ):
        client = await session.ws_connect(f"{server.url}/a/socket", max_msg_size=0)
        await client.send_str("much")
        sent = None
        async with asyncio.timeout(20):
            while sent is None:  # nobody reads meanwhile
                sent, buffered = await get(session, f"{server.url}/a/buffered")
        assert buffered < 4_000_000, "less than a connection's queue may have"
        count = 0
        while (message := await client.receive(timeout=20)).type is aiohttp.WSMsgType.BINARY:
            count += 1
        assert (message.type, message.data) == (aiohttp.WSMsgType.TEXT, str(count))
        assert count == sent
        async with asyncio.timeout(20):
            while buffered:
                _, buffered = await get(session, f"{server.url}/a/buffered")
        await client.close()


@SHAPES
async def test_how_long_the_answer_to_a_ping_took(
    serve: Serving, tmp_path: Path, workers: int
) -> None:
    limits = {"websocket_ping_interval_s": 0.05}
    async with (
        serving(serve, tmp_path / "data", workers, limits) as server,
        aiohttp.ClientSession() as session,
    ):
        client = await session.ws_connect(f"{server.url}/a/socket")
        reading = asyncio.ensure_future(client.receive())
        trip: float | None = None
        async with asyncio.timeout(20):
            while trip is None:
                [trip] = await get(session, f"{server.url}/a/trips")
                await asyncio.sleep(0.01)
        assert 0 <= trip < 20
        await client.close()
        await reading
