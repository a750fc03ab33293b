"""What a successor takes, and when: the test is the router before it."""

import asyncio
import socket
from typing import Any

from perdure.runtime.shards.handover.conveyor import Conveyor
from perdure.runtime.shards.handover.frames import HAVE, HTTP, YOURS, MovedSocket
from perdure.runtime.sockets.movable_socket import SocketState
from tests.runtime.shards.handover.stage import OLD, Stage, staged
from tests.runtime.shards.link.ends import A_WORKER, until
from tests.wire import TEXT, Wire, frame
from tests.world import turns

HALF = frame(TEXT, "x")
STATE = SocketState(HALF[:2], ["waited"], None, "close", None, None, None, None, None, 0)
HELD = [[3, [[2, "two", False, 0]]], None, None, "replay", None, None, False]


class Predecessor:
    """The router before."""

    def __init__(self, stage: Stage) -> None:
        self.heard: list[Any] = []
        self.conveyor = Conveyor(
            stage.ends[0], stage.loop, lambda said, _: self.heard.append(said), lambda: None
        )

    async def give(self, generation: int = A_WORKER.generation) -> socket.socket:
        """Give a WebSocket away; return the client's end."""
        ours, theirs = socket.socketpair()
        moved = MovedSocket("0", generation, OLD.generation, 70, STATE, HELD, None)
        self.conveyor.send(moved.frame(1), theirs)
        await until(lambda: self.heard)
        assert self.heard == [[HAVE, 1]]
        return ours


async def test_nothing_is_done_before_the_other_has_let_go() -> None:
    async with staged() as stage:
        arrivals, before = stage.arrivals(), Predecessor(stage)
        client = await before.give()
        assert not stage.new.came
        assert not stage.new.borrowed.held
        arrivals.close()
        assert client.recv(1) == b"", "nobody else had it"
        client.close()
        before.conveyor.close()


async def test_what_a_router_that_dies_has_given_is_taken() -> None:
    async with staged() as stage:
        actor = stage.linked[0].begin(70)
        actor.set_receiver(stage.ear)
        stage.travelling.depart(OLD.generation, 70, actor, (1006, "lost"))
        arrivals, before = stage.arrivals(), Predecessor(stage)
        client = await before.give()
        before.conveyor.close()
        await until(lambda: stage.new.came)
        async with Wire(*await _opened(client)) as wire:
            assert await wire.text() == "waited"
            wire.send(HALF[2:] + frame(TEXT, "y"))
            await until(lambda: len(stage.ear.heard) == 2)
            assert stage.ear.messages == ["x", "y"]
            (held,) = stage.new.borrowed.held
            assert [number for number, *_ in held.unacknowledged.packed()[1]] == [2, 3, 4]
        arrivals.close()


async def test_what_a_client_says_while_its_connection_is_on_its_way_is_heard() -> None:
    """uvloop reads it as soon as there is a transport."""
    async with staged() as stage:
        actor = stage.linked[0].begin(70)
        actor.set_receiver(stage.ear)
        stage.travelling.depart(OLD.generation, 70, actor, (1006, "lost"))
        arrivals, before = stage.arrivals(), Predecessor(stage)
        client = await before.give()
        client.sendall(HALF[2:] + frame(TEXT, "y"))
        before.conveyor.send([YOURS, 1])
        await until(lambda: len(stage.ear.heard) == 2)
        assert stage.ear.messages == ["x", "y"]
        client.sendall(frame(TEXT, "z"))
        await until(lambda: len(stage.ear.heard) == 3)
        client.close()
        before.conveyor.close()
        arrivals.close()


async def test_what_a_client_says_before_it_goes_is_heard_and_its_end_once() -> None:
    async with staged() as stage:
        actor = stage.linked[0].begin(70)
        actor.set_receiver(stage.ear)
        stage.travelling.depart(OLD.generation, 70, actor, (1006, "lost"))
        arrivals, before = stage.arrivals(), Predecessor(stage)
        client = await before.give()
        client.sendall(HALF[2:])
        client.shutdown(socket.SHUT_WR)
        before.conveyor.send([YOURS, 1])
        await until(lambda: len(stage.ear.heard) == 2)
        assert stage.ear.heard[0].message == "x"
        assert stage.ear.heard[1][:2] == ("lost", 1006)
        await turns()
        assert stage.new.ended == stage.new.came
        client.close()
        before.conveyor.close()
        arrivals.close()


async def test_a_socket_whose_worker_is_not_known_is_for_that_ones_successor() -> None:
    async with staged() as stage:
        arrivals, before = stage.arrivals(), Predecessor(stage)
        client = await before.give(generation=99)
        before.conveyor.send([YOURS, 1])
        await until(lambda: stage.new.orphans)
        (held,) = stage.new.orphans
        assert [said for _, said, _ in held.unacknowledged.undelivered()] == ["two"]
        client.close()
        before.conveyor.close()
        arrivals.close()


async def test_they_are_over_when_nobody_comes_any_more_and_all_have_landed() -> None:
    """Until then a router that has a successor itself must not end: somebody would be lost."""
    async with staged() as stage:
        arrivals, before = stage.arrivals(), Predecessor(stage)
        client = await before.give(generation=99)
        assert not arrivals.are_over
        before.conveyor.close()  # so it is this router's
        await until(lambda: arrivals._conveyor.has_ended)
        assert not arrivals.are_over
        await until(lambda: stage.new.orphans)
        await until(lambda: arrivals.are_over)
        client.close()
        arrivals.close()


async def test_http_goes_to_the_front() -> None:
    async with staged() as stage:
        arrivals, before = stage.arrivals(), Predecessor(stage)
        ours, theirs = socket.socketpair()
        before.conveyor.send([HTTP, 1], theirs)
        await until(lambda: before.heard)
        assert not stage.new.http
        before.conveyor.send([YOURS, 1])
        await until(lambda: stage.new.http)
        ours.close()
        stage.new.http[0].close()
        before.conveyor.close()
        arrivals.close()


async def _opened(client: socket.socket) -> Any:
    return await asyncio.open_connection(sock=client)
