"""Objects that others may call."""

import gc
from pathlib import Path
from typing import Any

from perdure.actors.base import DurableObject
from perdure.actors.rpc_target import RpcTarget
from tests.world import World, turns


class Disposed(RpcTarget):
    def __init__(self, log: list[str]) -> None:
        self._log = log

    def touch(self) -> str:
        return "touched"

    def dispose(self) -> None:
        self._log.append("disposed of")


class Holder(DurableObject):
    log: list[str]

    def disposed(self) -> Disposed:
        return Disposed(self.log)


async def test_a_target_is_told_once_when_the_last_stub_is_gone(tmp_path: Path) -> None:
    world, Holder.log = World(tmp_path), []
    stub: Any = await world.stub(Holder).disposed()
    copy = stub.dup()
    stub.dispose()
    await turns()
    assert Holder.log == []
    assert await copy.touch() == "touched"
    assert not world.actor(Holder).is_idle, "it can be called"
    del copy, stub
    gc.collect()
    await turns()
    assert Holder.log == ["disposed of"]
    assert world.actor(Holder).is_idle
    world.close()


async def test_a_target_of_an_actor_that_was_reset_is_not_told(tmp_path: Path) -> None:
    world, Holder.log = World(tmp_path), []
    stub: Any = await world.stub(Holder).disposed()
    world.actor(Holder).break_(RuntimeError("reset"))
    stub.dispose()
    await turns()
    assert Holder.log == []
    world.close()


async def test_an_actor_stays_in_memory_while_it_can_be_called(tmp_path: Path) -> None:
    world, Holder.log = World(tmp_path), []
    stub: Any = await world.stub(Holder).disposed()
    world.clock.advance(100)
    assert world.live(Holder) == 1
    stub.dispose()
    await turns()
    world.clock.advance(100)
    assert world.live(Holder) == 0
    world.close()
