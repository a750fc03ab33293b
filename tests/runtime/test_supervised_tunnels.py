"""Clients whose Worker has answered with a server's WebSocket: real processes, real clients.

What they speak over belongs to their router, so it outlives workers and goes from router to router.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from perdure.runtime.sandbox.connection import SandboxConnection
from perdure.runtime.shards.supervisor.places import Role
from perdure.runtime.shards.supervisor.states import ChildState
from perdure.runtime.supervised import SupervisedServer
from tests.examples.sandbox.projects import check_wall
from tests.runtime.sandbox.inside import PROGRAM
from tests.runtime.shards.link.ends import until
from tests.runtime.test_supervised import pid_of, running
from tests.runtime.test_supervised_upgrade import until_handed_over
from tests.serving import Serving

PASSING = """
    from perdure import WorkerEntrypoint, fetch

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return await fetch("{url}", headers=request.headers)
"""


class Echo:
    """A server elsewhere.

    Attributes:
        came: How many connections it has had.
        left: With which codes they have ended.
    """

    def __init__(self) -> None:
        self.came = 0
        self.left: list[int | None] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.WebSocketResponse:
        self.came += 1
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str("welcome")
        async for message in socket:
            if message.data == "bye":
                await socket.close(code=4321, message=b"as you wish")
            else:
                await socket.send_str(message.data)
        self.left.append(socket.close_code)
        return socket


@asynccontextmanager
async def echoing() -> AsyncIterator[Echo]:
    echo, app = Echo(), web.Application()
    app.router.add_get("/", echo.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    echo.url = f"http://{host}:{port}/"
    try:
        yield echo
    finally:
        await runner.cleanup()


class Client:
    """Says numbers and hears each of them again."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.said = 0

    async def talk(self, count: int) -> None:
        for _ in range(count):
            self.said += 1
            await self.socket.send_str(str(self.said))
            assert await self.socket.receive_str(timeout=60) == str(self.said)

    async def talk_while(self, happening: "asyncio.Future[Any]") -> None:
        while not happening.done():
            await self.talk(1)
        await self.talk(5)
        await happening


async def kill_all(server: SupervisedServer) -> None:
    """Kill each worker, and wait for its successor."""
    for slot in ("0", "1"):
        before = pid_of(server, slot)
        os.kill(before, signal.SIGKILL)

        def is_another(slot: str = slot, before: int = before) -> bool:
            processes = server.supervisor.statistics().processes
            return any(
                one.role is Role.WORKER
                and one.slot == slot
                and one.pid != before
                and one.state is ChildState.SERVING
                for one in processes
            )

        await until(is_another)


async def test_neither_side_notices_what_becomes_of_workers_and_routers(
    serve: Serving, tmp_path: Path
) -> None:
    async with echoing() as echo, aiohttp.ClientSession() as session:
        config = serve.write(PASSING.format(url=echo.url))
        async with running(config, tmp_path / "data") as server:
            sockets = [await session.ws_connect(server.url) for _ in range(4)]
            assert [await one.receive_str() for one in sockets] == ["welcome"] * 4
            clients = [Client(socket) for socket in sockets]
            for happens in (kill_all(server), server.supervisor.replace_all(drain_s=30)):
                happening = asyncio.ensure_future(happens)
                await asyncio.gather(*(client.talk_while(happening) for client in clients))
            for _ in range(2):
                upgrading = asyncio.ensure_future(server.upgrade())
                await asyncio.gather(*(client.talk_while(upgrading) for client in clients))
                await until_handed_over(server)
                await asyncio.gather(*(client.talk(5) for client in clients))
            assert (echo.came, echo.left) == (4, [])
            await sockets[0].send_str("bye")
            message = await sockets[0].receive(timeout=60)
            assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 4321)
            await sockets[1].close(code=4000)
            await until(lambda: len(echo.left) == 2)
            assert 4000 in echo.left
        await until(lambda: len(echo.left) == 4)


INTO_A_SANDBOX = """
    from perdure import Response, Sandbox, WorkerEntrypoint, get_sandbox

    PROGRAM = {program!r}

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            box = get_sandbox(self.env.SANDBOX, "one", sleep_after=600)
            if request.url.endswith("/end"):
                await box.destroy()
                return Response("ended")
            if request.url.endswith("/begin"):
                await box.write_file("/workspace/inner_server.py", PROGRAM)
                process = await box.start_process("exec python3 inner_server.py 8080 one")
                await process.wait_for_port(8080)
                return Response("began")
            return await box.ws_connect(request, 8080)
"""


@pytest.mark.sandbox
async def test_a_sandbox_stays_awake_for_a_socket_whose_worker_has_gone(
    serve: Serving, tmp_path: Path
) -> None:
    check_wall()
    config = serve.write(INTO_A_SANDBOX.format(program=PROGRAM), objects=["Sandbox"])
    async with (
        running(config, tmp_path / "data") as server,
        aiohttp.ClientSession() as session,
    ):
        async with session.get(f"{server.url}/begin") as response:
            assert await response.text() == "began"
        client = await session.ws_connect(f"{server.url}/socket")
        await client.send_str("one")
        assert await client.receive_str(timeout=60) == "one"
        (keeper,) = (tmp_path / "data/sandboxes").glob("*/keeper.sock")
        looking = await SandboxConnection.find(keeper.parents[1], keeper.parent.name)
        assert looking is not None

        async def idle_s() -> float:
            return float((await looking.ask("status"))["idle_s"])

        async def until_held() -> None:  # by another process, which has a connection of its own
            while await idle_s():
                await asyncio.sleep(0)

        await kill_all(server)
        await until_held()
        assert (await server.upgrade()).routers == 1
        await until_handed_over(server)
        await until_held()
        await client.send_str("two")
        assert await client.receive_str(timeout=60) == "two"
        await client.close()
        while await idle_s() == 0:
            await asyncio.sleep(0)
        looking.close()
        client = await session.ws_connect(f"{server.url}/socket")
        await client.send_str("three")
        assert await client.receive_str(timeout=60) == "three"
        async with session.get(f"{server.url}/end") as response:
            assert await response.text() == "ended"
        assert (await client.receive(timeout=60)).type is aiohttp.WSMsgType.CLOSE
