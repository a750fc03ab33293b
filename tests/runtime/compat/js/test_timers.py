"""``setTimeout`` and its like."""

import asyncio
import types
from typing import Any

import pytest

from perdure.actors.base import DurableObject
from perdure.runtime.compat.js.proxies import JsException
from perdure.runtime.compat.pyodide.modules import make_modules
from tests.world import World, turns

JS = make_modules()["js"]


async def test_a_timer_calls_back_with_its_arguments(world: World, js: types.ModuleType) -> None:
    async def script(lab: object) -> list[Any]:
        done: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        assert isinstance(js.setTimeout(lambda *args: done.set_result([*args]), 1, "a", 2), int)
        return await done

    assert await world.inside(script) == ["a", 2]


async def test_a_timer_may_be_async_and_is_called_off(
    world: World, js: types.ModuleType, ffi: Any
) -> None:
    async def script(lab: object) -> list[str]:
        seen: list[str] = []

        async def work() -> None:
            await asyncio.sleep(0)
            seen.append("work")

        off = js.setTimeout(lambda: seen.append("never"))
        js.setTimeout(ffi.create_once_callable(work))
        js.clearTimeout(off)
        js.clearTimeout(off)
        js.clearTimeout(None)
        await turns()
        return seen

    assert await world.inside(script) == ["work"]


async def test_an_interval_calls_back_until_it_is_cleared(
    world: World, js: types.ModuleType
) -> None:
    async def script(lab: object) -> int:
        count, enough = 0, asyncio.Event()

        def tick() -> None:
            nonlocal count
            count += 1
            if count == 3:
                js.clearInterval(number)
                enough.set()

        number = js.setInterval(tick, 0)
        await enough.wait()
        await turns()
        return count

    assert await world.inside(script) == 3


async def test_an_actor_with_a_timer_is_at_work(world: World, js: types.ModuleType) -> None:
    numbers: list[int] = []
    await world.inside(lambda lab: numbers.append(js.setTimeout(lambda: None, 60_000)))
    actor = world.actor()
    assert actor.is_at_work
    await world.inside(lambda lab: js.clearTimeout(numbers[0]))
    await turns()
    assert not actor.is_at_work


class Gated(DurableObject):
    seen: list[str] = []

    async def run(self) -> None:
        JS.setTimeout(lambda: self.seen.append("timer"))

        async def section() -> None:
            await turns()
            self.seen.append("section")

        await self.ctx.block_concurrency_while(section)


async def test_a_timer_waits_at_the_gate(world: World) -> None:
    await world.stub(Gated).run()
    await turns()
    assert Gated.seen == ["section", "timer"]


async def test_a_callback_that_raises_is_logged(
    world: World, js: types.ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise ValueError("oops")

    await world.inside(lambda lab: js.queueMicrotask(broken))
    await turns()
    [record] = [record for record in caplog.records if record.message == "timer.failed"]
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "oops"
    js.reportError("mine")
    assert caplog.records[-1].message == "error.reported"


async def test_a_microtask_runs_after_the_code_that_runs(
    world: World, js: types.ModuleType
) -> None:
    seen: list[str] = []

    def script(lab: object) -> None:
        js.queueMicrotask(lambda: seen.append("later"))
        seen.append("now")

    await world.inside(script)
    await turns()
    assert seen == ["now", "later"]


def test_a_timer_needs_a_handler(js: types.ModuleType) -> None:
    for start in (js.setTimeout, js.setInterval, js.queueMicrotask):
        with pytest.raises(JsException, match="works only while a handler"):
            start(lambda: None)


async def test_clocks(js: types.ModuleType) -> None:
    first = js.performance.now()
    await js.scheduler.wait(0)
    assert first <= js.performance.now()
    assert js.performance.timeOrigin + first <= js.Date.now() + 1000
