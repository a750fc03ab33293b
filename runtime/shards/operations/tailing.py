"""Reads along what the actors of all workers do, and of those that take their places."""

import asyncio

from ...control.protocol import OperationFailed
from ...host.operations.house import Told, Values
from ...host.operations.tailing import TailArguments
from ..supervisor.places import Role
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
    lines, all_have = houses.lines, asyncio.Event()
    begun = {slot: asyncio.Event() for slot in lines.slots_of(Role.WORKER)}
    follows: dict[str, asyncio.Task[int]] = {}
    lost = 0

    async def begin() -> None:
        for has_begun in begun.values():
            await has_begun.wait()
        await told.item({"events": []})
        all_have.set()

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(begin())
            while not lines.is_stopping:
                for slot in {*houses.placement.slots, *lines.slots_of(Role.WORKER)}:
                    if slot in follows and not follows[slot].done():
                        continue
                    lost += follows[slot].result() if slot in follows else 0
                    reader = _Reader(told, begun.get(slot, asyncio.Event()), all_have)
                    follow = _follow(houses, slot, arguments, reader)
                    follows[slot] = group.create_task(follow)
                await lines.next_change()
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return {"lost": lost + sum(follow.result() for follow in follows.values())}


async def _follow(houses: Houses, slot: str, arguments: TailArguments, reader: _Reader) -> int:
    """Read along in a slot until it serves no more; return how many events were lost."""
    lost = 0
    while True:
        try:
            result = await houses.worker(slot, "tail", arguments)(reader)
            lost += result["lost"]
        except OperationFailed as error:
            if error.failure.kind == SERVER_STOPPING:
                break
            if error.failure.kind not in {WORKER_AWAY, WORKER_LOST}:
                raise
            if error.failure.kind == WORKER_AWAY and slot not in houses.placement.slots:
                break
    return lost
