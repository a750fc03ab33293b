"""Sockets outlive the workers that their actors are in: killed, or replaced one by one."""

import asyncio
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from perdure.runtime.supervised import SupervisedServer
from tests.runtime.shards.link.ends import until
from tests.runtime.test_supervised import get, pid_of, running
from tests.serving import Serving

MAIN = """
    import asyncio
    from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint

    class Room(DurableObject):
        async def fetch(self, request):
            if request.parsed_url.path.endswith("/count"):
                return Response.json(self.ctx.storage.kv.get("count") or 0)
            client, server = WebSocketPair()
            if request.parsed_url.path.endswith("/hibernating"):
                self.ctx.accept_web_socket(server, ["one"])
                server.serialize_attachment(0)
            else:
                server.accept()
                server.on_message = lambda event: self.hear(server, event.data)
            return Response(None, status=101, web_socket=client)

        async def web_socket_message(self, ws, message):
            number = ws.deserialize_attachment() + 1
            ws.serialize_attachment(number)
            assert ws in self.ctx.get_web_sockets("one")
            await self.hear(ws, message)

        async def hear(self, ws, message):
            key = f"heard {message}"
            if self.ctx.storage.kv.get(key) is None:
                self.ctx.storage.kv.put(key, True)
                self.ctx.storage.kv.put("count", (self.ctx.storage.kv.get("count") or 0) + 1)
            elif not ws.redelivered:
                raise AssertionError("twice, and nobody says so")
            await asyncio.sleep(0)
            ws.send(message)

    class Deaf(Room):
        on_restart = "close"

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            kind, name = request.parsed_url.path.split("/")[1:3]
            binding = self.env.DEAF if kind == "deaf" else self.env.ROOM
            return await binding.get_by_name(name).fetch(request)
"""
IN_FLIGHT = 5


@dataclass
class Speaker:
    """A client that numbers what it says, and has some of it unanswered at all times.

    Attributes:
        said: How many messages.
        heard: The answers, in order.
        ended: The close that it never should hear of.
    """

    socket: aiohttp.ClientWebSocketResponse
    said: int = 0
    heard: list[int] = field(default_factory=list)
    ended: aiohttp.WSMessage | None = None
    wants: int = 0

    async def speak(self) -> None:
        while self.ended is None:
            while self.said < len(set(self.heard)) + IN_FLIGHT and self.said < self.wants:
                self.said += 1
                await self.socket.send_str(str(self.said))
            if len(set(self.heard)) >= self.wants:
                return
            message = await self.socket.receive(timeout=60)
            if message.type is not aiohttp.WSMsgType.TEXT:
                self.ended = message
                return
            self.heard.append(int(message.data))

    async def go_on(self, count: int) -> None:
        """Say so many more, and hear all the answers."""
        self.wants += count
        await self.speak()
        assert self.ended is None, self.ended
        assert list(dict.fromkeys(self.heard)) == list(range(1, self.wants + 1)), "in order"


async def join(session: aiohttp.ClientSession, server: SupervisedServer) -> list[Speaker]:
    paths = [f"/room/{name}-{how}/{how}" for name in "abcd" for how in KINDS]
    return [Speaker(await session.ws_connect(server.url + path)) for path in paths]


KINDS = ("hibernating", "standard")


async def test_clients_notice_nothing_when_workers_are_killed_or_replaced(
    serve: Serving, tmp_path: Path
) -> None:
    config = serve.write(MAIN, objects=["Room", "Deaf"])
    async with (
        running(config, tmp_path / "data") as server,
        aiohttp.ClientSession() as session,
    ):
        speakers = await join(session, server)

        async def everybody(count: int) -> None:
            await asyncio.gather(*(speaker.go_on(count) for speaker in speakers))

        await everybody(20)
        for slot in ("0", "1"):
            speaking = asyncio.ensure_future(everybody(60))
            heard = sum(len(speaker.heard) for speaker in speakers)
            await until(lambda: sum(len(speaker.heard) for speaker in speakers) > heard + 20)  # noqa: B023  # awaited here
            os.kill(pid_of(server, slot), signal.SIGKILL)
            await speaking
        speaking = asyncio.ensure_future(everybody(60))
        await server.supervisor.replace_all(drain_s=10)
        await speaking
        for name in [f"{name}-{how}" for name in "abcd" for how in KINDS]:
            assert await get(session, f"{server.url}/room/{name}/count") == 200
        for speaker in speakers:
            await speaker.socket.close()


async def test_a_class_may_have_its_sockets_closed(serve: Serving, tmp_path: Path) -> None:
    config = serve.write(MAIN, objects=["Room", "Deaf"])
    async with (
        running(config, tmp_path / "data", workers=1) as server,
        aiohttp.ClientSession() as session,
    ):
        for how in KINDS:
            client = await session.ws_connect(f"{server.url}/deaf/{how}/{how}")
            speaker = Speaker(client)
            await speaker.go_on(3)
            os.kill(pid_of(server, "0"), signal.SIGKILL)
            message = await client.receive(timeout=60)
            assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1012)


@pytest.mark.parametrize("how", KINDS)
async def test_a_client_that_leaves_while_nobody_serves_is_heard_to_leave(
    serve: Serving, tmp_path: Path, how: str
) -> None:
    config = serve.write(MAIN, objects=["Room", "Deaf"])
    async with (
        running(config, tmp_path / "data", workers=1) as server,
        aiohttp.ClientSession() as session,
    ):
        speaker = Speaker(await session.ws_connect(f"{server.url}/room/a/{how}"))
        await speaker.go_on(3)
        os.kill(pid_of(server, "0"), signal.SIGKILL)
        await speaker.socket.close(code=4000)
        assert speaker.socket.closed
        assert await get(session, f"{server.url}/room/a/count") == 3
