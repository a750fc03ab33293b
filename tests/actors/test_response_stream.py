"""Bodies that user code streams, through its gates."""

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.errors import ActorReset
from perdure.actors.execution import current_execution
from perdure.actors.http import Request, Response
from perdure.actors.pipe import BUFFER_SIZE_BYTES_MAX
from perdure.actors.response_stream import let_go, stream_through
from perdure.actors.state import DurableObjectState
from tests.world import FakeLink, Lab, World, turns


class Streamer(DurableObject):
    """Streams what its path says."""

    def __init__(self, ctx: DurableObjectState, env: Any) -> None:
        super().__init__(ctx, env)
        self.release = asyncio.Event()
        self.notes: list[Any] = []

    async def fetch(self, request: Request) -> Response:
        body = getattr(self, request.parsed_url.path.strip("/"))
        return Response(body(), headers={"X-Kind": "stream"})

    async def parts(self) -> AsyncIterator[bytes]:
        for part in (b"a", b"", b"b"):
            await turns(1)
            yield part

    async def counts(self) -> AsyncIterator[bytes]:
        for n in range(3):
            await self.ctx.storage.put("n", n)
            yield str(n).encode()
            await turns(1)

    async def waits(self) -> AsyncIterator[bytes]:
        yield b"first"
        await self.release.wait()
        yield b"second"

    async def fails(self) -> AsyncIterator[bytes]:
        yield b"before"
        raise ValueError("in the middle")

    async def text(self) -> AsyncIterator[str]:
        yield "not bytes"

    async def endless(self) -> AsyncIterator[bytes]:
        try:
            while True:
                self.notes.append("chunk")
                yield bytes(BUFFER_SIZE_BYTES_MAX)
        finally:
            await self.ctx.storage.put("closed", True)
            self.notes.append("closed")

    async def stuck(self) -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await self.release.wait()
        finally:
            await self.ctx.storage.put("closed", True)

    async def bad_end(self) -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await self.release.wait()
        finally:
            await self.ctx.storage.put("after the end", True)

    def let_it_go_on(self) -> None:
        self.release.set()

    def get(self, key: str) -> Any:
        return self.ctx.storage.kv.get(key)

    def what_was_noted(self) -> list[Any]:
        return self.notes

    def reset(self) -> None:
        self.ctx.abort("enough")

    async def block(self, rounds: int) -> None:
        async def callback(txn: object) -> None:
            await turns(rounds)

        await self.ctx.storage.transaction(callback)


async def stream(world: World, kind: str) -> Response:
    response: Response = await world.stub(Streamer).fetch(f"http://x/{kind}")
    return response


async def test_a_generator_streams_chunk_by_chunk(world: World) -> None:
    response = await stream(world, "parts")
    assert response.headers["X-Kind"] == "stream"
    assert response.body is not None
    assert [chunk async for chunk in response.body] == [b"a", b"b"]


async def test_the_response_leaves_before_its_body_has_ended(world: World) -> None:
    response = await stream(world, "waits")
    assert response.body is not None
    assert await response.body.read_chunk() == b"first"
    await world.stub(Streamer).let_it_go_on()
    assert await response.body.read_chunk() == b"second"
    assert await response.body.read_chunk() == b""


async def test_a_chunk_leaves_when_what_its_actor_wrote_before_is_durable(world: World) -> None:
    response = await stream(world, "counts")
    assert response.body is not None
    actor = world.actor(Streamer)
    async for _ in response.body:
        assert not actor.database.has_writes or actor.committer.output.waiting


async def test_the_generator_runs_at_its_actors_gate(world: World) -> None:
    response = await stream(world, "waits")
    assert response.body is not None
    await response.body.read_chunk()
    stub = world.stub(Streamer)
    blocked = stub.block(10)
    stub.let_it_go_on()  # held back as well, behind the transaction
    reading = asyncio.ensure_future(response.body.read_chunk())
    await turns(5)
    assert not reading.done()
    await blocked
    assert await reading == b"second"


async def test_a_slow_reader_holds_the_generator_up(world: World) -> None:
    response = await stream(world, "endless")
    await turns(30)
    assert await world.stub(Streamer).what_was_noted() == ["chunk"]
    assert response.body is not None
    await response.body.read_chunk()
    await turns(30)
    assert await world.stub(Streamer).what_was_noted() == ["chunk"] * 2
    response.body.cancel()


