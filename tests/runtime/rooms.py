"""A program whose actors tell what they hear, and one of them that watches the others misbehave."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from perdure.runtime.server import Server

# /NAME is an actor's WebSocket, which echoes; GET /NAME tells what it heard next.
ROOMS = """
    import asyncio
    from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint

    class Room(DurableObject):
        def __init__(self, ctx, env):
            super().__init__(ctx, env)
            self.heard = asyncio.Queue()

        async def fetch(self, request):
            if request.is_upgrade:
                client, server = WebSocketPair()
                server.accept()
                server.on_message = lambda event: self.on_message(server, event.data)
                server.on_close = lambda event: self.heard.put_nowait(
                    ["close", event.code, event.reason, event.was_clean]
                )
                server.on_error = lambda event: self.heard.put_nowait(["error", event.message])
                return Response(None, status=101, web_socket=client)
            if request.parsed_url.query_string == "sessions":
                return Response.json(len(self.ctx.sessions))
            return Response.json(await self.heard.get())

        def on_message(self, socket, message):
            if message == "tell":
                self.heard.put_nowait(["told"])
            elif message == "bye":
                socket.close(4000, "as you wish")
            elif message == "flood":
                for other in self.ctx.sessions.values():
                    other.send("x" * 1_000_000)
            elif message == "raise":
                raise ValueError("out of order")
            else:
                socket.send(message)

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return await self.env.ROOM.get_by_name(request.parsed_url.path).fetch(request)
"""


async def heard(http: aiohttp.ClientSession, server: Server, room: str = "room") -> Any:
    """What the actor of that room has heard next."""
    async with http.get(f"{server.url}/{room}") as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def sessions(http: aiohttp.ClientSession, server: Server, room: str = "room") -> Any:
    """How many sessions the actor holds."""
    async with http.get(f"{server.url}/{room}?sessions") as response:
        return await response.json()


@contextlib.asynccontextmanager
async def undisturbed(
    http: aiohttp.ClientSession, server: Server, *rooms: str
) -> AsyncIterator[None]:
    """Clients that talk before and after what happens inside, each to a room of those named."""
    async with contextlib.AsyncExitStack() as stack:
        sockets = []
        for room in rooms or ("elsewhere",):
            ws = await stack.enter_async_context(http.ws_connect(f"{server.url}/{room}"))
            sockets.append(ws)
            await ws.send_str("before")
            assert await ws.receive_str() == "before"
        started = server.statistics().actors_started
        yield
        for ws in sockets:
            await ws.send_str("after")
            assert await ws.receive_str() == "after"
        assert server.statistics().actors_started <= started + 1, "none had to start again"
