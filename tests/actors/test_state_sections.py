"""``ctx.block_concurrency_while``: in ``__init__`` and in handlers, when it fails, when it takes long."""

import asyncio
import contextvars
from typing import Any

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.errors import ActorReset, GateDeadlock
from perdure.actors.http import Request, Response
from perdure.actors.limits import ActorLimits
from perdure.actors.state import DurableObjectState
from perdure.actors.websocket import WebSocket
from perdure.runtime.host.bindings import Env
from perdure.storage.errors import UsageError
from tests.world import Lab, World, turns


class Broken(Exception):
    """What a callback of these tests raises."""


class Starting(DurableObject):
    """Starts with work that suspends."""

    log: list[str] = []
    fails = False
    release: asyncio.Event

    def __init__(self, ctx: DurableObjectState, env: Any) -> None:
        super().__init__(ctx, env)
        self.log.append("init in")

        @ctx.block_concurrency_while
        async def ready() -> str:
            self.log.append(f"callback sees {self.attribute}")
            await self.ctx.storage.put("started", True)
            await Starting.release.wait()
            if Starting.fails:
                raise Broken("cannot start")
            self.value = "loaded"
            self.log.append("callback out")
            return "ready"

        self.ready = ready
        self.attribute = "an attribute set behind it"
        self.log.append("init out")

    async def get(self) -> list[Any]:
        self.log.append("get")
        return [self.value, await self.ready, await self.ctx.storage.get("started")]


@pytest.fixture
def starting() -> type[Starting]:
    Starting.log, Starting.fails, Starting.release = [], False, asyncio.Event()
    return Starting


async def test_no_event_is_delivered_until_what_init_started_has_ended(
    world: World, starting: type[Starting]
) -> None:
    calls = [world.stub(starting).get() for _ in range(2)]
    await turns()
    assert starting.log == [
        "init in",
        "init out",
        "callback sees an attribute set behind it",
    ]
    starting.release.set()
    assert [await call for call in calls] == [["loaded", "ready", True]] * 2
    assert starting.log[3:] == ["callback out", "get", "get"]


async def test_all_that_init_started_ends_before_the_first_event(world: World) -> None:
    order: list[str] = []

    class Twice(DurableObject):
        def __init__(self, ctx: DurableObjectState, env: Any) -> None:
            super().__init__(ctx, env)
            for name in ("one", "other"):

                async def callback(name: str = name) -> None:
                    order.append(f"{name} in")
                    await turns(2)
                    order.append(f"{name} out")

                ctx.block_concurrency_while(callback)

        def call(self) -> None:
            order.append("event")

    await world.stub(Twice).call()
    assert order == ["one in", "one out", "other in", "other out", "event"]


async def test_a_start_that_fails_resets_the_actor_and_every_caller_gets_the_error(
    world: World, starting: type[Starting]
) -> None:
    starting.fails = True
    stub = world.stub(starting)
    calls = [stub.get(), world.stub(starting).get()]
    await turns()
    starting.release.set()
    for call in calls:
        with pytest.raises(Broken, match="cannot start") as broken:
            await call
        assert broken.value.durable_object_reset is True  # type: ignore[attr-defined]  # each caught error has it
    with pytest.raises(Broken):
        await stub.get()
    starting.fails = False
    assert await world.stub(starting).get() == ["loaded", "ready", True], "a new start"


async def test_what_a_failed_start_wrote_last_is_lost(world: World) -> None:
    class Failing(DurableObject):
        fails = True

        def __init__(self, ctx: DurableObjectState, env: Any) -> None:
            super().__init__(ctx, env)
            if Failing.fails:
                ctx.block_concurrency_while(self.start)

        async def start(self) -> None:
            await self.ctx.storage.put("half", True)
            raise Broken

        async def get(self) -> Any:
            return await self.ctx.storage.get("half")

    with pytest.raises(Broken):
        await world.stub(Failing).get()
    Failing.fails = False
    assert await world.stub(Failing).get() is None


async def test_it_gives_what_its_callback_gives_and_lets_no_event_in(world: World) -> None:
    order: list[str] = []

    async def blocks(lab: Lab) -> Any:
        async def callback() -> str:
            order.append("in")
            await turns(4)
            order.append("out")
            return "value"

        value = await lab.ctx.block_concurrency_while(callback)
        order.append("behind")
        return [value, await lab.ctx.block_concurrency_while(lambda: "plain")]

    blocked = asyncio.ensure_future(world.inside(blocks))
    await turns(2)
    other = asyncio.ensure_future(world.inside(lambda lab: order.append("other")))
    assert await blocked == ["value", "plain"]
    await other
    assert order == ["in", "out", "behind", "other"]


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_callback_that_raises_resets_the_actor_and_cannot_be_caught_inside(
    world: World, is_async: bool
) -> None:
    caught: list[Any] = []

    def fails() -> None:
        raise Broken("inside")

    async def fails_later() -> None:
        await turns(1)
        raise Broken("inside")

    async def blocks(lab: Lab) -> None:
        try:
            await lab.ctx.block_concurrency_while(fails_later if is_async else fails)
        except Exception as error:
            caught.append(error)

    waiting = asyncio.ensure_future(world.inside(blocks))
    with pytest.raises(Broken, match="inside"):
        await waiting
    assert caught == []
    assert world.live(Lab) == 0


