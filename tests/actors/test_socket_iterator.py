"""``async for message in socket``."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from perdure.actors.errors import SocketStateError
from perdure.actors.socket_iterator import SocketIterator
from tests.world import turns


class Counted:
    """An iterator, and how many messages were taken out of it."""

    def __init__(self) -> None:
        self.taken = 0
        self.emitted: list[Callable[[], None]] = []
        emit = self.emitted.append
        self.iterator = SocketIterator(asyncio.get_running_loop(), self.count, emit)

    def count(self) -> None:
        self.taken += 1

    async def collect(self) -> list[Any]:
        return [message async for message in self.iterator]


async def test_messages_come_in_order_and_end_with_the_connection() -> None:
    counted = Counted()
    counted.iterator.push("a")
    task = asyncio.create_task(counted.collect())
    await turns(3)
    counted.iterator.push(b"b")
    await turns(3)
    counted.iterator.push("c")
    counted.iterator.end()
    assert await task == ["a", b"b", "c"]
    assert counted.taken == 3


async def test_what_has_ended_stays_ended() -> None:
    counted = Counted()
    counted.iterator.end()
    counted.iterator.end()
    assert await counted.collect() == []
    assert await counted.collect() == []


async def test_a_loop_that_was_left_can_be_taken_up_again() -> None:
    counted = Counted()
    for message in "abc":
        counted.iterator.push(message)
    async for first in counted.iterator:
        assert first == "a"
        break
    counted.iterator.end()
    assert await counted.collect() == ["b", "c"]


async def test_only_one_task_can_wait_for_messages() -> None:
    counted = Counted()
    task = asyncio.create_task(counted.collect())
    await turns(2)
    with pytest.raises(SocketStateError, match="another task is already iterating"):
        await anext(counted.iterator)
    counted.iterator.push("a")
    counted.iterator.end()
    assert await task == ["a"], "the first one is not disturbed"


async def test_several_messages_before_the_task_runs_are_all_kept() -> None:
    counted = Counted()
    task = asyncio.create_task(counted.collect())
    await turns(2)
    counted.iterator.push("a")
    counted.iterator.push("b")
    counted.iterator.end()
    assert await task == ["a", "b"]


async def test_a_task_that_was_cancelled_leaves_the_messages_to_the_next() -> None:
    counted = Counted()
    task = asyncio.create_task(counted.collect())
    await turns(2)
    task.cancel()
    await turns(2)
    counted.iterator.push("a")
    assert await anext(counted.iterator) == "a"
