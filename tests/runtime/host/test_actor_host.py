"""Calls that neither exhaust the stack nor keep the loop busy, evictions, and the end of all."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.errors import ActorReset
from perdure.actors.session import CloseFrame
from perdure.runtime.host.actor_host import CALLS_IN_A_ROW_MAX, NESTED_CALLS_MAX
from perdure.storage.errors import ConstraintsViolatedAtCommit
from tests.runtime.host.counter import Counter, waits
from tests.world import World, turns


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


async def test_a_later_call_does_not_overtake_one_that_was_put_off(world: World) -> None:
    """The call from a deep stack goes through the loop, the one from its task need not."""
    Recorder.noted = []

    class Deep(DurableObject):
        async def descend(self, depth: int) -> None:
            if depth:
                await world.stub(Deep, f"deep-{depth}").descend(depth - 1)
                return
            to = world.stub(Recorder, "to")
            task = asyncio.create_task(self.note(to))
            await to.note(1)
            await task

        async def note(self, to: Any) -> None:
            await to.note(2)

    await world.stub(Deep, "top").descend(NESTED_CALLS_MAX - 1)
    assert Recorder.noted == [1, 2]


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


class Owing(DurableObject):
    """Leaves the database in a state in which it cannot be committed."""

    def owe(self) -> None:
        sql = self.ctx.storage.sql
        sql.exec("CREATE TABLE p (id INTEGER PRIMARY KEY)")
        sql.exec("CREATE TABLE c (p REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)")
        sql.exec("INSERT INTO c VALUES (17)")


async def test_closing_gets_over_a_commit_that_fails(world: World) -> None:
    owing = world.stub(Owing).owe()
    written = world.stub(Counter).increment()
    world.host.close(ActorReset("the server is going away"))
    with pytest.raises(ConstraintsViolatedAtCommit):
        await owing
    assert await written == 1
    assert world.host.statistics().actors_live == 0


async def test_what_comes_after_closing_is_told_why(world: World) -> None:
    world.namespace(Counter)
    world.host.close(ActorReset("the server is going away"))
    with pytest.raises(ActorReset, match="the server is going away"):
        await world.stub(Counter).increment()
    assert world.live(Counter) == 0


async def test_calls_that_the_last_commits_let_out_start_nothing(world: World) -> None:
    class Writing(DurableObject):
        async def call(self) -> str:
            await self.ctx.storage.put("a", 1)
            await world.stub(Counter).increment()
            return "never"

    call = world.stub(Writing).call()
    world.host.close(ActorReset("the server is going away"))
    with pytest.raises(ActorReset, match="the server is going away"):
        await call
    assert world.host.statistics().actors_live == 0
    assert not (world.layout.root / "actors" / "test-Counter").exists()


async def test_an_open_transaction_is_not_committed_by_closing(
    world: World, tmp_path: Path
) -> None:
    class Transacting(DurableObject):
        async def transact(self) -> None:
            async def callback(txn: Any) -> None:
                txn.put("half", 1)
                await world.loop.create_future()

            await self.ctx.storage.transaction(callback)

        async def get(self) -> Any:
            return await self.ctx.storage.get("half")

    call = world.stub(Transacting).transact()
    await turns()
    world.host.close(ActorReset("the server is going away"))
    with pytest.raises(ActorReset):
        await call
    again = World(tmp_path)
    assert await again.stub(Transacting).get() is None
    again.close()


async def test_all_sockets_can_be_closed_at_once(world: World) -> None:
    (one, one_link), (other, other_link) = await world.accepted("one"), await world.accepted("two")
    assert world.host.statistics().sessions == 2
    world.host.sever_sessions(1001, "going away")
    assert one_link.severed == other_link.severed == [CloseFrame(1001, "going away")]
    assert (one.ready_state, other.ready_state) == (3, 3)
    assert world.host.statistics().sessions == 0


async def test_an_actor_with_uncommitted_writes_is_busy(world: World) -> None:
    await world.stub(Counter).increment()
    assert not world.host.is_busy
    call = world.stub(Counter).increment()
    assert world.host.is_busy
    await call


async def test_two_actors_that_call_each_other_in_turns_never_run_at_once(world: World) -> None:
    depth: dict[str, int] = {"ping": 0, "pong": 0}

    class Player(DurableObject):
        async def play(self, rounds: int) -> int:
            name = str(self.ctx.id.name)
            depth[name] += 1
            assert depth[name] == 1, "a turn of this actor is on the stack already"
            call = None
            if rounds:
                other = "pong" if name == "ping" else "ping"
                call = world.stub(Player, other).play(rounds - 1)
            depth[name] -= 1
            return 0 if call is None else 1 + await call

    assert await world.stub(Player, "ping").play(100) == 100


# An actor whose file is damaged.
