"""The answers of several workers as one: items in order, progress added up."""

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ...host.operations.house import Told, Values

# A worker is ahead of who reads by so many items at most.
_ITEMS_AHEAD_MAX = 64
# Has an operation done by one worker, which tells the Told it is given.
Ask = Callable[[Told], Awaitable[Values]]
# Given an item of some worker's; says whether more are wanted.
OnItem = Callable[[Values], Awaitable[bool]]


class Progress:
    """What several workers have done, as one. ``told`` hears of the sum."""

    def __init__(self, told: Told, workers: int) -> None:
        self._told = told
        self._workers = workers
        self._parts: dict[str, dict[int, tuple[int, int | None]]] = {}

    async def add(self, worker: int, what: str, done: int, total: int | None) -> None:
        """The worker of this number has done so much."""
        parts = self._parts.setdefault(what, {})
        parts[worker] = (done, total)
        totals = [total for _, total in parts.values()]
        whole = (
            sum(total for total in totals if total is not None)
            if None not in totals and len(parts) == self._workers
            else None
        )
        await self._told.progress(what, sum(done for done, _ in parts.values()), whole)


class _Stream:
    """What one worker tells. Is the ``Told`` of its part."""

    def __init__(self, number: int, progress: Progress) -> None:
        self._number = number
        self._progress = progress
        self.items: asyncio.Queue[Values | None] = asyncio.Queue(_ITEMS_AHEAD_MAX)

    async def progress(self, what: str, done: int, total: int | None) -> None:
        await self._progress.add(self._number, what, done, total)

    async def item(self, item: Values) -> None:
        await self.items.put(item)


async def in_order(
    asks: Sequence[Ask], told: Told, key: Callable[[Values], Any], on_item: OnItem
) -> list[Values]:
    """Ask all workers at once, and hand on their items in the order of ``key``.

    Each worker tells its own in that order.

    Returns:
        Their results; none if ``on_item`` wanted no more.

    Raises:
        OperationFailed: What the first of them to fail raised; the others are given up.
    """
    progress = Progress(told, len(asks))
    streams = [_Stream(number, progress) for number in range(len(asks))]

    async def follow(ask: Ask, stream: _Stream) -> Values:
        result = await ask(stream)
        await stream.items.put(None)
        return result

    async with _First() as group:
        tasks = [group.create_task(follow(*pair)) for pair in zip(asks, streams, strict=True)]
        if not await _hand_on(streams, key, on_item):
            for task in tasks:
                task.cancel()
            return []
    return [task.result() for task in tasks]


async def as_they_come(asks: Sequence[Ask], told: Told) -> list[Values]:
    """Ask all workers at once, and hand on what they tell; return their results.

    Raises:
        OperationFailed: What the first of them to fail raised; the others are given up.
    """
    progress = Progress(told, len(asks))
    async with _First() as group:
        tasks = [
            group.create_task(_awaited(ask(_Direct(number, told, progress))))
            for number, ask in enumerate(asks)
        ]
    return [task.result() for task in tasks]


class _Direct:
    """Likewise, whose items are handed on at once. Is the ``Told`` of its part."""

    def __init__(self, number: int, told: Told, progress: Progress) -> None:
        self._number = number
        self._told = told
        self._progress = progress

    async def progress(self, what: str, done: int, total: int | None) -> None:
        await self._progress.add(self._number, what, done, total)

    async def item(self, item: Values) -> None:
        await self._told.item(item)


class _First(asyncio.TaskGroup):
    """A group whose first failure is raised as it is."""

    async def __aexit__(self, *exit_info: Any) -> None:
        try:
            await super().__aexit__(*exit_info)
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None


async def _awaited(work: Awaitable[Values]) -> Values:
    return await work


async def _hand_on(
    streams: Sequence[_Stream], key: Callable[[Values], Any], on_item: OnItem
) -> bool:
    """Return when all streams are at their end, or no more is wanted; say which."""
    heads: list[tuple[Any, int, Values]] = []

    async def advance(number: int) -> None:
        item = await streams[number].items.get()
        if item is not None:
            heapq.heappush(heads, (key(item), number, item))

    for number in range(len(streams)):
        await advance(number)
    while heads:
        _, number, item = heapq.heappop(heads)
        if not await on_item(item):
            return False
        await advance(number)
    return True
