"""One actor: its constructor, its mailbox, its end. Its turns are in test_actor_turns."""

import asyncio
import gc
import weakref
from pathlib import Path
from typing import Any

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.errors import ActorOverloaded, ActorReset, RemoteError
from perdure.actors.limits import ActorLimits
from perdure.actors.state import DurableObjectState
from tests.world import Lab, World, outcome, turns

# The constructor.


class Fragile(DurableObject):
    """Whose constructor fails when it is told to."""

    failures = 0
    made = 0

    def __init__(self, ctx: DurableObjectState, env: Any) -> None:
        super().__init__(ctx, env)
        Fragile.made += 1
        ctx.storage.put("made", Fragile.made)
        if Fragile.failures:
            Fragile.failures -= 1
            raise LookupError("cannot be made")

    async def get(self) -> Any:
        return await self.ctx.storage.get("made")


async def test_a_constructor_that_raises_fails_that_call_and_the_next_tries_again(
    world: World,
) -> None:
    Fragile.made, Fragile.failures = 0, 2
    stub = world.stub(Fragile)
    for _ in range(2):
        with pytest.raises(LookupError, match="cannot be made") as failed:
            await stub.get()
        assert not failed.value.durable_object_reset  # type: ignore[attr-defined]  # each caught error has it
        assert world.live(Fragile) == 0
    assert await stub.get() == 3, "on the same stub"
    assert Fragile.made == 3


async def test_what_a_failed_constructor_wrote_is_lost(world: World) -> None:
    Fragile.made, Fragile.failures = 0, 1
    with pytest.raises(LookupError):
        await world.stub(Fragile).get()
    assert not list(world.layout.root.rglob("*.db-wal"))
    Fragile.made = 41
    assert await world.stub(Fragile).get() == 42


async def test_every_event_that_waits_for_a_failing_constructor_gets_its_error(
    world: World,
) -> None:
    """Also one that comes while it runs: from somebody whom it calls."""
    errors: list[str] = []

    class Caller(DurableObject):
        async def call_back(self) -> None:
            call = world.stub(Failing).call()
            self.ctx.wait_until(self.note(call))

        async def note(self, call: Any) -> None:
            errors.append(await outcome(call))

    class Failing(DurableObject):
        def __init__(self, ctx: DurableObjectState, env: Any) -> None:
            super().__init__(ctx, env)
            world.stub(Caller).call_back()
            raise LookupError("cannot be made")

        def call(self) -> None: ...

    with pytest.raises(LookupError):
        await world.stub(Failing).call()
    await turns()
    assert errors == ["raised LookupError('cannot be made')"]


async def test_events_that_come_while_the_constructor_runs_wait_for_it(world: World) -> None:
    order: list[str] = []

    class Caller(DurableObject):
        def call_back(self) -> None:
            world.stub(Slow).call("from the one it called")

    class Slow(DurableObject):
        def __init__(self, ctx: DurableObjectState, env: Any) -> None:
            super().__init__(ctx, env)
            world.stub(Caller).call_back()
            order.append("constructed")

        def call(self, name: str) -> None:
            order.append(name)

    await world.stub(Slow).call("first")
    assert order[0] == "constructed"
    assert sorted(order[1:]) == ["first", "from the one it called"]


# The mailbox.


async def test_a_full_mailbox_lets_nothing_more_in(tmp_path: Path) -> None:
    world = World(tmp_path, ActorLimits(mailbox_events_max=2))

    async def blocks(lab: Lab) -> None:
        async def callback(txn: object) -> None:
            await turns(10)

        await lab.ctx.storage.transaction(callback)

    calls = [asyncio.ensure_future(world.inside(blocks))]
    await turns(2)
    calls += [asyncio.ensure_future(world.inside(lambda lab: None)) for _ in range(3)]
    with pytest.raises(ActorOverloaded) as overloaded:
        await calls[-1]
    error = overloaded.value
    assert (error.overloaded, error.retryable, error.remote) == (True, False, False)
    assert "Too many requests queued" in str(error)
    await asyncio.gather(*calls[:-1])
    assert await world.inside(lambda lab: "room again") == "room again"
    world.close()


# Idle, evicted, broken.


async def test_an_actor_leaves_memory_and_comes_back_with_its_state(world: World) -> None:
    def remembers(lab: Lab) -> None:
        lab.ctx.storage.put("a", 1)
        lab.memory = "lost"  # type: ignore[attr-defined]  # as users do

    await world.inside(remembers)
    database = world.actor().database
    assert database.is_open
    world.clock.advance(20)
    assert world.live(Lab) == 0
    assert not database.is_open

    def looks(lab: Lab) -> Any:
        return [lab.ctx.storage.get("a").value, hasattr(lab, "memory")]

    assert await world.inside(looks) == [1, False]