async def test_it_takes_30_seconds_at_most(world: World) -> None:
    ended: list[str] = []

    async def blocks(lab: Lab) -> None:
        async def callback() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("callback")

        await lab.ctx.block_concurrency_while(callback)

    blocked = asyncio.ensure_future(world.inside(blocks))
    await turns(2)
    other = asyncio.ensure_future(world.inside(lambda lab: "other"))
    await turns(2)
    world.clock.advance(29.9)
    await turns()
    assert not blocked.done()
    world.clock.advance(0.2)
    for call in (blocked, other):
        with pytest.raises(
            ActorReset, match=r"waited for too long\. The call was canceled and the"
        ):
            await call
    assert ended == ["callback"]
    assert await world.inside(lambda lab: "again") == "again"


async def test_one_that_has_ended_in_time_resets_nothing_later(world: World) -> None:
    await world.inside(lambda lab: lab.ctx.block_concurrency_while(lambda: None))
    server, _ = await world.accepted()  # so that the actor stays
    world.clock.advance(100)
    assert server.ready_state == WebSocket.OPEN


async def test_cancelling_it_resets_the_actor(world: World) -> None:
    async def blocks(lab: Lab) -> None:
        async def callback() -> None:
            await asyncio.Event().wait()

        async with asyncio.timeout(0.001):
            await lab.ctx.block_concurrency_while(callback)

    with pytest.raises(ActorReset, match=r"callback of block_concurrency_while\(\) was cancelled"):
        await world.inside(blocks)


async def test_it_nests_64_deep_and_the_65th_resets_the_actor(world: World) -> None:
    async def nested(lab: Lab, depth: int) -> int:
        if depth == 0:
            return 1
        below = await lab.ctx.block_concurrency_while(lambda: nested(lab, depth - 1))
        return below + 1

    assert await world.inside(lambda lab: nested(lab, 64)) == 65
    with pytest.raises(UsageError, match=r"blockConcurrencyWhile\(\) calls are nested too deeply"):
        await world.inside(lambda lab: nested(lab, 65))
    assert world.live(Lab) == 0


async def test_the_limits_of_sections_can_be_set(tmp_path: Any) -> None:
    limits = ActorLimits(block_concurrency_s=1.0, critical_section_depth_max=1)
    world = World(tmp_path, limits)

    async def nested(lab: Lab) -> None:
        async def callback() -> None:
            await lab.ctx.block_concurrency_while(lambda: None)

        await lab.ctx.block_concurrency_while(callback)

    with pytest.raises(UsageError, match="nested too deeply"):
        await world.inside(nested)
    stuck = asyncio.ensure_future(
        world.inside(lambda lab: lab.ctx.block_concurrency_while(asyncio.Event().wait))
    )
    await turns(2)
    world.clock.advance(1.1)
    with pytest.raises(ActorReset, match="waited for too long"):
        await stuck
    world.close()


async def test_a_callback_sees_the_variables_of_its_handler(world: World) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

    async def script(lab: Lab) -> Any:
        variable.set("the handler's")
        return await lab.ctx.block_concurrency_while(variable.get)

    assert await world.inside(script) == "the handler's"


# Calls of an actor to itself.


def calling(world: World, name: str) -> Any:
    return world.stub(Counting, name, env=Env({"world": world}))


async def test_awaiting_a_call_to_itself_inside_its_own_section_is_refused(world: World) -> None:
    stub = calling(world, "a")
    assert await stub.inside_transaction() == "refused"
    assert await stub.inside_block_concurrency() == "refused"
    assert await stub.seen() == ["transaction", "block", "fetch"], "what was sent has been taken up"


async def test_a_call_to_itself_that_is_awaited_afterwards_is_fine(world: World) -> None:
    stub = calling(world, "a")
    assert await stub.awaited_afterwards() == "done later"
    assert await stub.awaited_by_a_task() == "done by a task"


async def test_calls_to_others_inside_a_section_are_fine(world: World) -> None:
    assert await calling(world, "a").calls_another() == "done other"


class Counting(DurableObject):
    """Calls itself in all ways."""

    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        self.calls: list[str] = []

    def itself(self) -> Any:
        return calling(self.env.world, "a")

    async def add(self, what: str) -> str:
        self.calls.append(what)
        return f"done {what}"

    async def fetch(self, request: Request) -> Response:
        self.calls.append("fetch")
        return Response("")

    async def seen(self) -> list[str]:
        return self.calls

    async def inside_transaction(self) -> str:
        async def callback(_: Any) -> str:
            with pytest.raises(GateDeadlock, match="would wait for the end of just that"):
                await self.itself().add("transaction")
            return "refused"

        return str(await self.ctx.storage.transaction(callback))

    async def inside_block_concurrency(self) -> str:
        async def callback() -> str:
            with pytest.raises(GateDeadlock):
                await self.itself().add("block")
            with pytest.raises(GateDeadlock):
                await self.itself().fetch("http://itself/")
            return "refused"

        return str(await self.ctx.block_concurrency_while(callback))

    async def awaited_afterwards(self) -> str:
        async def callback(_: Any) -> Any:
            return [self.itself().add("later")]

        [call] = await self.ctx.storage.transaction(callback)

        async def again(_: Any) -> str:
            return str(await call)  # it is done by now

        await asyncio.sleep(0)
        return str(await self.ctx.storage.transaction(again))

    async def awaited_by_a_task(self) -> str:
        tasks = []

        async def wait() -> str:
            return str(await self.itself().add("by a task"))

        async def callback(_: Any) -> None:
            tasks.append(asyncio.create_task(wait()))
            await asyncio.sleep(0)

        await self.ctx.storage.transaction(callback)
        return await tasks[0]

    async def calls_another(self) -> str:
        async def callback(_: Any) -> str:
            return str(await calling(self.env.world, "b").add("other"))

        return str(await self.ctx.storage.transaction(callback))
