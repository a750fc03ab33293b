"""What a call gives at once."""

import asyncio
import inspect
from pathlib import Path
from typing import Any

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.errors import ActorError, NoSuchMethod, ReservedMethod
from perdure.actors.promise import RpcPromise
from perdure.actors.rpc_target import RpcTarget
from tests.world import World, turns


class Counter(RpcTarget):
    args = "no method"

    def __init__(self) -> None:
        self.count = 0

    def add(self, by: int) -> int:
        self.count += by
        return self.count

    @property
    def keywords(self) -> str:
        return "of the counter"

    def func(self) -> "Counter":
        return self


class Room(DurableObject):
    gate: asyncio.Event
    began: list[int]

    async def counter(self) -> Counter:
        await self.gate.wait()
        return Counter()

    async def slow(self, number: int) -> int:
        self.began.append(number)
        await self.gate.wait()
        return number

    async def block(self) -> None:
        await self.ctx.block_concurrency_while(self.gate.wait)

    def fails(self) -> None:
        raise LookupError("no")


@pytest.fixture
async def world(tmp_path: Path) -> World:
    Room.gate, Room.began = asyncio.Event(), []
    return World(tmp_path)


async def test_calls_wait_for_what_they_are_called_on(world: World) -> None:
    promise = world.stub(Room).counter()
    first, second = promise.add(1), promise.func().add(2)
    read = promise.keywords
    await turns()
    assert not first.done()
    Room.gate.set()
    assert [await first, await second, await read] == [1, 3, "of the counter"]
    assert isinstance(promise, RpcPromise)
    assert await promise.add(1) == 4, "it can be called when it is there, too"
    world.close()


async def test_frameworks_take_a_remote_method_for_an_async_function(world: World) -> None:
    """They look through objects of ``partial`` to find out, and await it then on the loop."""
    method = world.stub(Room).counter
    assert inspect.iscoroutinefunction(method)
    assert inspect.iscoroutinefunction(method.func)
    assert repr(method.func.of) == "<RemoteMember counter.func.of>"
    world.close()


async def test_one_that_failed_fails_what_is_called_on_it_and_is_not_told_of_twice(
    world: World,
) -> None:
    told: list[Any] = []
    world.loop.set_exception_handler(lambda _, context: told.append(context))
    with pytest.raises(LookupError):
        await world.stub(Room).fails().anything(1)
    await turns()
    assert told == []
    world.close()


async def test_one_that_was_cancelled_cancels_what_is_called_on_it(world: World) -> None:
    promise = world.stub(Room).counter()
    later = promise.add(1)
    promise.cancel()
    with pytest.raises(ActorError, match="given up"):
        await later
    assert promise.cancelled()
    assert not promise.cancel(), "once is enough"
    Room.gate.set()
    await turns()
    assert not world.actor(Room).targets
    world.close()


async def test_what_has_not_begun_never_does_and_what_has_goes_on(world: World) -> None:
    room = world.stub(Room)
    blocked = room.block()
    await turns()
    calls = [room.slow(number) for number in range(3)]
    calls[1].cancel()
    Room.gate.set()
    await blocked
    assert (await calls[0], await calls[2]) == (0, 2)
    assert Room.began == [0, 2]
    Room.gate.clear()
    running = room.slow(3)
    running.cancel()
    Room.gate.set()
    await turns()
    assert Room.began == [0, 2, 3]
    assert not world.actor(Room).replies_due
    world.close()


async def test_names_are_checked_before_anything_is_sent(world: World) -> None:
    promise = world.stub(Room).slow(1)
    with pytest.raises(ReservedMethod):
        _ = promise.fetch
    with pytest.raises(AttributeError):
        _ = promise._private
    Room.gate.set()
    with pytest.raises(NoSuchMethod, match="anything"):
        await promise.anything.more()
    assert await promise == 1
    assert repr(promise.a.b) == "<RemoteMember a.b>"
    world.close()
