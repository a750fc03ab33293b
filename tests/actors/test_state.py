"""``ctx``: aborting, waiting, and sockets for the class's handlers."""

import asyncio
from typing import Any

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.errors import ActorAborted, ActorReset, StorageAccess
from perdure.actors.execution import Execution
from perdure.actors.socket_pair import WebSocketPair
from perdure.actors.state import DurableObjectState, ExecutionContext
from tests.world import FakeOutbound, Lab, World, turns

# abort.


async def test_abort_loses_memory_and_what_is_not_durable(world: World) -> None:
    async def script(lab: Lab) -> None:
        await lab.ctx.storage.put("kept", 1)
        await lab.ctx.storage.sync()
        await lab.ctx.storage.put("lost", 1)
        lab.memory = "lost"  # type: ignore[attr-defined]  # as users do
        lab.ctx.abort("enough")

    with pytest.raises(ActorReset, match="enough") as reset:
        await world.inside(script)
    assert reset.value.cause == "enough"
    assert reset.value.durable_object_reset
    assert reset.value.retryable
    assert await world.inside(lambda lab: lab.ctx.storage.list()) == {"kept": 1}
    assert await world.inside(lambda lab: hasattr(lab, "memory")) is False


async def test_abort_without_a_reason_has_the_usual_one(world: World) -> None:
    with pytest.raises(ActorReset) as reset:
        await world.inside(lambda lab: lab.ctx.abort())
    assert str(reset.value) == "Application called abort() to reset Durable Object."


async def test_abort_ends_its_handler_past_except_exception(world: World) -> None:
    reached: list[str] = []

    async def script(lab: Lab) -> None:
        try:
            lab.ctx.abort()
        except Exception:
            reached.append("except")
        finally:
            reached.append("finally")
        reached.append("behind")

    with pytest.raises(ActorReset):
        await world.inside(script)
    assert reached == ["finally"]


async def test_abort_ends_all_other_handlers_and_tasks(world: World) -> None:
    reached: list[str] = []

    async def waits(lab: Lab) -> None:
        try:
            lab.ctx.wait_until(waits_too())
            await asyncio.Event().wait()
        finally:
            reached.append("handler")

    async def waits_too() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            reached.append("task")

    waiting = asyncio.ensure_future(world.inside(waits))
    await turns(3)
    with pytest.raises(ActorReset):
        await world.inside(lambda lab: lab.ctx.abort("enough"))
    with pytest.raises(ActorReset, match="enough"):
        await waiting
    assert sorted(reached) == ["handler", "task"]


async def test_an_actor_aborted_in_its_constructor_fails_its_callers(world: World) -> None:
    class Unwilling(DurableObject):
        tries = 0

        def __init__(self, ctx: DurableObjectState, env: Any) -> None:
            super().__init__(ctx, env)
            Unwilling.tries += 1
            if Unwilling.tries == 1:
                ctx.abort("not now")

        def call(self) -> str:
            return "now"

    with pytest.raises(ActorReset, match="not now"):
        await world.stub(Unwilling).call()
    assert await world.stub(Unwilling).call() == "now"


async def test_abort_and_sections_need_the_actors_own_turn(world: World) -> None:
    ctx: DurableObjectState = await world.inside(lambda lab: lab.ctx)
    with pytest.raises(StorageAccess):
        ctx.abort()
    with pytest.raises(StorageAccess):
        ctx.block_concurrency_while(lambda: None)
    with pytest.raises(StorageAccess):
        ctx.accept_web_socket(WebSocketPair()[0])
    assert world.live(Lab) == 1


async def test_a_handler_that_catches_an_abort_runs_to_its_next_await_and_no_further(
    world: World,
) -> None:
    reached: list[str] = []

    async def script(lab: Lab) -> None:
        try:
            lab.ctx.abort()
        except ActorAborted:
            reached.append("caught")
            with pytest.raises(StorageAccess, match="instance that is gone"):
                lab.ctx.storage.put("a", 1)
        try:
            await turns(1)
            reached.append("went on")
        finally:
            reached.append("ended")

    with pytest.raises(ActorReset):
        await world.inside(script)
    await turns()
    assert reached == ["caught", "ended"]


# wait_until.


async def test_what_waits_until_goes_on_after_the_reply_and_keeps_the_actor(world: World) -> None:
    release = asyncio.Event()
    done: list[Any] = []

    def script(lab: Lab) -> None:
        async def later() -> None:
            await release.wait()
            await lab.ctx.storage.put("later", True)
            done.append(await lab.ctx.storage.get("later"))

        lab.ctx.wait_until(later())

    await world.inside(script)
    world.clock.advance(100)
    assert world.live(Lab) == 1
    release.set()
    await turns()
    assert done == [True]
    world.clock.advance(100)
    assert world.live(Lab) == 0


# Ids, sessions.


async def test_ctx_knows_the_id_and_the_sessions(world: World) -> None:
    server, _ = await world.accepted("the name")
    found = await world.inside(lambda lab: (lab.ctx.id, dict(lab.ctx.sessions)), "the name")
    assert found == (world.namespace(Lab).id_from_name("the name"), {server.id: server})
    assert found[0].name == "the name"


# A Worker's ctx.


async def test_a_workers_ctx_goes_on_with_what_waits_until() -> None:
    execution = Execution(asyncio.get_running_loop(), FakeOutbound())
    release = asyncio.Event()
    ExecutionContext(execution).wait_until(release.wait())
    assert len(execution.tasks) == 1
    release.set()
    await turns(3)
    assert not execution.tasks
