"""What a worker gives away of what it has opened, and what it keeps."""

import asyncio
import socket

import pytest

from perdure.actors.link import join
from perdure.runtime.shards.link.descriptors import Descriptors
from perdure.runtime.shards.sockets.giving import Giving
from perdure.runtime.shards.sockets.linked_sockets import LinkedSockets
from perdure.runtime.sockets.deflate import Deflate
from perdure.runtime.sockets.limits import SocketLimits
from perdure.runtime.sockets.movable_socket import MovableSocket
from tests.runtime.shards.link.ends import A_WORKER, ANOTHER_WORKER, joined, until
from tests.runtime.shards.sockets.tunnel_stage import TunnelStage, movable, tunnel_staged
from tests.wire import TEXT, close_frame, frame

SANDBOX = "ab" * 32


async def test_a_connection_goes_to_the_router_and_the_worker_may_end() -> None:
    async with tunnel_staged() as stage:
        await stage.tunnelled()
        assert len(stage.linked) == len(stage.held) == len(stage.lent) == 0
        stage.worker.close("the worker ends")
        await until(lambda: stage.router.ended is not None)
        stage.client.send(frame(TEXT, "there"))
        assert await stage.server.text() == "there"
        stage.server.say(TEXT, "and back")
        assert await stage.client.text() == "and back"
        await stage.say_goodbye()


async def test_who_has_opened_it_hears_of_its_end_when_its_sandbox_is_kept_awake() -> None:
    async with tunnel_staged() as stage:
        stage.inner.sandbox_id = SANDBOX
        stage.awake.has_told.clear()
        await stage.tunnelled()
        stage.client.send(frame(TEXT, "there"))
        assert await stage.server.text() == "there", "nobody waits for that"
        assert not stage.ended
        stage.awake.has_told.set()
        await until(lambda: stage.ended)
        assert stage.ended == [stage.inner]
        assert stage.awake.uses[SANDBOX] == 1
        await stage.say_goodbye()
        await until(lambda: stage.awake.uses[SANDBOX] == 0)


async def test_who_has_opened_it_hears_of_its_end_when_the_router_has_gone() -> None:
    async with tunnel_staged() as stage:
        stage.inner.sandbox_id = SANDBOX
        stage.awake.has_told.clear()
        await stage.tunnelled()
        stage.router.close("the router ends")
        await until(lambda: stage.ended)


async def over_the_link(stage: TunnelStage) -> None:
    """See that it is not given, and works all the same."""
    stage.take(stage.lend())
    await until(lambda: len(stage.linked) == 1)
    stage.client.send(frame(TEXT, "there"))
    assert (await stage.server.hears()).opcode == TEXT
    stage.server.say(TEXT, "and back")
    assert await stage.client.text() == "and back"
    assert not stage.tunnels
    assert len(stage.held) == 1


async def test_one_that_is_compressed_goes_over_the_link() -> None:
    async with tunnel_staged(Deflate(15, SocketLimits().websocket_compression_size_bytes_min)) as s:
        await over_the_link(s)


async def test_one_whose_transport_has_more_to_write_goes_over_the_link(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(MovableSocket, "is_dry", False)
    async with tunnel_staged() as stage:
        await over_the_link(stage)


async def test_one_that_cannot_be_given_now_goes_over_the_link(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(self: Descriptors, number: int, what: socket.socket) -> bool:
        del self, number, what
        return False

    monkeypatch.setattr(Descriptors, "give", full)
    async with tunnel_staged() as stage:
        await over_the_link(stage)


async def test_what_the_server_has_said_before_comes_first() -> None:
    async with tunnel_staged() as stage:
        half = frame(TEXT, "cut in two", mask=False)
        stage.server.say(TEXT, "hello")
        stage.server.say(TEXT, "again")
        stage.server.wire.send(half[:5])
        ref = stage.lend()
        await until(lambda: not stage.inner._boundaries.is_between)
        stage.take(ref)
        await until(lambda: len(stage.tunnels) == 1)
        stage.server.wire.send(half[5:])
        assert [await stage.client.text() for _ in range(3)] == ["hello", "again", "cut in two"]
        await stage.say_goodbye()


async def test_one_whose_server_has_said_goodbye_is_not_given() -> None:
    async with tunnel_staged() as stage:
        stage.server.wire.send(frame(0x8, (4001).to_bytes(2, "big"), mask=False))
        await until(lambda: not stage.inner.may_move)
        stage.take(stage.lend())
        assert (await stage.client.frame()).close == (4001, "")
        stage.client.send(close_frame(4001))
        assert (await stage.server.hears()).close == (4001, "")
        assert not stage.tunnels


async def test_nothing_is_given_to_another_worker() -> None:
    async with joined(ANOTHER_WORKER, A_WORKER) as (_, worker):
        linked = LinkedSockets(worker)
        giving = Giving(worker, linked)
        inner, server = await movable(is_client=True)
        client, wire = await movable()
        session = linked.begin(1)
        join(inner, session)
        assert not giving.give(session)
        for end in (server, wire):
            end.writer.close()
        inner.abort()
        client.abort()
        await asyncio.sleep(0)
