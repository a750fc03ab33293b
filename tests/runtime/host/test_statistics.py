"""How much a process holds in memory."""

from perdure.actors.base import DurableObject
from tests.world import World


async def test_actors_are_counted_as_they_come_and_go(world: World) -> None:
    class Room(DurableObject):
        def call(self) -> None: ...

    for name in ("one", "other"):
        await world.stub(Room, name).call()
    counted = world.host.statistics()
    assert (counted.actors_live, counted.actors_started, counted.actors_evicted) == (2, 2, 0)
    world.clock.advance(12)
    counted = world.host.statistics()
    assert (counted.actors_live, counted.actors_started, counted.actors_evicted) == (0, 2, 2)
    assert (counted.sessions, counted.actors_hibernated) == (0, 0)
