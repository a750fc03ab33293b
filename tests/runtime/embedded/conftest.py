"""Programs that are mounted in servers of other makes, on real ports."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import uvicorn
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config

from tests.serving import Serving

MAIN = """
import asyncio
from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint, upgrade_websocket

waiting = asyncio.Event()
ended = asyncio.Queue()

class Room(DurableObject):
    async def fetch(self, request):
        client, server = WebSocketPair()
        self.ctx.accept_web_socket(server)
        return Response(None, status=101, web_socket=client)

    async def web_socket_message(self, ws, message):
        number = (await self.ctx.storage.get("n") or 0) + 1
        await self.ctx.storage.put("n", number)
        for socket in self.ctx.get_web_sockets():
            socket.send(message if isinstance(message, bytes) else f"{number} {message}")

    async def web_socket_close(self, ws, code, reason, was_clean):
        await self.ctx.storage.put("closed", [code, reason, was_clean])
        ended.put_nowait([code, reason, was_clean])

    async def count(self):
        return await self.ctx.storage.get("n") or 0

    async def kick(self):
        for socket in self.ctx.get_web_sockets():
            socket.close(4000, "kicked")

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        room = self.env.ROOM.get_by_name("lobby")
        path = request.parsed_url.path
        if path == "/ws":
            return await room.fetch(request)
        if path == "/protocol":
            response, socket = upgrade_websocket(request, protocol="v2", headers={"X-A": "1"})
            socket.send("hello")
            return response
        if path == "/refused":
            return Response("no entry", 401, headers={"X-Why": "because"})
        if path == "/count":
            return Response(str(await room.count()))
        if path == "/kick":
            await room.kick()
        if path == "/ended":
            return Response.json(await ended.get())
        if path == "/echo":
            return Response(request.body, headers={"X-Method": request.method})
        if path == "/whole":
            return Response(str(len(await request.bytes())))
        if path == "/told":
            headers = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Url", request.url)]
            return Response(request.client_address, 201, headers=headers)
        if path == "/broken":
            raise ValueError("mine")
        if path == "/broken-stream":
            async def chunks():
                yield b"first"
                raise ValueError("broken off")
            return Response(chunks())
        if path == "/endless":
            async def endless():
                try:
                    while True:
                        yield bytes(65536)
                finally:
                    ended.put_nowait("the generator")
            return Response(endless())
        if path == "/wait":
            await waiting.wait()
        if path == "/go":
            waiting.set()
        return Response(None, 204)
"""

Serve = Callable[[Any], contextlib.AbstractAsyncContextManager[int]]


def free_socket() -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", 0))
    return listening


@contextlib.asynccontextmanager
async def in_uvicorn(app: Any, *, lifespan: str = "on") -> AsyncIterator[int]:
    listening = free_socket()
    config = uvicorn.Config(
        app,
        log_config=None,
        lifespan=lifespan,  # type: ignore[arg-type]  # one of its words
        ws="websockets-sansio",
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]  # the test run's own

    async def run() -> None:
        try:
            await server.serve(sockets=[listening])
        except SystemExit as ended:
            raise RuntimeError("uvicorn has not started") from ended

    running = asyncio.create_task(run())
    try:
        while not server.started and not running.done():
            await asyncio.sleep(0)
        if running.done():
            await running
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        if not running.done():
            await running
        listening.close()


@contextlib.asynccontextmanager
async def in_hypercorn(app: Any) -> AsyncIterator[int]:
    listening = free_socket()
    listening.listen()
    config = Config()
    config.bind = [f"fd://{os.dup(listening.fileno())}"]
    config.graceful_timeout = 1
    stop = asyncio.Event()
    running = asyncio.create_task(hypercorn_serve(app, config, shutdown_trigger=stop.wait))
    try:
        yield listening.getsockname()[1]
    finally:
        stop.set()
        await running
        listening.close()


@pytest.fixture
def config(serve: Serving) -> Any:
    return serve.write(MAIN, objects=["Room"])
