"""ActorTask does what asyncio.Task does; tests with ``spawn`` run against both.

Cancelling is in test_task_cancelling, asyncio's own tools in test_task_tools.
"""

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from perdure.actors.errors import ActorAborted
from perdure.actors.execution import Execution
from perdure.actors.gates import InputGate
from tests.wire import PATIENCE_S
from tests.world import outcome, turns

Spawn = Callable[[Coroutine[Any, Any, Any]], Any]


# Results.


async def test_a_task_gives_what_its_coroutine_returns(spawn: Spawn) -> None:
    async def work() -> str:
        await asyncio.sleep(0)
        return "value"

    task = spawn(work())
    assert not task.done()
    assert await task == "value"


async def test_a_task_starts_in_the_next_iteration(spawn: Spawn) -> None:
    started: list[bool] = []

    async def work() -> None:
        started.append(True)

    spawn(work())
    assert started == []
    await asyncio.sleep(0)
    assert started == [True]


async def test_a_task_raises_what_its_coroutine_raised(spawn: Spawn) -> None:
    async def work() -> None:
        await asyncio.sleep(0)
        raise ValueError("broken")

    assert await outcome(spawn(work())) == "raised ValueError('broken')"


async def test_what_a_future_raises_is_raised_where_it_is_awaited(spawn: Spawn) -> None:
    future = asyncio.get_running_loop().create_future()

    async def work() -> str:
        try:
            await future
        except LookupError as error:
            return f"caught {error}"
        return "not raised"

    task = spawn(work())
    await turns(2)
    future.set_exception(LookupError("here"))
    assert await task == "caught here"


async def test_a_task_can_await_another(spawn: Spawn) -> None:
    async def inner() -> int:
        await asyncio.sleep(0)
        return 20

    async def outer() -> int:
        one, other = asyncio.create_task(inner()), asyncio.ensure_future(inner())
        return await one + await other + 2

    assert await spawn(outer()) == 42


async def test_async_generators_work(spawn: Spawn) -> None:
    async def numbers() -> AsyncIterator[int]:
        for number in range(3):
            await asyncio.sleep(0)
            yield number

    async def work() -> list[int]:
        return [number async for number in numbers()]

    assert await spawn(work()) == [0, 1, 2]


# What may be awaited.


class Yields:
    """An awaitable that yields something to the task."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __await__(self) -> Any:
        yield self.value


async def test_awaiting_what_is_no_future_is_an_error_in_the_coroutine(spawn: Spawn) -> None:
    async def work() -> str:
        try:
            await Yields(5)
        except RuntimeError:
            return "refused"
        return "accepted"

    assert await spawn(work()) == "refused"


async def test_a_future_that_is_yielded_without_await_is_an_error(spawn: Spawn) -> None:
    async def work() -> str:
        try:
            await Yields(asyncio.get_running_loop().create_future())
        except RuntimeError:
            return "refused"
        return "accepted"

    assert await spawn(work()) == "refused"


async def test_a_task_cannot_await_itself(spawn: Spawn) -> None:
    tasks: list[Any] = []

    async def work() -> str:
        try:
            await tasks[0]
        except RuntimeError as error:
            return str(error)[:27]
        return "accepted"

    tasks.append(spawn(work()))
    assert await tasks[0] == "Task cannot await on itself"


async def test_a_future_of_another_loop_is_an_error(spawn: Spawn) -> None:
    other = asyncio.new_event_loop()
    future = other.create_future()

    async def work() -> str:
        try:
            await future
        except RuntimeError:
            return "refused"
        return "accepted"

    assert await spawn(work()) == "refused"
    other.close()


async def test_a_coroutine_that_catches_a_refusal_goes_on(spawn: Spawn) -> None:
    async def work() -> int:
        for _ in range(3):
            with pytest.raises(RuntimeError):
                await Yields("no future")
        await asyncio.sleep(0)
        return 3

    assert await spawn(work()) == 3


# What others can see of a task.


async def test_the_current_task_is_the_one_that_runs(spawn: Spawn) -> None:
    test_task = asyncio.current_task()

    async def work() -> Any:
        before = asyncio.current_task()
        await asyncio.sleep(0)
        assert asyncio.current_task() is before
        return before

    task = spawn(work())
    assert await task is task
    assert asyncio.current_task() is test_task


async def test_a_task_has_its_own_context(spawn: Spawn) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

    async def work(value: str) -> str:
        variable.set(value)
        await asyncio.sleep(0)
        return variable.get()

    one, other = spawn(work("one")), spawn(work("other"))
    assert [await one, await other] == ["one", "other"]
    assert variable.get() == "unset"


async def test_names_stacks_and_coroutines_can_be_asked_for(spawn: Spawn) -> None:
    async def work() -> None:
        await asyncio.sleep(0)

    coro = work()
    task = spawn(coro)
    assert task.get_name(), "it has one from the beginning"
    task.set_name(5)
    assert task.get_name() == "5"
    assert task.get_coro() is coro
    await asyncio.sleep(0)
    assert [frame.f_code.co_name for frame in task.get_stack()] == ["work"]
    assert task.get_stack(limit=1) == task.get_stack()
    await task
    assert task.get_stack() == []


async def test_libraries_find_the_future_a_task_waits_for(spawn: Spawn) -> None:
    """anyio reads ``_fut_waiter`` and ``_must_cancel`` to deliver its cancellations."""
    future = asyncio.get_running_loop().create_future()

    async def work() -> None:
        await future

    task = spawn(work())
    assert task._fut_waiter is None
    await turns(2)
    assert task._fut_waiter is future
    assert isinstance(task._fut_waiter, asyncio.Future)
    assert task._must_cancel is False
    future.set_result(None)
    await task
    assert task._fut_waiter is None


async def test_a_program_that_is_being_ended_ends(execution: Execution) -> None:
    async def work() -> None:
        raise SystemExit(3)

    task = execution.start(work(), execution.root)
    with pytest.raises(SystemExit):
        task.step()
    assert isinstance(task.exception(), SystemExit)


async def test_other_base_exceptions_are_the_tasks_result(execution: Execution) -> None:
    async def work() -> None:
        raise ActorAborted("gone")

    assert await outcome(execution.spawn(work())) == "raised ActorAborted('gone')"


# What only an ActorTask can do.


async def test_the_first_turn_of_a_task_may_lie_within_another_tasks(execution: Execution) -> None:
    """That is how an actor's handler runs within the turn of its caller."""
    seen: list[Any] = []

    async def inner() -> None:
        seen.append(asyncio.current_task())
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.sleep(0)

    task = execution.start(inner(), execution.root)
    outer = asyncio.current_task()
    task.step()
    assert asyncio.current_task() is outer
    assert seen == [task]
    await task


