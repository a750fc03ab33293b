"""What stubs that have come over a link lead to."""

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.limits import ActorLimits
from perdure.actors.service_stub import ServiceAddress
from perdure.runtime.host.services import Services
from perdure.runtime.shards.link.errors import ClassGone
from perdure.runtime.shards.link.names import Names
from tests.actors.test_service_stub import Noted
from tests.world import World


class Room(DurableObject):
    def what(self) -> str:
        return f"the room {self.ctx.id.name}"


def names(world: World | None = None) -> tuple[Names, Noted]:
    services, math = Services(), Noted()
    services.add(math)
    return Names({} if world is None else world.host.namespaces, services, ActorLimits(), "2"), math


async def test_an_actor_is_found_by_its_id(world: World) -> None:
    stub = world.stub(Room, "one")
    found = names(world)[0].actor(stub.id)
    assert await found.as_stub().what() == "the room one"


async def test_a_class_that_is_not_here_says_so_when_it_is_called(world: World) -> None:
    stub = names()[0].actor(world.stub(Room, "one").id).as_stub()
    for call in (stub.what(), stub.fetch("http://any/")):
        with pytest.raises(ClassGone, match="worker 2 runs newer code"):
            await call


async def test_a_worker_is_found_by_its_address() -> None:
    found, math = names()
    assert found.service(math.address) is math


async def test_an_entrypoint_that_is_not_here_says_so_when_it_is_called() -> None:
    stub = names()[0].service(ServiceAddress("math", "Gone")).as_stub()
    assert repr(stub) == "<ServiceStub math.Gone, which is not here>"
    for call in (stub.what(), stub.fetch("http://any/")):
        with pytest.raises(ClassGone, match="worker 2 runs newer code"):
            await call
