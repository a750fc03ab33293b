"""A server that stops lets actors finish what they are at, and waits for nothing that has no end."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from perdure.runtime.server import Server
from tests.serving import Serving
from tests.wire import TEXT, Wire, close_frame, frame
from tests.world import turns

MAIN = """
    import asyncio
    from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint

    class Room(DurableObject):
        def __init__(self, ctx, env):
            super().__init__(ctx, env)
            self.go_on = asyncio.Event()

        async def fetch(self, request):
            what = request.parsed_url.path.strip("/")
            if what == "kept":
                return Response.json(self.ctx.storage.kv.get("kept"))
            if what == "wait_until":
                self.ctx.wait_until(self.work("waited for"))
                return Response("")
            if what == "background":
                asyncio.create_task(self.work("never"))
                return Response("")
            client, server = WebSocketPair()
            if what == "iterate":
                server.accept()
                self.ctx.wait_until(self.listen(server))
            else:
                self.ctx.accept_web_socket(server)
            return Response(None, status=101, web_socket=client)

        async def work(self, what):
            self.started = True
            await self.go_on.wait()
            self.ctx.storage.kv.put("kept", what)

        async def listen(self, socket):
            async for message in socket:
                await self.work(message)

        async def web_socket_message(self, socket, message):
            await self.work(message)
            socket.send("kept")

    class Default(WorkerEntrypoint):
        go_on = asyncio.Event()
        done = []

        async def fetch(self, request):
            if request.parsed_url.path == "/worker":
                self.ctx.wait_until(self.work())
                return Response("")
            return await self.env.ROOM.get_by_name("a").fetch(request)

        async def work(self):
            await self.go_on.wait()
            self.done.append(1)
"""


def room(server: Server) -> Any:
    """The one object that is in memory."""
    [registry] = server._actor_side.host.namespaces.values()
    [actor] = registry.live.values()
    return actor.handlers._instance  # type: ignore[union-attr]  # the native ones


async def ask(server: Server, path: str) -> str:
    async with await Wire.connect(server.url) as wire:
        wire.say(f"GET {path} HTTP/1.1", "Host: a", "Connection: close")
        return (await wire.answer()).text


async def stop_begins(server: Server, drain_s: float = 60) -> "asyncio.Task[None]":
    """Stop it, and see that it waits."""
    stopping = asyncio.create_task(server.stop(drain_s=drain_s))
    await turns()
    assert not stopping.done()
    return stopping


async def test_work_given_to_wait_until_is_finished(serve: Serving, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    server = await serve(MAIN, objects=["Room"], data_dir=data_dir)
    await ask(server, "/wait_until")
    stopping = await stop_begins(server)
    room(server).go_on.set()
    await stopping
    server = await serve(MAIN, objects=["Room"], data_dir=data_dir)
    assert await ask(server, "/kept") == '"waited for"'


async def test_work_of_the_worker_is_finished_as_well(serve: Serving) -> None:
    server = await serve(MAIN, objects=["Room"])
    await ask(server, "/worker")
    stopping = await stop_begins(server)
    default: Any = server._actor_side.worker._entrypoint
    default.go_on.set()
    await stopping
    assert default.done == [1]


@pytest.mark.parametrize("path", ["/socket", "/iterate"])
async def test_a_handler_of_a_socket_is_finished_before_the_socket_is_closed(
    serve: Serving, tmp_path: Path, path: str
) -> None:
    data_dir = tmp_path / "data"
    server = await serve(MAIN, objects=["Room"], data_dir=data_dir)
    async with await Wire.connect(server.url) as wire:
        await wire.upgrade(path)
        wire.send(frame(TEXT, "a message"))
        while not hasattr(room(server), "started"):
            await asyncio.sleep(0)
        stopping = await stop_begins(server)
        room(server).go_on.set()
        if path == "/socket":
            assert await wire.text() == "kept"
        assert await wire.close_frame() == (1001, "the server is going away")
        wire.send(close_frame(1001))
        await stopping
    server = await serve(MAIN, objects=["Room"], data_dir=data_dir)
    assert await ask(server, "/kept") == '"a message"'


@pytest.mark.parametrize("path", ["/socket", "/iterate"])
async def test_sockets_on_which_nobody_speaks_hold_nothing_up(serve: Serving, path: str) -> None:
    server = await serve(MAIN, objects=["Room"])
    async with await Wire.connect(server.url) as wire:
        await wire.upgrade(path)
        stopping = asyncio.create_task(server.stop(drain_s=3600))
        assert await wire.close_frame() == (1001, "the server is going away")
        wire.send(close_frame(1001))
        await stopping


async def test_a_task_that_nobody_waits_for_holds_nothing_up(serve: Serving) -> None:
    server = await serve(MAIN, objects=["Room"])
    await ask(server, "/background")
    await server.stop(drain_s=3600)


async def test_work_that_takes_too_long_is_cut_off(serve: Serving, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    server = await serve(MAIN, objects=["Room"], data_dir=data_dir)
    await ask(server, "/wait_until")
    await server.stop(drain_s=0.05)
    server = await serve(MAIN, objects=["Room"], data_dir=data_dir)
    assert await ask(server, "/kept") == "null"
