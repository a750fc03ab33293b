"""What asyncio offers to tasks works in an ActorTask as in an asyncio.Task."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.world import outcome, turns

Spawn = Callable[[Coroutine[Any, Any, Any]], Any]


async def test_timeout_expires(spawn: Spawn) -> None:
    async def work() -> str:
        try:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        except TimeoutError:
            return f"timed out, {asyncio.current_task().cancelling()} left"  # type: ignore[union-attr]  # there is one
        return "no timeout"

    assert await spawn(work()) == "timed out, 0 left"


async def test_timeout_that_does_not_expire_changes_nothing(spawn: Spawn) -> None:
    async def work() -> str:
        async with asyncio.timeout(10) as timeout:
            await asyncio.sleep(0)
            timeout.reschedule(asyncio.get_running_loop().time() + 20)
        return "in time"

    assert await spawn(work()) == "in time"


async def test_the_outer_of_two_timeouts_is_told_apart(spawn: Spawn) -> None:
    async def work() -> str:
        try:
            async with asyncio.timeout(0):
                try:
                    async with asyncio.timeout(10):
                        await asyncio.Event().wait()
                except TimeoutError:
                    return "inner"
        except TimeoutError:
            return "outer"
        return "none"

    assert await spawn(work()) == "outer"


async def test_a_cancellation_from_outside_is_no_timeout(spawn: Spawn) -> None:
    async def work() -> None:
        async with asyncio.timeout(10):
            await asyncio.Event().wait()

    task = spawn(work())
    await turns(2)
    task.cancel("outside")
    assert await outcome(task) == "cancelled ('outside',)"


async def test_wait_for_gives_the_value_or_times_out(spawn: Spawn) -> None:
    async def work() -> list[str]:
        found = [await asyncio.wait_for(asyncio.sleep(0, "value"), 5)]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.001)
        return found

    assert await spawn(work()) == ["value"]


async def test_task_groups_wait_for_their_children(spawn: Spawn) -> None:
    async def child(n: int) -> int:
        for _ in range(n):
            await asyncio.sleep(0)
        return n

    async def work() -> list[int]:
        async with asyncio.TaskGroup() as group:
            children = [group.create_task(child(n), name=f"child {n}") for n in range(4)]
        assert [c.get_name() for c in children] == [f"child {n}" for n in range(4)]
        return [c.result() for c in children]

    assert await spawn(work()) == [0, 1, 2, 3]


async def test_a_failing_child_cancels_its_group(spawn: Spawn) -> None:
    ends: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError("child")

    async def work() -> str:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(waits())
                group.create_task(fails())
                await asyncio.Event().wait()
        except* ValueError as errors:
            ends.append(repr(errors.exceptions))
        current: Any = asyncio.current_task()
        return f"{ends} {current.cancelling()}"

    assert await spawn(work()) == "['cancelled', \"(ValueError('child'),)\"] 0"


async def test_cancelling_a_group_cancels_its_children(spawn: Spawn) -> None:
    children: list[Any] = []

    async def work() -> None:
        async with asyncio.TaskGroup() as group:
            children.append(group.create_task(asyncio.Event().wait()))

    task = spawn(work())
    await turns(3)
    task.cancel()
    assert await outcome(task) == "cancelled ()"
    assert children[0].cancelled()


async def test_gather_wait_and_as_completed_work(spawn: Spawn) -> None:
    async def after(n: int) -> int:
        for _ in range(n):
            await asyncio.sleep(0)
        return n

    async def fails() -> None:
        raise ValueError("no")

    async def work() -> list[Any]:
        gathered = await asyncio.gather(after(3), fails(), after(1), return_exceptions=True)
        first, rest = await asyncio.wait(
            [asyncio.create_task(after(5)), asyncio.create_task(after(1))],
            return_when=asyncio.FIRST_COMPLETED,
        )
        completed = [await next_one for next_one in asyncio.as_completed([after(4), after(2)])]
        late = [await task for task in rest]
        return [repr(gathered), [task.result() for task in first], late, completed]

    assert await spawn(work()) == ["[3, ValueError('no'), 1]", [1], [5], [2, 4]]


async def test_shield_keeps_what_it_shields_running(spawn: Spawn) -> None:
    release = asyncio.Event()
    inner: list[Any] = []

    async def waits() -> str:
        await release.wait()
        return "finished"

    async def work() -> None:
        inner.append(asyncio.create_task(waits()))
        await asyncio.shield(inner[0])

    task = spawn(work())
    await turns(3)
    task.cancel()
    assert await outcome(task) == "cancelled ()"
    release.set()
    assert await inner[0] == "finished"


async def test_locks_queues_events_conditions_and_executors_work(spawn: Spawn) -> None:
    queue: asyncio.Queue[int] = asyncio.Queue(1)
    lock, condition = asyncio.Lock(), asyncio.Condition()
    order: list[str] = []

    async def producer() -> None:
        for n in range(3):
            await queue.put(n)
        async with condition:
            condition.notify_all()

    async def holder(name: str) -> None:
        async with lock:
            order.append(f"{name} in")
            await asyncio.sleep(0)
            order.append(f"{name} out")

    async def work() -> list[Any]:
        async with asyncio.TaskGroup() as group:
            group.create_task(holder("a"))
            group.create_task(holder("b"))
        async with condition:
            task = asyncio.create_task(producer())
            numbers = [await queue.get() for _ in range(3)]
            await condition.wait()
        await task
        loop = asyncio.get_running_loop()
        thread = await loop.run_in_executor(None, threading.get_ident)
        return [*numbers, thread != threading.get_ident(), await asyncio.to_thread(int, "7")]

    assert await spawn(work()) == [0, 1, 2, True, 7]
    assert order == ["a in", "a out", "b in", "b out"]
