"""Tunnels that go from a router to its successor, with both in one process."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from perdure.runtime.shards.handover.conveyor import Conveyor
from perdure.runtime.shards.handover.frames import HAVE, INNER, TUNNEL, MovedTunnel
from perdure.runtime.sockets.movable_socket import MovableSocket, SocketState
from tests.runtime.shards.handover.stage import Stage, staged
from tests.runtime.shards.link.ends import until
from tests.runtime.shards.sockets.tunnel_stage import ServerEnd, movable
from tests.wire import BINARY, CLOSE, CONTINUATION, TEXT, Wire, close_frame, frame
from tests.world import turns

SANDBOX = "ab" * 32


class Dug:
    """A stage with a tunnel through the old router.

    Attributes:
        stage: With both routers.
        client, server: What is at its ends.
    """

    def __init__(self, stage: Stage, client: Wire, server: ServerEnd) -> None:
        self.stage, self.client, self.server = stage, client, server

    async def says(self, *texts: str) -> None:
        """See that messages pass both ways."""
        for text in texts:
            self.client.send(frame(TEXT, text))
            assert await self.server.text() == text
            self.server.say(TEXT, text)
            assert await self.client.text() == text


@asynccontextmanager
async def dug() -> AsyncIterator[Dug]:
    async with staged() as stage:
        connection, client = await movable()
        inner, server = await movable(is_client=True)
        inner.sandbox_id = SANDBOX
        end = stage.old.awake.use(SANDBOX)
        inner.on_end = lambda _: end()
        stage.old.tunnels.join(connection, inner, None)
        try:
            yield Dug(stage, client, ServerEnd(server))
        finally:
            for wire in (client, server):
                wire.writer.close()
            for tunnel in (*stage.old.tunnels, *stage.new.tunnels):
                tunnel.client.abort()
                tunnel.inner.abort()
            await turns()


async def test_a_tunnel_goes_over_and_nothing_is_lost_of_what_was_cut() -> None:
    async with dug() as d:
        stage = d.stage
        await d.says("before")
        d.client.send(frame(BINARY, b"half", final=False))
        d.server.say(BINARY, b"other", final=False)
        end = frame(CONTINUATION, b" and half")
        d.client.send(end[:9])
        await turns()
        departures, arrivals = stage.departures(), stage.arrivals()
        departures.look((), (), stage.old.tunnels)
        await departures.settled(30)
        await until(lambda: len(stage.new.tunnels) == 1 and not stage.old.tunnels)
        assert departures.moved == 1
        assert stage.new.came == [next(iter(stage.new.tunnels)).client]
        d.client.send(end[9:])
        d.server.say(CONTINUATION, b" half")
        assert (await d.server.hears()).payload == b"half and half"
        assert (await d.client.frame()).payload == b"other half"
        await d.says("after")
        assert (stage.old.awake.uses[SANDBOX], stage.new.awake.uses[SANDBOX]) == (0, 1)
        d.client.send(close_frame(1000, "done"))
        assert (await d.server.hears()).opcode == CLOSE
        d.server.wire.send(frame(CLOSE, (1000).to_bytes(2, "big"), mask=False))
        await until(lambda: not stage.new.tunnels and not stage.new.awake.uses[SANDBOX])
        departures.close()
        arrivals.close()


async def test_what_waits_for_a_side_when_it_goes_comes_before_what_follows() -> None:
    async with dug() as d:
        stage = d.stage
        (tunnel,) = stage.old.tunnels
        for one in (tunnel.client, tunnel.inner):
            one.hold_back()  # as a look does that finds something on its way out
        tunnel.inner.transmit(("one",))
        tunnel.client.transmit(("uno",))
        departures, arrivals = stage.departures(), stage.arrivals()
        departures.look((), (), stage.old.tunnels)
        d.client.send(frame(TEXT, "two"))
        d.server.say(TEXT, "due")
        await until(lambda: len(stage.new.tunnels) == 1)
        assert [await d.server.text() for _ in range(2)] == ["one", "two"]
        assert [await d.client.text() for _ in range(2)] == ["uno", "due"]
        departures.close()
        arrivals.close()


class Successor:
    """The other end, as the test wants it."""

    def __init__(self, stage: Stage) -> None:
        self.frames: list[list[Any]] = []
        self.carried: list[socket.socket] = []
        self.conveyor = Conveyor(stage.ends[1], stage.loop, self.hear, lambda: None)

    def hear(self, heard: list[Any], carried: socket.socket | None) -> None:
        self.frames.append(heard)
        if carried is not None:
            self.carried.append(carried)

    def die(self) -> None:
        self.conveyor.close()
        for carried in self.carried:
            carried.close()


async def test_one_whose_successor_dies_goes_on_here() -> None:
    async with dug() as d:
        stage = d.stage
        end = frame(CONTINUATION, b" and half")
        d.client.send(frame(BINARY, b"half", final=False) + end[:9])
        await turns()
        successor, departures = Successor(stage), stage.departures()
        departures.look((), (), stage.old.tunnels)
        await until(lambda: len(successor.carried) == 2)
        departures.look((), (), stage.old.tunnels)  # it is on its way, and is asked once
        assert [said[0] for said in successor.frames] == [INNER, TUNNEL]
        successor.die()
        await until(lambda: departures.has_ended)
        d.client.send(end[9:])
        assert (await d.server.hears()).payload == b"half and half"
        await d.says("after")
        assert departures.moved == 0


async def test_one_that_is_not_dry_waits_and_goes_on_when_the_successor_dies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with dug() as d:
        monkeypatch.setattr(MovableSocket, "is_dry", False)
        successor, departures = Successor(d.stage), d.stage.departures()
        departures.look((), (), d.stage.old.tunnels)
        d.client.send(frame(TEXT, "meanwhile"))
        await turns()
        successor.die()
        assert await d.server.text() == "meanwhile"
        await d.says("after")


async def test_a_goodbye_that_comes_before_it_can_go_arrives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The client does not read, and says that it goes."""
    async with dug() as d:
        monkeypatch.setattr(MovableSocket, "is_dry", property(lambda self: self.is_client))
        departures, arrivals = d.stage.departures(), d.stage.arrivals()
        (tunnel,) = d.stage.old.tunnels
        departures.look((), (), d.stage.old.tunnels)
        d.client.send(close_frame(4000, "bye"))
        await until(lambda: not tunnel.may_move)
        departures.look((), (), d.stage.old.tunnels)
        assert (await d.server.hears()).close == (4000, "bye")
        d.server.wire.send(frame(CLOSE, (4000).to_bytes(2, "big"), mask=False))
        assert (await d.client.frame()).close == (4000, "")
        departures.close()
        arrivals.close()


