"""Reads along what happens in all workers and routers, and in those that take their places."""

import asyncio
from dataclasses import asdict

from ...control.protocol import OperationFailed
from ...host.operations.house import Told, Values
from ...host.operations.tailing import TailArguments
from ..supervisor.places import Place, Role
from .errors import SERVER_STOPPING, WORKER_AWAY, WORKER_LOST
from .houses import Houses
from .lines import Lines


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
    begun = {place: asyncio.Event() for place in _serving(lines)}
    follows: dict[Place, asyncio.Task[int]] = {}
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
                for place in _wanted(houses) | _serving(lines):
                    if place in follows and not follows[place].done():
                        continue
                    lost += follows[place].result() if place in follows else 0
                    reader = _Reader(told, begun.get(place, asyncio.Event()), all_have)
                    follow = _follow(houses, place, arguments, reader)
                    follows[place] = group.create_task(follow)
                await lines.next_change()
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return {"lost": lost + sum(follow.result() for follow in follows.values())}


def _serving(lines: Lines) -> set[Place]:
    """Those that something may happen in."""
    return {Place(role, slot) for role in Role for slot in lines.slots_of(role)}


def _wanted(houses: Houses) -> set[Place]:
    """Those where somebody is to serve, and will again if nobody does."""
    return {Place(Role.WORKER, slot) for slot in houses.placement.slots}


async def _follow(houses: Houses, place: Place, arguments: TailArguments, reader: _Reader) -> int:
    """Read along in a place until it serves no more; return how many events were lost."""
    lost = 0
    while True:
        try:
            result = await houses.lines.ask(place, "tail", asdict(arguments), reader)
            lost += result["lost"]
        except OperationFailed as error:
            if error.failure.kind == SERVER_STOPPING:
                break
            if error.failure.kind not in {WORKER_AWAY, WORKER_LOST}:
                raise
            if error.failure.kind == WORKER_AWAY and place not in _wanted(houses):
                break
    return lost
