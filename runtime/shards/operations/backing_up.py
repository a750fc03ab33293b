"""A copy of the data directory of several workers, while all of them write to it.

Each worker keeps its actors' files in their places meanwhile (``hold_still``), and copies the
alarms that it has in memory; the rest is copied here. One that goes in the middle of it takes its
hold along: its successor may replace a file, so that the copy would hold half of that. The backup
fails then, and leaves nothing.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ....storage.layout import Layout
from ...host.operations.backing_up import (
    AlarmsArguments,
    BackupArguments,
    HoldArguments,
    Source,
    copy_directory,
)
from ...host.operations.house import Told, Values
from .houses import Houses
from .merging import Ask, as_they_come


class _Held:
    """Knows when a worker holds still. Is the ``Told`` of that."""

    def __init__(self) -> None:
        self.lsn: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def progress(self, what: str, done: int, total: int | None) -> None:
        """There is none."""

    async def item(self, item: Values) -> None:
        self.lsn.set_result(item["lsn"])


async def back_up(houses: Houses, arguments: BackupArguments, told: Told) -> Values:
    """See ``host.operations.backing_up.back_up``.

    Raises:
        TargetUnusable: Something is there already, or it cannot be written.
        OperationFailed: A worker went meanwhile, or did not come.
    """
    target = Layout(Path(arguments.target))
    return await copy_directory(houses.layout, target, lambda: _source(houses), told)


@asynccontextmanager
async def _source(houses: Houses) -> AsyncIterator[Source]:
    """Have all workers hold still; whoever copies is cut off when one of them does no more."""
    slots = houses.placement.slots
    held = {slot: _Held() for slot in slots}

    async def copy_alarms(target: Layout) -> None:
        asks: list[Ask] = [
            houses.worker(slot, "copy-alarms", AlarmsArguments(str(target.alarms_file_of(slot))))
            for slot in slots
        ]
        await as_they_come(asks, _Held())

    try:
        async with asyncio.TaskGroup() as group:
            holds = [
                group.create_task(_hold(houses.worker(slot, "hold-still", HoldArguments()), one))
                for slot, one in held.items()
            ]
            known = {slot: await one.lsn for slot, one in held.items()}
            yield Source(houses.layout, known, copy_alarms)
            for hold in holds:
                hold.cancel()
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None


async def _hold(ask: Ask, held: _Held) -> None:
    await ask(held)
