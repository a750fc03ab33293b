"""Each kind of thing that leaves an actor waits for what the actor had written or read.

test_what_leaves.py tests the gate; here is one test for each kind that goes through it, so that
a kind that went past it would be noticed (tests/mutants/outputs.py makes each of them do that).
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.events import AlarmEvent
from perdure.actors.fetch import fetch
from perdure.actors.http import Request, Response
from perdure.actors.socket_pair import WebSocketPair
from perdure.actors.websocket import WebSocket
from tests.durability.conftest import HeldDisk
from tests.world import FakeLink, World, turns

LATER = 2_000_000_000  # in milliseconds; the clock stands at half of it


class Speaker(DurableObject):
    """Writes, and then says something."""

    outgoing: WebSocket
    release: "asyncio.Future[None]"

    async def fetch(self, request: Request) -> Response:
        await self.ctx.storage.put("x", request.url)
        if request.url.endswith("/socket"):
            client, server = WebSocketPair()
            server.accept()
            return Response(None, status=101, web_socket=client)
        if request.url.endswith("/stream"):
            self.release = asyncio.get_running_loop().create_future()
            return Response(self.chunks())
        return Response("written")

    async def chunks(self) -> AsyncIterator[bytes]:
        yield b"knows nothing"
        await self.release
        await self.ctx.storage.put("x", "in the middle")
        yield b"knows of x"

    async def put(self, value: Any) -> Any:
        await self.ctx.storage.put("x", value)
        return value

    async def put_and_raise(self) -> None:
        await self.ctx.storage.put("x", "then it raised")
        raise ValueError("on purpose")

    async def put_and_wait(self, value: Any) -> None:
        await self.ctx.storage.put("x", value)
        self.release = asyncio.get_running_loop().create_future()
        await self.release

    async def let_go(self) -> None:
        self.release.set_result(None)

    async def get(self) -> Any:
        return await self.ctx.storage.get("x")

    async def dial(self) -> None:
        response = await fetch("http://upstream.test/", headers={"Upgrade": "websocket"})
        socket = response.web_socket
        assert isinstance(socket, WebSocket)
        socket.accept()
        self.outgoing = socket

    async def put_and_connect(self) -> None:
        await self.ctx.storage.put("x", 1)
        self.outgoing = WebSocket("ws://upstream.test/?knows=x")

    async def put_and_speak(self) -> None:
        self.outgoing.send("knows nothing")
        await asyncio.sleep(0)
        await self.ctx.storage.put("x", 1)
        self.outgoing.send("knows of x")

    async def set_alarm(self) -> None:
        await self.ctx.storage.set_alarm(LATER)

    async def alarm(self) -> None:
        await self.ctx.storage.put("x", "the alarm ran")


async def start(call: Any) -> "asyncio.Future[Any]":
    """Send ``call``, and see that it comes to rest."""
    future: asyncio.Future[Any] = asyncio.ensure_future(call)
    await turns()
    return future


@pytest.fixture
async def speaker(world: World, disk: HeldDisk) -> Any:
    """An actor whose file is there already, over a disk that is held up."""
    stub = world.stub(Speaker)
    await stub.put(0)
    disk.is_held = True
    return stub


async def test_an_http_response_waits(speaker: Any, disk: HeldDisk) -> None:
    reply = await start(speaker.fetch("http://speaker.test/"))
    await disk.is_reached()
    assert not reply.done()
    disk.let_all_go()
    assert await (await reply).text() == "written"


async def test_a_101_waits(speaker: Any, disk: HeldDisk) -> None:
    reply = await start(
        speaker.fetch("http://speaker.test/socket", headers={"Upgrade": "websocket"})
    )
    await disk.is_reached()
    assert not reply.done()
    disk.let_all_go()
    assert (await reply).status == 101


async def test_each_chunk_of_a_streamed_body_waits(speaker: Any, disk: HeldDisk) -> None:
    disk.is_held = False
    response = await speaker.fetch("http://speaker.test/stream")
    chunks = aiter(response.body)
    assert await anext(chunks) == b"knows nothing"
    disk.is_held = True
    chunk = await start(anext(chunks))
    released = await start(speaker.let_go())
    await disk.is_reached()
    assert not chunk.done()
    disk.let_all_go()
    assert await chunk == b"knows of x"
    assert [chunk async for chunk in chunks] == []
    await released


async def test_the_result_of_a_call_waits(speaker: Any, disk: HeldDisk) -> None:
    result = await start(speaker.put("y"))
    await disk.is_reached()
    assert not result.done()
    disk.let_all_go()
    assert await result == "y"


async def test_the_error_of_a_call_waits(speaker: Any, disk: HeldDisk) -> None:
    """It tells that the handler came so far, and with that of what it wrote before."""
    result = await start(speaker.put_and_raise())
    await disk.is_reached()
    assert not result.done()
    disk.let_all_go()
    with pytest.raises(ValueError, match="on purpose"):
        await result


async def test_the_reply_of_an_event_that_only_read_waits(speaker: Any, disk: HeldDisk) -> None:
    """Nothing else waits at the gate, so only what was read holds it back."""
    writing = await start(speaker.put_and_wait("pending"))
    await disk.is_reached()
    read = await start(speaker.get())
    assert not read.done()
    disk.let_all_go()
    assert await read == "pending"
    await speaker.let_go()
    await writing


async def test_frames_of_an_outgoing_connection_wait(
    world: World, speaker: Any, disk: HeldDisk
) -> None:
    link = FakeLink()
    socket = WebSocket.unaccepted(url="ws://upstream.test/")
    socket.connect(link)
    world.outbound.answer = lambda _: Response.incoming(101, "", {}, None, "", socket)  # type: ignore[arg-type]  # the end that talks
    disk.is_held = False
    await speaker.dial()
    disk.is_held = True
    spoken = await start(speaker.put_and_speak())
    await disk.is_reached()
    assert link.sent == ["knows nothing"]
    disk.let_all_go()
    await spoken
    assert link.sent == ["knows nothing", "knows of x"]


async def test_the_opening_of_an_outgoing_connection_waits(
    world: World, speaker: Any, disk: HeldDisk
) -> None:
    connecting = await start(speaker.put_and_connect())
    await disk.is_reached()
    assert world.outbound.sent == []
    disk.let_all_go()
    await connecting
    assert [request.url for request, _ in world.outbound.sent] == ["ws://upstream.test/?knows=x"]


async def test_what_became_of_an_alarm_is_told_when_its_effects_are_durable(
    world: World, speaker: Any, disk: HeldDisk
) -> None:
    """Else it would be forgotten, and after a crash its handler would never have run."""
    disk.is_held = False
    await speaker.set_alarm()
    disk.is_held = True
    told: list[Any] = []
    namespace = world.host.namespaces["test-Speaker"]
    namespace.deliver(
        world.actor(Speaker).id,
        AlarmEvent(LATER, 0),
        lambda answer, failure: told.append((answer, failure)),
    )
    await turns()
    await disk.is_reached()
    assert told == []
    disk.let_all_go()
    assert await speaker.get() == "the alarm ran"
    assert len(told) == 1