async def test_the_context_of_a_task_can_be_asked_for(execution: Execution) -> None:
    """As of asyncio.Task since Python 3.12."""
    context = contextvars.copy_context()
    task = execution.start(asyncio.sleep(0), execution.root, None, context)
    assert task.get_context() is context
    task.discard()


async def test_on_done_is_told_within_the_last_turn(execution: Execution) -> None:
    order: list[str] = []

    async def work() -> None:
        order.append("work")

    task = execution.start(work(), execution.root, lambda task: order.append("on_done"))
    task.add_done_callback(lambda task: order.append("callback"))
    assert task in execution.tasks
    task.step()
    assert order == ["work", "on_done"]
    assert task not in execution.tasks
    await asyncio.sleep(0)
    assert order == ["work", "on_done", "callback"]


async def test_a_task_waits_at_its_gate(execution: Execution) -> None:
    section = InputGate(execution.root)
    execution.gate = section
    task = execution.spawn(asyncio.sleep(0, "done"))
    await turns()
    assert not task.done()
    assert list(execution.root.held) == [task]
    execution.gate = section.end()
    execution.pump()
    assert await task == "done"


async def test_a_discarded_task_runs_its_finally_blocks_and_no_more(execution: Execution) -> None:
    order: list[str] = []
    event = asyncio.Event()

    async def work() -> None:
        try:
            await event.wait()
            order.append("went on")
        finally:
            order.append("finally")

    task = execution.start(work(), execution.root, lambda task: order.append("on_done"))
    task.step()
    task.discard()
    assert order == ["finally", "on_done"]
    assert task.cancelled()
    event.set()
    await turns()
    assert order == ["finally", "on_done"]
    task.discard()  # a second time changes nothing
    assert order == ["finally", "on_done"]


async def test_a_task_discarded_before_its_next_turn_takes_none(execution: Execution) -> None:
    ran: list[bool] = []

    async def work() -> None:
        ran.append(True)

    task = execution.spawn(work())
    task.discard()
    await turns()
    assert ran == []
    assert not execution.tasks


async def test_a_coroutine_that_awaits_in_its_finally_block_is_discarded_all_the_same(
    execution: Execution,
) -> None:
    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)

    task = execution.start(work(), execution.root)
    task.step()
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        task.discard()
    assert task.cancelled()
    assert not execution.tasks
