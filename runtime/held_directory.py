"""The data directory in a process without actors, which keeps it for those that have some.

*Promise*: what is written here is written while no worker lives, or is the catalog's, which workers
do not read; logs of dead workers are sealed by the time their successors open them.
*Assumes*: the directory is locked, by this process.
"""

import asyncio
import contextlib
from pathlib import Path

from ..actors.clock import Clock
from ..storage.alarm_distribution import distribute_alarms
from ..storage.alarm_index import AlarmIndex
from ..storage.catalog import Catalog
from ..storage.directory import DataDirectory
from ..storage.log_seal import seal_log
from ..storage.marks import Marks
from ..storage.opening import recover_all
from .config.model import WorkerConfig
from .host.migration_plan import MigrationPlan, plan
from .host.migrations import apply, read_recorded
from .shards.placement import Placement


class _EveryAlarmFile:
    """The alarms of all slots, for who deletes those of a namespace."""

    def __init__(self, files: list[Path]) -> None:
        self._files = files

    def remove_namespace(self, unique_key: str) -> None:
        """Forget the alarms of its actors."""
        for path in self._files:
            with contextlib.closing(AlarmIndex(path)) as index:
                index.remove_namespace(unique_key)


class HeldDirectory:
    """A data directory that belongs to a supervisor."""

    def __init__(self, directory: DataDirectory, clock: Clock) -> None:
        self._directory = directory
        self._layout = directory.layout
        self._clock = clock

    def recover(self, placement: Placement) -> None:
        """Have all that the logs know in the actors' files, and alarms with the right slots.

        No worker may live.

        Raises:
            StorageError: It cannot be done; the message says why.
        """
        recover_all(self._layout, placement.slots, placement.slot_of, self._clock.time_ms)

    def distribute_alarms(self, placement: Placement) -> None:
        """Have alarms with the right slots, and leave the logs alone. No worker may live."""
        distribute_alarms(self._layout, placement.slots, placement.slot_of)

    async def plan(self, config: WorkerConfig) -> MigrationPlan:
        """Return what the migrations of ``config`` would do.

        Raises:
            MigrationRefused: Configuration and data directory do not fit.
        """
        async with await Catalog.open(self._layout.catalog_file) as catalog:
            return plan(config, await read_recorded(catalog, config.name))

    async def apply(self, planned: MigrationPlan, slots: tuple[str, ...]) -> None:
        """Carry out a plan; where that does more than add, no worker may live.

        Args:
            planned: It was made from this directory, and nothing has changed since.
            slots: Those that have alarms.
        """
        alarms = _EveryAlarmFile([self._layout.alarms_file_of(slot) for slot in slots])
        async with await Catalog.open(self._layout.catalog_file) as catalog:
            now_ms, marks = self._clock.time_ms(), Marks(self._layout)
            await apply(planned, catalog, self._directory, alarms, marks, now_ms)

    def purge_trash(self, config: WorkerConfig) -> None:
        """Delete for good what has been in the trash for as long as ``config`` says."""
        retention_ms = int(config.perdure.trash_retention_days * 86_400_000)
        self._directory.purge_trash(self._clock.time_ms(), retention_ms)

    async def seal(self, slot: str) -> None:
        """The process that wrote the log of ``slot`` is dead: nothing of it lands any more."""
        path = self._layout.log_dir(slot)
        await asyncio.to_thread(seal_log, path, self._clock.time_ms())
