"""Reads along what the actors of all workers do, and of those that take their places."""

import asyncio

from ...control.protocol import OperationFailed
from ...host.operations.house import Told, Values
from ...host.operations.tailing import TailArguments
from .errors import SERVER_STOPPING, WORKER_AWAY, WORKER_LOST
from .houses import Houses


class _Reader:
    """What one worker's events go through. Is the ``Told`` of its tail.

    Args:
        told: Whoever asked.
        has_begun: Set when this one's worker tells of what happens from now on.
        all_have: Set when all do; no event is handed on before.
    """

    def __init__(self, told: Told, has_begun: asyncio.Event, all_have: asyncio.Event) -> None:
        self._told = told
        self._has_begun = has_begun
        self._all_have = all_have

    async def progress(self, what: str, done: int, total: int | None) -> None:
        """There is none."""

    async def item(self, item: Values) -> None:
        self._has_begun.set()
        await self._all_have.wait()
        if item["events"]:
            await self._told.item(item)


async def tail(houses: Houses, arguments: TailArguments, told: Told) -> Values:
    """See ``host.operations.tailing.tail``; it goes on when workers come and go.

    Raises:
        OperationFailed: What is wanted cannot be.
    """
    slots = houses.placement.slots
    begun = {slot: asyncio.Event() for slot in slots}
    all_have = asyncio.Event()

    async def begin() -> None:
        for slot in slots:
            if houses.is_serving(slot):
                await begun[slot].wait()
        await told.item({"events": []})
        all_have.set()

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(begin())
            follows = [
                group.create_task(
                    _follow(houses, slot, arguments, _Reader(told, begun[slot], all_have))
                )
                for slot in slots
            ]
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return {"lost": sum(follow.result() for follow in follows)}


async def _follow(houses: Houses, slot: str, arguments: TailArguments, reader: _Reader) -> int:
    """Read along in a slot until the server stops; return how many events were lost."""
    lost = 0
    while slot in houses.placement.slots:
        try:
            result = await houses.worker(slot, "tail", arguments)(reader)
            lost += result["lost"]
        except OperationFailed as error:
            if error.failure.kind == SERVER_STOPPING:
                break
            if error.failure.kind not in {WORKER_AWAY, WORKER_LOST}:
                raise
    return lost