async def test_a_router_that_dies_leaves_its_successor_whole_tunnels_only() -> None:
    async with staged() as stage:
        arrivals, heard = stage.arrivals(), list[Any]()
        before = Conveyor(stage.ends[0], stage.loop, lambda said, _: heard.append(said), _nothing)
        ends = [socket.socketpair() for _ in range(3)]
        moved = MovedTunnel(SocketState.fresh(b""), SocketState.fresh(b""), SANDBOX, None)
        before.send([INNER, 1], ends[0][0])
        before.send(moved.frame(1), ends[1][0])
        before.send([INNER, 2], ends[2][0])
        await until(lambda: heard == [[HAVE, 1]])
        before.close()
        await until(lambda: len(stage.new.tunnels) == 1)
        ends[2][1].setblocking(False)
        assert await stage.loop.sock_recv(ends[2][1], 1) == b"", "nobody has it"
        (tunnel,) = stage.new.tunnels
        tunnel.client.abort()
        tunnel.inner.abort()
        await until(lambda: not stage.new.tunnels)
        for _, theirs in ends:
            theirs.close()
        arrivals.close()


async def test_a_successor_that_ends_before_it_is_its_own_takes_nothing() -> None:
    async with staged() as stage:
        arrivals, heard = stage.arrivals(), list[Any]()
        before = Conveyor(stage.ends[0], stage.loop, lambda said, _: heard.append(said), _nothing)
        ends = [socket.socketpair() for _ in range(3)]
        moved = MovedTunnel(SocketState.fresh(b""), SocketState.fresh(b""), None, None)
        before.send([INNER, 1], ends[0][0])
        before.send(moved.frame(1), ends[1][0])
        await until(lambda: heard == [[HAVE, 1]])
        before.send([INNER, 2], ends[2][0])
        await until(lambda: arrivals._inner.keys() == {1, 2})
        arrivals.close()
        for _, theirs in ends:
            theirs.setblocking(False)
            assert await stage.loop.sock_recv(theirs, 1) == b""
            theirs.close()
        before.close()


def _nothing() -> None:
    """Nobody minds."""
