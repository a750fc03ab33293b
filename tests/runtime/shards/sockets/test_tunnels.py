"""Clients that speak over connections which workers have opened: real sockets, one process."""

import asyncio
import os

import pytest

from perdure.runtime.shards.link.kinds import GIVEN
from perdure.runtime.shards.sockets.tunnels import LOST
from tests.runtime.shards.link.ends import until
from tests.runtime.shards.sockets.tunnel_stage import tunnel_staged
from tests.wire import BINARY, CONTINUATION, PING, PONG, TEXT, Frame, close_frame, frame
from tests.world import turns

SANDBOX = "ab" * 32


async def test_messages_pass_both_ways_whole_and_cut() -> None:
    async with tunnel_staged() as stage:
        await stage.tunnelled()
        stage.client.send(frame(TEXT, "whole") + frame(BINARY, b"cut", final=False))
        stage.client.send(frame(CONTINUATION, b" in two"))
        assert await stage.server.text() == "whole"
        assert (await stage.server.hears()).payload == b"cut in two"
        stage.server.say(TEXT, "cut", final=False)
        stage.server.say(CONTINUATION, " in two")
        stage.server.say(BINARY, bytes(70_000))
        assert await stage.client.text() == "cut in two"
        assert (await stage.client.frame()).payload == bytes(70_000)
        await stage.say_goodbye()


async def test_pings_are_answered_on_the_side_they_come_from() -> None:
    async with tunnel_staged() as stage:
        await stage.tunnelled()
        stage.client.send(frame(PING, b"1"))
        assert await stage.client.frame() == Frame(PONG, b"1")
        stage.server.say(PING, b"2")
        pong = await stage.server.hears()
        assert (pong.opcode, pong.payload) == (PONG, b"2")
        await stage.say_goodbye()


async def test_what_a_client_says_before_it_is_given_is_said_first() -> None:
    async with tunnel_staged() as stage:
        ref = stage.lend()
        stage.take(ref)
        stage.connection.data_received(frame(TEXT, "glued to the request"))
        stage.client.send(frame(TEXT, "sent at once"))
        await until(lambda: len(stage.tunnels) == 1)
        assert await stage.server.text() == "glued to the request"
        assert await stage.server.text() == "sent at once"
        await stage.say_goodbye()


async def test_a_goodbye_that_comes_before_it_is_given_reaches_the_server() -> None:
    async with tunnel_staged() as stage:
        stage.take(stage.lend())
        stage.connection.data_received(frame(TEXT, "last") + close_frame(4000, "bye"))
        assert await stage.server.text() == "last"
        assert (await stage.server.hears()).close == (4000, "bye")
        stage.server.wire.send(frame(0x8, (4000).to_bytes(2, "big"), mask=False))
        assert (await stage.client.frame()).close == (4000, "")
        await until(lambda: not stage.tunnels)


async def test_the_server_of_a_client_that_has_gone_hears_so() -> None:
    async with tunnel_staged() as stage:
        stage.inner.sandbox_id = SANDBOX
        stage.take(stage.lend())
        stage.connection.abort()
        await until(lambda: stage.fates.was_over)
        assert (await stage.server.hears()).close == LOST
        await until(lambda: stage.ended)
        stage.server.wire.writer.close()
        await until(lambda: stage.awake.uses[SANDBOX] == 0)


@pytest.mark.parametrize("who", ["client", "server"])
async def test_a_connection_that_is_lost_ends_the_other_one(who: str) -> None:
    async with tunnel_staged() as stage:
        await stage.tunnelled()
        if who == "client":
            stage.client.vanish()
            assert (await stage.server.hears()).close == LOST
            stage.server.wire.writer.close()
        else:
            stage.server.wire.vanish()
            assert (await stage.client.frame()).close == LOST
        await until(lambda: not stage.tunnels)


async def test_codes_and_reasons_pass_both_ways() -> None:
    async with tunnel_staged() as stage:
        await stage.tunnelled()
        stage.server.say(0x8, (4123).to_bytes(2, "big") + "über".encode())
        assert (await stage.client.frame()).close == (4123, "über")
        stage.client.send(close_frame(4123, "über"))
        assert (await stage.server.hears()).close == (4123, "über")
        await until(lambda: not stage.tunnels)


async def test_a_slow_side_slows_the_other_one_down() -> None:
    async with tunnel_staged() as stage:
        await stage.tunnelled()
        data = frame(BINARY, bytes(256 * 1024))
        sent = 0
        while stage.client.writer.transport.get_write_buffer_size() < 8 * len(data):
            stage.client.send(data)
            sent += 1
            await asyncio.sleep(0)
            assert sent < 1000, "it is read without end"
        for _ in range(sent):
            assert len((await stage.server.hears()).payload) == 256 * 1024
        await stage.say_goodbye()


async def test_a_frame_without_its_descriptor_breaks_the_link() -> None:
    async with tunnel_staged() as stage:
        stage.worker.send([GIVEN, 7, b"", None])
        await until(lambda: stage.router.ended is not None)
        assert "descriptor 7 has not come" in str(stage.router.ended)


async def test_nothing_is_left_open() -> None:
    await turns()
    async with tunnel_staged():
        pass
    await turns()
    before = len(os.listdir("/dev/fd"))
    async with tunnel_staged() as stage:
        await stage.tunnelled()
        await stage.say_goodbye()
    await turns()
    assert len(os.listdir("/dev/fd")) == before