@pytest.mark.parametrize("kind", ["endless", "stuck"])
async def test_a_reader_that_cancels_ends_the_generator_in_its_actors_turn(
    world: World, kind: str
) -> None:
    """What stands in its ``finally`` may use the storage."""
    response = await stream(world, kind)
    assert response.body is not None
    await response.body.read_chunk()
    response.body.cancel()
    await turns()
    assert await world.stub(Streamer).get("closed") is True
    actor = world.actor(Streamer)
    assert actor.is_idle


async def test_a_body_that_is_cancelled_before_it_started_never_starts(world: World) -> None:
    response = await stream(world, "endless")
    assert response.body is not None
    response.body.cancel()
    await turns()
    assert await world.stub(Streamer).what_was_noted() == []


async def test_a_generator_that_raises_ends_its_body_with_the_error(world: World) -> None:
    response = await stream(world, "fails")
    assert response.body is not None
    assert await response.body.read_chunk() == b"before"
    with pytest.raises(ValueError, match="in the middle"):
        await response.body.read_chunk()
    assert await world.stub(Streamer).get("n") is None, "the actor lives on"


async def test_a_generator_of_text_is_told_to_yield_bytes(world: World) -> None:
    response = await stream(world, "text")
    with pytest.raises(TypeError, match=r"yielded str; call .encode\(\) on the text"):
        await response.bytes()


async def test_a_body_of_an_actor_that_was_reset_is_cut_off(world: World) -> None:
    response = await stream(world, "stuck")
    assert response.body is not None
    assert await response.body.read_chunk() == b"first"
    with pytest.raises(ActorReset):
        await world.stub(Streamer).reset()
    with pytest.raises(ActorReset, match="that was sending this body is gone"):
        await response.body.read_chunk()


async def test_a_generator_of_an_actor_that_was_reset_cannot_use_its_storage(
    world: World,
) -> None:
    response = await stream(world, "bad_end")
    assert response.body is not None
    await response.body.read_chunk()
    with pytest.raises(ActorReset):
        await world.stub(Streamer).reset()
    gc.collect()  # the loop closes an async generator that nobody holds
    await turns()
    assert await world.stub(Streamer).get("after the end") is None


async def test_bytes_are_left_as_they_are(world: World) -> None:
    def script(lab: Lab) -> None:
        response = Response(b"whole")
        assert stream_through(current_execution("a test"), response) is response
        assert response.content == b"whole"
        assert stream_through(current_execution("a test"), Response(None)).content is None

    await world.inside(script)


async def test_letting_a_response_go_needs_no_body(world: World) -> None:
    let_go(Response(None))
    let_go(Response(b"whole"))


async def test_a_socket_that_its_owner_uses_is_not_let_go(world: World) -> None:
    server, link = await world.accepted()
    let_go(Response(None, status=101, web_socket=server))
    assert server.ready_state == 1
    assert link.severed == []
    assert isinstance(link, FakeLink)


async def test_a_body_that_the_callee_does_not_read_holds_its_sender_no_longer(
    world: World,
) -> None:
    class Careless(DurableObject):
        async def fetch(self, request: Request) -> Response:
            await turns(30)  # by then as much has been read ahead as may be
            if request.parsed_url.path == "/stream":
                return Response(self.parts())
            return Response("not read")

        async def parts(self) -> AsyncIterator[bytes]:
            yield b"not read"
            await turns(5)

    class Sender(DurableObject):
        notes: list[str] = []

        async def send(self, path: str) -> str:
            stub = self.env.get_by_name("careless")
            answer = await stub.fetch(f"http://x{path}", method="POST", body=self.endless())
            return str(await answer.text())

        async def endless(self) -> AsyncIterator[bytes]:
            try:
                while True:
                    yield bytes(BUFFER_SIZE_BYTES_MAX)
            finally:
                self.notes.append("ended")

    sender = world.stub(Sender, env=world.namespace(Careless))
    for path in ("/whole", "/stream"):
        assert await sender.send(path) == "not read"
    await turns()
    assert Sender.notes == ["ended", "ended"]


async def test_a_body_that_is_passed_on_streams_through_and_is_cancelled_through(
    world: World,
) -> None:
    class Passing(DurableObject):
        async def fetch(self, request: Request) -> Response:
            response: Response = await world.stub(Streamer).fetch(request)
            return response

    response = await world.stub(Passing).fetch("http://x/parts")
    assert await response.bytes() == b"ab"
    response = await world.stub(Passing).fetch("http://x/endless")
    assert await response.body.read_chunk()
    response.body.cancel()
    await turns()
    assert world.actor(Passing).is_idle
    assert await world.stub(Streamer).get("closed") is True
