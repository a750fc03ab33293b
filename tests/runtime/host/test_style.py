"""The style of a program that says nothing of one: perdure's own."""

from types import ModuleType

from perdure.actors.base import DurableObject, WorkerEntrypoint
from perdure.actors.limits import ActorLimits
from perdure.runtime.host.bindings import Env
from perdure.runtime.host.style import NATIVE
from perdure.runtime.host.worker import Worker
from tests.world import World


class Room(DurableObject):
    async def what(self) -> list[str]:
        return [type(self.ctx).__name__, self.env.GREETING]


class Default(WorkerEntrypoint):
    """Nobody asks it."""


async def test_it_gives_native_objects(world: World) -> None:
    construct = NATIVE.construct(Room, Env({"GREETING": "hello"}), has_sql=True)
    stub = world.namespace(Room, construct=construct).get_by_name("one")
    assert await stub.what() == ["DurableObjectState", "hello"]


async def test_its_worker_is_the_plain_one(world: World) -> None:
    worker = NATIVE.worker(world.loop, world.outbound, Default, Env({}), ActorLimits())
    assert type(worker) is Worker


def test_it_leaves_the_module_as_it_is() -> None:
    module = ModuleType("main")
    before = dict(vars(module))
    NATIVE.imported(module)
    assert vars(module) == before


def test_its_classes_derive_from_perdures() -> None:
    assert (NATIVE.durable_object, NATIVE.entrypoint) == (DurableObject, WorkerEntrypoint)
