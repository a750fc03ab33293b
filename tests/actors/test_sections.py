"""Critical sections of an execution; what actors make of them is in test_state and
test_durable_storage.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from perdure.actors.errors import ActorAborted
from perdure.actors.execution import Execution
from perdure.actors.sections import CriticalSection
from perdure.storage.errors import UsageError
from tests.world import turns

DEPTH_MAX = 64


@pytest.fixture
def section(execution: Execution) -> Callable[[Callable[[], Any]], asyncio.Future[Any]]:
    """Open a section that ends with what its callback gives or raises."""

    def settle(section: CriticalSection, value: Any, error: BaseException | None) -> None:
        section.end(value, error)

    def open_section(callback: Callable[[], Any]) -> asyncio.Future[Any]:
        section = CriticalSection(execution, callback, settle)
        turn = execution.turn
        assert turn is not None
        section.request(turn.gate.current(), DEPTH_MAX)
        return section.result

    return open_section


Open = Callable[[Callable[[], Any]], asyncio.Future[Any]]
Order = list[str]


async def run(execution: Execution, coro: Any) -> Any:
    return await execution.spawn(coro)


def steps(order: Order, name: str, count: int = 3) -> Callable[[], Awaitable[str]]:
    """A callback that suspends, and writes down when it ran."""

    async def callback() -> str:
        order.append(f"{name} in")
        await turns(count)
        order.append(f"{name} out")
        return name

    return callback


async def test_no_other_turn_runs_while_a_section_is_open(
    execution: Execution, section: Open
) -> None:
    order: Order = []

    async def other() -> None:
        order.append("other")

    async def caller() -> None:
        asyncio.create_task(other())  # noqa: RUF006  # it ends before the test does
        order.append(await section(steps(order, "section")))

    await run(execution, caller())
    await turns(2)
    assert order == ["section in", "section out", "section", "other"]


async def test_the_callback_starts_when_the_turn_that_asked_is_over(
    execution: Execution, section: Open
) -> None:
    order: Order = []

    async def caller() -> None:
        future = section(steps(order, "section"))
        order.append("rest of the turn")
        await future

    await run(execution, caller())
    assert order == ["rest of the turn", "section in", "section out"]


async def test_the_caller_goes_on_before_all_that_waits(
    execution: Execution, section: Open
) -> None:
    order: Order = []
    future = execution.loop.create_future()

    async def earlier() -> None:
        await future
        order.append("earlier")

    async def caller() -> None:
        await section(steps(order, "section"))
        order.append("caller")

    waits = execution.spawn(earlier())
    await turns(2)
    calls = execution.spawn(caller())
    await turns(2)
    future.set_result(None)
    await asyncio.gather(waits, calls)
    assert order == ["section in", "section out", "caller", "earlier"]


async def test_the_caller_is_woken_once(execution: Execution, section: Open) -> None:
    """Else what the section gave would be thrown into a later await once more."""
    order: Order = []

    async def fails() -> None:
        await turns(2)
        raise ValueError("once")

    async def caller() -> str:
        for _ in range(3):
            with pytest.raises(ValueError, match="once"):
                await section(fails)
            await turns(3)
            order.append("went on")
        return "done"

    assert await run(execution, caller()) == "done"
    assert order == ["went on"] * 3


async def test_sections_asked_for_in_one_turn_open_one_after_the_other(
    execution: Execution, section: Open
) -> None:
    order: Order = []

    async def caller() -> None:
        one, other = section(steps(order, "one")), section(steps(order, "other"))
        await one
        order.append("behind one")
        third = section(steps(order, "third"))
        await asyncio.gather(other, third)

    await run(execution, caller())
    assert order == [
        "one in",
        "one out",
        "behind one",
        "other in",
        "other out",
        "third in",
        "third out",
    ]


async def test_sections_that_wait_come_before_events_that_wait(
    execution: Execution, section: Open
) -> None:
    order: Order = []

    async def event() -> None:
        order.append("event")

    async def caller() -> None:
        asyncio.create_task(event())  # noqa: RUF006  # it ends before the test does
        section(steps(order, "one"))
        section(steps(order, "other"))

    await run(execution, caller())
    await turns()
    assert order == ["one in", "one out", "other in", "other out", "event"]


async def test_sections_nest(execution: Execution, section: Open) -> None:
    order: Order = []

    async def outer() -> str:
        order.append("outer in")
        inner = await section(steps(order, "inner"))
        order.append("outer out")
        return f"outer with {inner}"

    async def caller() -> Any:
        return await section(outer)

    assert await run(execution, caller()) == "outer with inner"
    assert order == ["outer in", "inner in", "inner out", "outer out"]
    assert execution.gate is execution.root


async def test_turns_of_the_outer_section_wait_for_the_inner_one(
    execution: Execution, section: Open
) -> None:
    order: Order = []

    async def sibling() -> None:
        order.append("sibling")

    async def outer() -> None:
        task = asyncio.create_task(sibling())
        await section(steps(order, "inner"))
        await task

    async def caller() -> None:
        await section(outer)

    await run(execution, caller())
    assert order == ["inner in", "inner out", "sibling"]


async def test_a_section_ends_after_the_sections_opened_inside_it(
    execution: Execution, section: Open
) -> None:
    """Also when its callback has not awaited them."""
    order: Order = []

    async def outer() -> str:
        section(steps(order, "one"))
        section(steps(order, "other"))
        return "outer"

    async def caller() -> None:
        order.append(await section(outer))

    await run(execution, caller())
    assert order == ["one in", "one out", "other in", "other out", "outer"]
    assert execution.gate is execution.root


async def test_a_plain_callback_that_opens_a_section_is_waited_for_as_well(
    execution: Execution, section: Open
) -> None:
    order: Order = []

    async def caller() -> None:
        await section(lambda: section(steps(order, "inner")))
        order.append("caller")

    await run(execution, caller())
    assert order == ["inner in", "inner out", "caller"]


async def test_tasks_left_over_from_a_section_go_on_outside(
    execution: Execution, section: Open
) -> None:
    order: Order = []
    left_over: list[Any] = []

    async def callback() -> None:
        left_over.append(asyncio.create_task(steps(order, "task")()))  # type: ignore[arg-type]  # it is a coroutine

    async def caller() -> None:
        await section(callback)
        order.append("caller")

    await run(execution, caller())
    await left_over[0]
    assert order == ["caller", "task in", "task out"]


async def test_a_callback_may_be_plain_or_return_any_awaitable(
    execution: Execution, section: Open
) -> None:
    future = execution.loop.create_future()
    future.set_result("from a future")

    async def caller() -> list[Any]:
        return [await section(lambda: "plain"), await section(lambda: future)]

    assert await run(execution, caller()) == ["plain", "from a future"]


@pytest.mark.parametrize("is_async", [False, True])
async def test_what_the_callback_raises_is_raised_where_the_section_is_awaited(
    execution: Execution, section: Open, is_async: bool
) -> None:
    def raises() -> None:
        raise LookupError("inside")

    async def raises_later() -> None:
        await turns(1)
        raises()

    async def caller() -> None:
        await section(raises_later if is_async else raises)

    with pytest.raises(LookupError, match="inside"):
        await run(execution, caller())
    assert execution.gate is execution.root


async def test_a_callback_that_aborts_its_actor_raises_nothing_into_whoever_runs_it(
    execution: Execution, section: Open
) -> None:
    def aborts() -> None:
        raise ActorAborted("gone")

    async def caller() -> str:
        with pytest.raises(ActorAborted):
            await section(aborts)
        return "told"

    task = execution.start(caller(), execution.root)
    execution.resume(task)  # would raise here
    assert await task == "told"


# Cancelling.


async def test_cancelling_what_awaits_a_section_cancels_its_callback(
    execution: Execution, section: Open
) -> None:
    """Else a timeout around a transaction could only come when that has ended by itself."""
    order: Order = []

    async def callback() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            order.append("callback ended")

    async def caller() -> str:
        try:
            async with asyncio.timeout(0.001):
                await section(callback)
        except TimeoutError:
            order.append("timed out")
        return "went on"

    assert await run(execution, caller()) == "went on"
    assert order == ["callback ended", "timed out"]
    assert execution.gate is execution.root


async def test_a_section_cancelled_before_it_opened_never_runs(
    execution: Execution, section: Open
) -> None:
    order: Order = []

    async def caller() -> None:
        one, other = section(steps(order, "one")), section(steps(order, "other"))
        one.cancel()
        await other

    await run(execution, caller())
    assert order == ["other in", "other out"]


async def test_a_callback_that_is_cancelled_itself_cancels_its_caller_only(
    execution: Execution, section: Open
) -> None:
    async def callback() -> None:
        raise asyncio.CancelledError

    async def caller() -> str:
        with pytest.raises(asyncio.CancelledError):
            await section(callback)
        await turns(2)
        return "went on"

    assert await run(execution, caller()) == "went on"


async def test_a_caller_that_is_cancelled_while_the_section_ends_does_not_hold_up_others(
    execution: Execution, section: Open
) -> None:
    ended: Order = []

    async def callback() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await turns(2)
            ended.append("callback")

    async def caller() -> None:
        await section(callback)

    task = execution.spawn(caller())
    await turns(3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["callback"]
    assert await run(execution, asyncio.sleep(0, "next")) == "next"


# Depth, context.


async def test_sections_nest_64_deep_and_no_deeper(execution: Execution, section: Open) -> None:
    async def nested(depth: int) -> int:
        if depth == 65:
            with pytest.raises(UsageError, match=r"blockConcurrencyWhile\(\) calls are nested too"):
                section(lambda: None)
            return depth
        found: int = await section(lambda: nested(depth + 1))
        return found

    assert await run(execution, nested(1)) == 65
    assert execution.gate is execution.root


async def test_a_callback_sees_the_variables_of_its_caller(
    execution: Execution, section: Open
) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

    async def callback() -> str:
        await turns(1)
        return variable.get()

    async def caller() -> list[Any]:
        variable.set("caller's")
        return [await section(variable.get), await section(callback)]

    assert await run(execution, caller()) == ["caller's", "caller's"]