async def test_who_holds_something_stays(world: World) -> None:
    release = asyncio.Event()

    async def waits(lab: Lab) -> None:
        await release.wait()

    def makes_a_task(lab: Lab) -> list[Any]:
        return [asyncio.create_task(release.wait())]

    await world.inside(lambda lab: lab.ctx.wait_until(release.wait()), "wait_until")
    [task] = await world.inside(makes_a_task, "task")
    server, link = await world.accepted("socket")
    handling = asyncio.ensure_future(world.inside(waits, "handler"))
    await turns(2)
    world.clock.advance(100)
    assert world.live(Lab) == 4
    release.set()
    await asyncio.gather(handling, task)
    link.is_lost()
    assert server.ready_state == 3
    await turns()
    world.clock.advance(100)
    assert world.live(Lab) == 0


async def test_only_an_idle_actor_is_evicted(world: World) -> None:
    server, _ = await world.accepted()
    with pytest.raises(AssertionError, match="only an idle actor"):
        world.actor().evict()
    assert server.ready_state == 1


async def test_an_actor_breaks_once(world: World) -> None:
    waiting = asyncio.ensure_future(world.inside(lambda lab: asyncio.Event().wait()))
    await turns(2)
    actor = world.actor()
    actor.break_(ActorReset("first"))
    actor.break_(ActorReset("second"))
    with pytest.raises(ActorReset, match="first"):
        await waiting


async def test_a_handler_that_finishes_after_its_actor_broke_is_not_heard(world: World) -> None:
    """The disk has failed; the handler has caught that, and returns a value."""

    async def script(lab: Lab) -> str:
        world.actor().break_(ActorReset("by an operator"))
        return "too late"

    with pytest.raises(ActorReset, match="by an operator"):
        await world.inside(script)


async def test_a_handler_that_raises_after_its_actor_broke_is_not_heard(world: World) -> None:
    async def script(lab: Lab) -> str:
        world.actor().break_(ActorReset("by an operator"))
        raise ValueError("too late")

    with pytest.raises(ActorReset, match="by an operator"):
        await world.inside(script)


async def test_a_handler_whose_cleanup_raises_does_not_keep_others_from_ending(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    ended: list[str] = []

    async def bad(lab: Lab) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ZeroDivisionError

    async def good(lab: Lab) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("good")

    calls = [asyncio.ensure_future(world.inside(script)) for script in (bad, good, bad)]
    await turns(2)
    world.actor().break_(ActorReset("x"))
    for call in calls:
        with pytest.raises(ActorReset):
            await call
    assert ended == ["good"]
    assert caplog.messages.count("task.cleanup_raised") == 2


async def test_an_error_that_takes_no_marks_is_told_without(world: World) -> None:
    class Marked(Exception):
        @property
        def durable_object_reset(self) -> bool:
            return False

    waiting = asyncio.ensure_future(world.inside(lambda lab: asyncio.Event().wait()))
    await turns(2)
    world.actor().break_(Marked("x"))
    with pytest.raises(RemoteError, match="Marked: x"):
        await waiting


async def test_a_task_made_while_its_actor_ends_ends_too(world: World) -> None:
    made: list[Any] = []

    async def script(lab: Lab) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            made.append(asyncio.create_task(asyncio.sleep(0)))

    waiting = asyncio.ensure_future(world.inside(script))
    await turns(2)
    world.actor().break_(ActorReset("x"))
    with pytest.raises(ActorReset):
        await waiting
    assert made[0].cancelled()


async def test_a_turn_that_is_due_when_its_actor_is_gone_is_not_taken(world: World) -> None:
    await world.inside(lambda lab: None)
    actor = world.actor()
    actor.break_(ActorReset("x"))
    ran: list[str] = []

    class Late:
        gate = actor.root
        since_s = 0.0

        def step(self) -> None:
            ran.append("ran")

    actor.resume(Late())
    actor.pump()
    assert ran == []


async def test_an_evicted_actor_is_freed_without_a_collection(world: World) -> None:
    class Room(DurableObject):
        async def call(self) -> int:
            await self.ctx.storage.put("k", 1)
            return 1

    assert await world.stub(Room).call() == 1
    actor = weakref.ref(world.actor(Room))
    handlers: Any = world.actor(Room).handlers
    instance = weakref.ref(handlers._instance)
    del handlers
    await turns(3)
    gc.collect()
    gc.disable()
    try:
        world.clock.advance(13)
        assert (actor(), instance()) == (None, None)
    finally:
        gc.enable()
