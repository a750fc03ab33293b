"""The data directory in a process without actors, which keeps it for those that have some.

*Promise*: what is written here is written while no worker serves, or is the catalog's, which
workers do not read; logs of dead workers are sealed by the time their successors open them.
"""

import asyncio
import contextlib
from functools import partial
from pathlib import Path

from ..actors.clock import Clock
from ..storage.alarm_distribution import distribute_alarms
from ..storage.alarm_index import AlarmIndex
from ..storage.directory import DataDirectory
from ..storage.errors import StorageError
from ..storage.layout import Layout
from ..storage.log_seal import seal_log
from ..storage.marks import Marks
from ..storage.opening import recover_all
from .config.model import WorkerConfig
from .host.migration_plan import MigrationPlan
from .host.migrations import carry_out, plan_for
from .sandbox.leftovers import remove_with
from .shards.placement import Placement


def purge_trash(directory: DataDirectory, config: WorkerConfig, now_ms: int) -> None:
    """Delete for good what has been in the trash for as long as ``config`` says.

    Files of sandboxes go with their objects.
    """
    retention_ms = int(config.perdure.trash_retention_days * 86_400_000)
    sandboxes = partial(remove_with, sandboxes_dir=directory.layout.sandboxes_dir)
    directory.purge_trash(now_ms, retention_ms, sandboxes)


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
    """A data directory that belongs to a supervisor; close it when done.

    Attributes:
        layout: Where things lie in it.
    """

    def __init__(self, root: Path, clock: Clock) -> None:
        self.layout = Layout(root)
        self._clock = clock
        self._opened: DataDirectory | None = None

    def open_if_used(self) -> None:
        """Lock it, and have its format known, if a server has ever used it; else leave it alone.

        Raises:
            StorageError: It cannot be used, as another server has it, for instance.
        """
        try:
            is_used = self.layout.format_file.exists()
        except OSError:  # opening it says why that cannot be known
            is_used = True
        if is_used:
            self._opened = DataDirectory.open(self.layout.root)

    async def open(self, planned: MigrationPlan, config: WorkerConfig) -> None:
        """Lock it, and make it if it is not there, unless that is done.

        Args:
            planned: What ``plan`` has said of it.
            config: For this.

        Raises:
            StorageError: It cannot be used, or another server has used it since it was planned.
        """
        if self._opened is None:
            self._opened = DataDirectory.open(self.layout.root)
            if await self.plan(config) != planned:
                problem = "was used by another server while this one started"
                raise StorageError(self.layout.root, problem, "Start this one again")

    def close(self) -> None:
        """Let others open it."""
        if self._opened is not None:
            self._opened.close()

    def recover(self, placement: Placement) -> None:
        """Have all that the logs know in the actors' files, and alarms with the right slots.

        No worker may serve.

        Raises:
            StorageError: It cannot be done; the message says why.
        """
        recover_all(self.layout, placement.slots, placement.slot_of, self._clock.time_ms)

    def distribute_alarms(self, placement: Placement) -> None:
        """Have alarms with the right slots, and leave the logs alone. No worker may serve."""
        distribute_alarms(self.layout, placement.slots, placement.slot_of)

    async def plan(self, config: WorkerConfig) -> MigrationPlan:
        """Return what the migrations of ``config`` would do.

        Raises:
            MigrationRefused: Configuration and data directory do not fit.
        """
        return await plan_for(config, self.layout)

    async def apply(self, planned: MigrationPlan, slots: tuple[str, ...]) -> None:
        """Carry out a plan; where that does more than add, no worker may serve.

        Args:
            planned: It was made from this directory, and nothing has changed since.
            slots: Those that have alarms.
        """
        alarms = _EveryAlarmFile([self.layout.alarms_file_of(slot) for slot in slots])
        await carry_out(planned, self._directory, alarms, Marks(self.layout), self._clock.time_ms())

    def purge_trash(self, config: WorkerConfig) -> None:
        """Delete for good what has been in the trash for as long as ``config`` says."""
        purge_trash(self._directory, config, self._clock.time_ms())

    async def seal(self, slot: str) -> None:
        """The process that wrote the log of ``slot`` is dead: nothing of it lands any more."""
        path = self.layout.log_dir(slot)
        await asyncio.to_thread(seal_log, path, self._clock.time_ms())

    @property
    def _directory(self) -> DataDirectory:
        assert self._opened is not None, "it is open"
        return self._opened
