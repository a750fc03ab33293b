"""Cancelling an ActorTask does what it does to an asyncio.Task."""

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from perdure.actors.execution import Execution
from tests.world import outcome, turns

Spawn = Callable[[Coroutine[Any, Any, Any]], Any]


async def test_cancelling_throws_into_the_coroutine_where_it_waits(spawn: Spawn) -> None:
    caught: list[Any] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            caught.append(error.args)
            raise

    task = spawn(work())
    await turns(2)
    assert task.cancel("why") is True
    assert not task.done(), "it has to be given the chance to refuse"
    assert await outcome(task) == "cancelled ('why',)"
    assert caught == [("why",)]


async def test_cancelling_cancels_the_future_it_waits_for(spawn: Spawn) -> None:
    future = asyncio.get_running_loop().create_future()

    async def work() -> None:
        await future

    task = spawn(work())
    await turns(2)
    task.cancel()
    assert future.cancelled()
    assert await outcome(task) == "cancelled ()"


async def test_a_task_cancelled_before_it_started_never_runs(spawn: Spawn) -> None:
    ran: list[bool] = []

    async def work() -> None:
        ran.append(True)

    task = spawn(work())
    assert task.cancel("early") is True
    assert await outcome(task) == "cancelled ('early',)"
    assert ran == []


async def test_a_coroutine_may_refuse_to_be_cancelled(spawn: Spawn) -> None:
    async def work() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
        return "stayed"

    task = spawn(work())
    await turns(2)
    task.cancel()
    assert await task == "stayed"
    assert task.cancelling() == 1
    assert task.cancel() is False, "it is done"
    assert task.cancelling() == 1


async def test_a_task_that_cancels_itself_is_cancelled_at_its_next_await(spawn: Spawn) -> None:
    tasks: list[Any] = []
    reached: list[str] = []

    async def work() -> None:
        tasks[0].cancel("self")
        reached.append("after cancel")
        await asyncio.Event().wait()
        reached.append("after await")

    tasks.append(spawn(work()))
    assert await outcome(tasks[0]) == "cancelled ('self',)"
    assert reached == ["after cancel"]


async def test_a_task_that_cancels_itself_in_its_last_turn_is_cancelled(spawn: Spawn) -> None:
    tasks: list[Any] = []

    async def work() -> str:
        tasks[0].cancel("last")
        return "lost"

    tasks.append(spawn(work()))
    assert await outcome(tasks[0]) == "cancelled ('last',)"


async def test_a_cancellation_that_was_caught_does_not_come_again(spawn: Spawn) -> None:
    tasks: list[Any] = []

    async def work() -> str:
        tasks[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        return "stayed"

    tasks.append(spawn(work()))
    assert await outcome(tasks[0]) == "result 'stayed'"


async def test_cancelling_when_the_future_has_just_ended_still_cancels(spawn: Spawn) -> None:
    future = asyncio.get_running_loop().create_future()
    values: list[str] = []

    async def work() -> None:
        values.append(await future)

    task = spawn(work())
    await turns(2)
    future.set_result("too late")
    assert task.cancel() is True
    assert await outcome(task) == "cancelled ()"
    assert values == []


async def test_a_failure_that_a_cancellation_overtakes_is_not_reported_as_forgotten(
    spawn: Spawn,
) -> None:
    loop = asyncio.get_running_loop()
    reports: list[Any] = []
    loop.set_exception_handler(lambda loop, context: reports.append(context))
    future = loop.create_future()

    async def work(future: Any) -> None:
        await future

    task = spawn(work(future))
    await turns(2)
    future.set_exception(ValueError("overtaken"))
    task.cancel()
    assert await outcome(task) == "cancelled ()"
    del future, task
    gc.collect()
    assert reports == []


async def test_the_message_of_the_first_cancellation_is_kept_when_a_second_comes(
    spawn: Spawn,
) -> None:
    async def work() -> None:
        await asyncio.Event().wait()

    task = spawn(work())
    await turns(2)
    assert task.cancel("first") is True
    assert task.cancel("second") is True
    assert task.cancelling() == 2
    assert await outcome(task) == "cancelled ('first',)"


async def test_cancellations_are_counted_and_taken_back(spawn: Spawn) -> None:
    counts: list[int] = []

    async def work() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            current: Any = asyncio.current_task()
            counts.extend([current.cancelling(), current.uncancel(), current.uncancel()])
        await asyncio.sleep(0)
        return "stayed"

    task = spawn(work())
    await turns(2)
    task.cancel()
    assert await task == "stayed"
    assert counts == [1, 0, 0]


async def test_a_cancellation_taken_back_before_it_was_thrown_does_not_come(
    execution: Execution,
) -> None:
    """As asyncio.Task does since Python 3.13; before, it was thrown all the same."""

    async def work() -> str:
        current: Any = asyncio.current_task()
        current.cancel()
        current.cancel()
        assert current.uncancel() == 1
        assert current.uncancel() == 0
        await asyncio.sleep(0)
        return "stayed"

    assert await execution.spawn(work()) == "stayed"


async def test_cancelling_reaches_through_a_task_that_is_awaited(spawn: Spawn) -> None:
    inner_tasks: list[Any] = []

    async def outer() -> None:
        inner_tasks.append(asyncio.create_task(asyncio.Event().wait()))
        await inner_tasks[0]

    task = spawn(outer())
    await turns(3)
    task.cancel()
    assert await outcome(task) == "cancelled ()"
    assert inner_tasks[0].cancelled()
