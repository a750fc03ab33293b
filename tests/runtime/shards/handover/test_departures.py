"""Who goes, who stays and who comes back, with both routers and the worker in one process."""

import socket
from typing import Any

import pytest

from perdure.runtime.shards.handover.conveyor import Conveyor
from perdure.runtime.shards.handover.frames import HAVE, HTTP, YOURS
from perdure.runtime.shards.sockets.states import HeldState
from perdure.runtime.sockets.movable_socket import MovableSocket
from tests.runtime.shards.handover.stage import Stage, staged
from tests.runtime.shards.link.ends import until
from tests.wire import BINARY, CONTINUATION, TEXT, frame


async def test_a_socket_goes_over_in_order_with_what_has_no_receipt() -> None:
    async with staged() as stage:
        client, ear = stage.client, stage.ear
        client.send(frame(TEXT, "one") + frame(TEXT, "two") + frame(BINARY, b"half", final=False))
        await until(lambda: ear.messages == ["one", "two"])
        departures, arrivals = stage.departures(), stage.arrivals()
        stage.actor.transmit(("before",))
        departures.look(stage.old.borrowed.held, ())
        stage.actor.transmit(("while it goes",))
        ear.heard[0].acknowledge()
        await departures.settled(30)
        await until(lambda: stage.new.came)
        stage.actor.transmit(("after",))
        assert [await client.text() for _ in range(3)] == ["before", "while it goes", "after"]
        (held,) = stage.new.borrowed.held
        assert len(held.unacknowledged) in {1, 2}, "a receipt may be under way"
        client.send(frame(CONTINUATION, b" and half") + frame(TEXT, "three"))
        await until(lambda: len(ear.heard) == 4)
        assert ear.messages == ["one", "two", b"half and half", "three"]
        for receipted in ear.heard[1:]:
            receipted.acknowledge()
        await until(lambda: len(held.unacknowledged) == 0)
        assert departures.moved == 1
        assert not stage.old.borrowed.held
        assert stage.held.state is HeldState.OVER
        assert len(stage.travelling) == 0
        departures.close()
        arrivals.close()


class Successor:
    """The other end, as the test wants it."""

    def __init__(self, stage: Stage) -> None:
        self.heard: list[Any] = []
        self.carried: list[socket.socket] = []
        self.conveyor = Conveyor(stage.ends[1], stage.loop, self.hear, lambda: None)

    def hear(self, frame: list[Any], carried: socket.socket | None) -> None:
        self.heard.append(frame)
        if carried is not None:
            self.carried.append(carried)

    def die(self) -> None:
        self.conveyor.close()
        for carried in self.carried:
            carried.close()


async def test_what_a_successor_that_dies_has_not_got_goes_on_here() -> None:
    async with staged() as stage:
        client, ear = stage.client, stage.ear
        end = frame(CONTINUATION, b" and half")
        client.send(frame(TEXT, "one") + frame(BINARY, b"half", final=False) + end[:9])
        await until(lambda: ear.messages == ["one"])
        successor, departures = Successor(stage), stage.departures()
        departures.look(stage.old.borrowed.held, ())
        await until(lambda: successor.carried)
        stage.actor.transmit(("meanwhile",))
        successor.die()
        await departures.settled(30)
        assert await client.text() == "meanwhile"
        client.send(end[9:])
        await until(lambda: ear.messages == ["one", b"half and half"])
        assert departures.moved == 0
        assert departures.has_ended


async def test_a_goodbye_of_the_actors_that_comes_meanwhile_reaches_the_client() -> None:
    async with staged() as stage:
        successor, departures = Successor(stage), stage.departures()
        departures.look(stage.old.borrowed.held, ())
        stage.actor.transmit(("bye",), (4000, "done"))
        await departures.settled(30)
        assert not successor.heard
        assert await stage.client.text() == "bye"
        assert (await stage.client.frame()).close == (4000, "done")
        departures.close()
        successor.die()


async def test_a_slow_client_whose_successor_dies_hears_more_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with staged() as stage:
        monkeypatch.setattr(MovableSocket, "is_dry", False)  # it has yet to read something
        successor, departures = Successor(stage), stage.departures()
        departures.look(stage.old.borrowed.held, ())
        stage.actor.transmit(("meanwhile",))
        successor.die()
        assert await stage.client.text() == "meanwhile"
        departures.close()


async def test_a_slow_client_hears_a_goodbye_that_comes_before_it_can_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with staged() as stage:
        monkeypatch.setattr(MovableSocket, "is_dry", False)
        departures, arrivals = stage.departures(), stage.arrivals()
        departures.look(stage.old.borrowed.held, ())
        stage.actor.transmit(("last",), (1000, "bye"))
        await until(lambda: not stage.held.connection.may_move)  # type: ignore[attr-defined]
        departures.look(stage.old.borrowed.held, ())
        assert await stage.client.text() == "last"
        assert (await stage.client.frame()).payload == b"\x03\xe8bye"
        departures.close()
        arrivals.close()


async def test_a_worker_that_goes_meanwhile_leaves_its_sockets_here() -> None:
    async with staged() as stage:
        successor, departures = Successor(stage), stage.departures()
        departures.look(stage.old.borrowed.held, ())
        stage.links[0].close("the worker is gone")
        await departures.settled(30)
        assert stage.old.orphans == [stage.held]
        assert not successor.heard
        departures.close()
        successor.die()


async def test_an_http_connection_goes_with_its_descriptor_or_comes_back() -> None:
    async with staged() as stage:
        stage.connection.give_away()
        successor, departures = Successor(stage), stage.departures()
        pairs = [socket.socketpair() for _ in range(2)]

        class Idle:
            def __init__(self, end: socket.socket) -> None:
                self.end: socket.socket | None = end

            def leave(self) -> socket.socket | None:
                end, self.end = self.end, None
                return end

        idle = [Idle(ours) for ours, _ in pairs]
        departures.look((), idle)
        departures.look((), idle)
        await until(lambda: len(successor.carried) == 2)
        assert successor.heard == [[HTTP, 1], [HTTP, 2]]
        successor.conveyor.send([HAVE, 1])
        await until(lambda: len(successor.heard) == 3)
        assert successor.heard[2] == [YOURS, 1]
        successor.die()
        await until(lambda: stage.taken_back)
        (back,) = stage.taken_back
        pairs[1][1].send(b"x")
        assert back.recv(1) == b"x"
        assert pairs[0][1].recv(1) == b"", "the successor had it"
        for end in (back, pairs[0][1], pairs[1][1]):
            end.close()
