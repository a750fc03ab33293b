"""Calls on what an actor has sent are events of that actor."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.errors import ActorOverloaded, ActorReset, GateDeadlock
from perdure.actors.limits import ActorLimits
from perdure.actors.rpc_target import RpcTarget
from tests.world import World, turns


class Gated(RpcTarget):
    def __init__(self, log: list[Any], room: "Room") -> None:
        self._log, self._room = log, room

    def note(self, what: str) -> None:
        self._log.append(what)

    async def write(self) -> None:
        await self._room.ctx.storage.put("key", "value")

    async def wait(self) -> None:
        await asyncio.Event().wait()


class Room(DurableObject):
    log: list[Any]
    gate: asyncio.Event

    def gated(self) -> Gated:
        return Gated(self.log, self)

    async def read(self) -> Any:
        return await self.ctx.storage.get("key")

    async def block(self) -> None:
        async def callback() -> None:
            Room.log.append("blocked")
            await Room.gate.wait()
            Room.log.append("open")

        await self.ctx.block_concurrency_while(callback)


@pytest.fixture
async def world(tmp_path: Path) -> World:
    Room.log, Room.gate = [], asyncio.Event()
    return World(tmp_path, ActorLimits(mailbox_events_max=5))


async def test_a_call_waits_at_the_gate_of_its_owner(world: World) -> None:
    gated: Any = await world.stub(Room).gated()
    blocked = world.stub(Room).block()
    await turns()
    noted = gated.note("noted")
    await turns()
    assert Room.log == ["blocked"]
    Room.gate.set()
    await asyncio.gather(blocked, noted)
    assert Room.log == ["blocked", "open", "noted"]
    world.close()


async def test_a_call_may_use_the_storage_of_its_owner(world: World) -> None:
    gated: Any = await world.stub(Room).gated()
    await gated.write()
    assert await world.stub(Room).read() == "value"
    world.close()


async def test_calls_count_in_the_mailbox_of_the_owner(world: World) -> None:
    gated: Any = await world.stub(Room).gated()
    blocked = world.stub(Room).block()
    await turns()
    calls = [gated.note(str(number)) for number in range(6)]
    with pytest.raises(ActorOverloaded):
        await calls[-1]
    Room.gate.set()
    await asyncio.gather(blocked, *calls[:-1])
    world.close()


async def test_calls_under_way_and_later_ones_fail_when_the_owner_breaks(world: World) -> None:
    gated: Any = await world.stub(Room).gated()
    waiting = gated.wait()
    await turns()
    world.actor(Room).break_(ActorReset("it is gone"))
    for call in (waiting, gated.note("later")):
        with pytest.raises(ActorReset, match="it is gone") as raised:
            await call
        assert (raised.value.durable_object_reset, raised.value.retryable) == (True, True)
    assert world.live(Room) == 0
    world.close()


async def test_a_call_to_oneself_out_of_a_section_would_wait_for_itself(world: World) -> None:
    async def script(lab: Any) -> str:
        [function] = await world.stub(Echo).echo(lambda: None)

        async def callback() -> str:
            with pytest.raises(GateDeadlock) as raised:
                await function()
            return type(raised.value).__name__

        name: str = await lab.ctx.block_concurrency_while(callback)
        return name

    assert await world.inside(script) == "GateDeadlock"
    world.close()


class Echo(DurableObject):
    def echo(self, *values: Any) -> list[Any]:
        return list(values)
