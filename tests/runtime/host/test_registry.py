"""One live actor for each id, calls that neither exhaust the stack nor keep the loop busy."""

import asyncio
from pathlib import Path
from typing import Any

from perdure.actors.base import DurableObject
from perdure.actors.errors import ActorReset
from perdure.runtime.host.registry import CALLS_IN_A_ROW_MAX, NESTED_CALLS_MAX
from tests.world import World, turns


class Counter(DurableObject):
    made = 0

    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        type(self).made += 1

    async def increment(self) -> int:
        value: int = (await self.ctx.storage.get("n") or 0) + 1
        await self.ctx.storage.put("n", value)
        return value

    async def sleep(self, future_of: str) -> str:
        await self.ctx.storage.get("x")
        await waits[future_of]
        return "woken"


waits: dict[str, "asyncio.Future[None]"] = {}


async def test_racing_first_calls_make_one_instance(world: World) -> None:
    Counter.made = 0
    results = await asyncio.gather(*[world.stub(Counter).increment() for _ in range(1000)])
    assert sorted(results) == list(range(1, 1001))
    assert Counter.made == 1
    assert world.live(Counter) == 1


async def test_an_actor_that_is_idle_long_enough_leaves_memory_and_comes_back_from_disk(
    world: World,
) -> None:
    Counter.made = 0
    assert await world.stub(Counter).increment() == 1
    world.clock.advance(9)
    assert world.live(Counter) == 1
    world.clock.advance(3)
    assert world.live(Counter) == 0
    assert world.host.statistics().actors_evicted == 1
    assert await world.stub(Counter).increment() == 2
    assert Counter.made == 2


async def test_use_puts_the_eviction_off(world: World) -> None:
    stub = world.stub(Counter)
    for _ in range(5):
        await stub.increment()
        world.clock.advance(8)
    assert world.live(Counter) == 1


async def test_an_actor_with_an_event_under_way_stays(world: World) -> None:
    waits["busy"] = world.loop.create_future()
    call = world.stub(Counter).sleep("busy")
    world.clock.advance(100)
    assert world.live(Counter) == 1
    assert world.host.is_busy
    waits["busy"].set_result(None)
    assert await call == "woken"
    world.clock.advance(100)
    assert world.live(Counter) == 0


async def test_idle_actors_go_one_by_one_and_the_sweeping_stops_with_the_last(world: World) -> None:
    for name in ("a", "b"):
        await world.stub(Counter, name).increment()
        world.clock.advance(4)
    world.clock.advance(4)
    assert world.live(Counter) == 1
    world.clock.advance(10)
    assert world.live(Counter) == 0
    assert await world.stub(Counter, "a").increment() == 2
    world.clock.advance(20)
    assert world.live(Counter) == 0


class Link(DurableObject):
    """Calls the next of a chain of actors."""

    world: World

    async def descend(self, depth: int) -> int:
        if depth == 0:
            return 0
        below: int = await self.world.stub(Link, f"link-{depth}").descend(depth - 1)
        return below + 1


async def test_a_chain_of_calls_is_as_long_as_it_likes(world: World) -> None:
    Link.world = world
    assert await world.stub(Link, "top").descend(400) == 400
    assert NESTED_CALLS_MAX < 400


class Busy(DurableObject):
    """Calls another actor in a loop that never waits for anything else."""

    world: World

    async def call_many(self, count: int) -> list[int]:
        stub = self.world.stub(Counter, "target")
        return [await stub.plain() for _ in range(count)]


async def test_a_loop_of_calls_lets_the_event_loop_in(world: World) -> None:
    Busy.world = world
    Counter.plain = lambda self: 1  # type: ignore[attr-defined]  # a method that needs no storage
    seen: list[str] = []
    call = world.stub(Busy).call_many(CALLS_IN_A_ROW_MAX * 3)
    call.add_done_callback(lambda _: seen.append("done"))
    world.loop.call_soon(seen.append, "loop")
    await call
    await turns()
    assert seen == ["loop", "done"]


class Pair(DurableObject):
    world: World

    async def send(self, count: int) -> list[int]:
        stub = self.world.stub(Recorder, "to")
        return list(await asyncio.gather(*[stub.note(number) for number in range(count)]))


class Recorder(DurableObject):
    noted: list[int] = []

    def note(self, number: int) -> int:
        self.noted.append(number)
        return number


async def test_calls_of_one_stub_keep_their_order_when_some_go_through_the_loop(
    world: World,
) -> None:
    Pair.world = world
    Recorder.noted = []
    count = CALLS_IN_A_ROW_MAX * 2 + 5
    assert await world.stub(Pair).send(count) == list(range(count))
    assert Recorder.noted == list(range(count))


async def test_closing_commits_what_is_written_and_tells_who_still_waits(
    world: World, tmp_path: Path
) -> None:
    waits["end"] = world.loop.create_future()
    waiting = world.stub(Counter).sleep("end")
    written = world.stub(Counter, "other").increment()
    world.host.close(ActorReset("the server is going away"))
    assert await written == 1
    error = (await asyncio.gather(waiting, return_exceptions=True))[0]
    assert isinstance(error, ActorReset)
    assert str(error) == "the server is going away"
    assert world.host.statistics().actors_live == 0
    again = World(tmp_path)
    assert await again.stub(Counter, "other").increment() == 2
    again.close()


async def test_statistics_tell_what_is_in_memory(world: World) -> None:
    await world.stub(Counter, "a").increment()
    await world.stub(Counter, "b").increment()
    statistics = world.host.statistics()
    assert (statistics.actors_live, statistics.actors_started) == (2, 2)
    assert (statistics.actors_evicted, statistics.sessions) == (0, 0)
