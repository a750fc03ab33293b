"""New code, and other numbers of workers, in a server that goes on serving.

The supervisor's process alone knows both: what each worker is told to be when it is started, and
what the catalog says. Routers hold the clients meanwhile.

*Promise*: code that cannot be imported changes nothing, and its error reaches who asked. A worker
that dies later is followed by one with what was imported last. While migrations are applied that
rename, take over or delete, and while actors change workers, no worker lives. A change that was
begun comes to its end, whoever has asked for it and has gone; two are made one after the other.
*Assumes*: the data directory is locked, and the supervisor's processes are the only ones in it.
*Rules for editing*: ``settings`` is what a process gets that follows a dead one. It changes in the
moment in which the first new worker is known to have imported its program, and not before.
*Considered and refused*: keeping what the sources were when they were imported last, for a worker
that dies while the files are broken. Python reads modules when it likes, and data files beside
them: what would be started from a copy is another program. Such a worker's place is tried again and
again, and its clients wait.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from ..storage.errors import StorageError, UsageError
from .config.changed_settings import for_routers, for_the_next_start
from .config.model import WorkerConfig
from .config.settings import WORKERS_MAX
from .errors import MigrationDeclined
from .held_directory import HeldDirectory
from .host.migration_plan import Confirm, Created, MigrationPlan
from .process_settings import ProcessSettings, encode_slots
from .shards.placement import Placement
from .shards.supervisor.errors import ChildFailed, SupervisorStopping
from .shards.supervisor.keeper import Settings
from .shards.supervisor.places import Identity, Place, Role
from .shards.supervisor.relays import Succession
from .shards.supervisor.supervisor import Supervisor

T = TypeVar("T")
Given = Callable[[ProcessSettings, Identity], Settings]

# What waits for a worker, does so for 30 s (shards/peers.py): the new ones need a part of it.
DRAIN_S_MAX = 20.0


class NotSoMany(UsageError):
    """A server cannot have this number of workers while it runs.

    Attributes:
        workers: The number.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        super().__init__(workers)

    def __str__(self) -> str:
        return (
            f"a server that runs has 1 to {WORKERS_MAX} workers, not {self.workers}. One without "
            "workers is a single process: stop it, and start it with --workers 0"
        )


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What a reload has done.

    Attributes:
        workers: How many have new code.
        tags: Of the migrations that were applied.
        was_at_once: No worker lived for a moment, as migrations needed it so; else one after
            another was replaced.
        needs_upgrade: Settings that changed and are for routers, which go on with the old ones.
        needs_start: Settings that changed, and take effect at the next start of the server.
    """

    workers: int
    tags: tuple[str, ...]
    was_at_once: bool
    needs_upgrade: tuple[str, ...]
    needs_start: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resized:
    """What another number of workers has done.

    Attributes:
        before: How many there were.
        workers: How many there are.
        moved_partitions: How many of the 1024 parts of all actors are in another worker.
    """

    before: int
    workers: int
    moved_partitions: int


class Rolling:
    """What the processes of a running server are told to be, and how that changes.

    Attributes:
        settings: What a worker gets that is started now.
        router_settings: What a router gets: with the configuration of the last upgrade.
    """

    def __init__(
        self,
        directory: HeldDirectory,
        supervisor: Supervisor,
        settings: ProcessSettings,
        given: Given,
        on_change: Callable[[ProcessSettings], None],
    ) -> None:
        """Begin.

        Args:
            directory: Its data.
            supervisor: Its processes.
            settings: What all of them were started with.
            given: Says what a process gets that is told to be as these settings say.
            on_change: Told of the settings that workers have from now on, while none lives if
                their number is another.
        """
        self.settings = settings
        self.router_settings = settings
        self._directory = directory
        self._supervisor = supervisor
        self._given = given
        self._on_change = on_change
        self._one_at_a_time = asyncio.Lock()
        self._changes: set[asyncio.Task[Any]] = set()

    async def reload(
        self, config: WorkerConfig, confirm: Confirm, drain_s: float | None = None
    ) -> Reloaded:
        """Put new code into all workers; clients go on.

        Args:
            config: Read anew.
            confirm: Asked before migrations delete data.
            drain_s: How long a worker has to finish what is under way; None for what the
                configuration gives requests when the server stops, 20 s at most.

        Raises:
            ChildFailed: The code cannot be imported, and nothing has changed: ``why`` is what its
                author needs to read. Or a worker could not go on with it; it is tried again.
            MigrationRefused: Configuration and data directory do not fit; nothing has changed.
            MigrationDeclined: ``confirm`` said no; nothing has changed.
            StorageError: A migration could not be applied; workers go on with what was there.
            SupervisorStopping: The server stops.
        """
        return await self._carry_out(self._reload(config, confirm, drain_s))

    async def resize(self, workers: int, drain_s: float | None = None) -> Resized:
        """Have another number of workers; the actors that change workers take clients with them.

        Every worker is replaced: the new ones have what the sources are now.

        Args:
            workers: How many, 1 to ``WORKERS_MAX``.
            drain_s: As for ``reload``.

        Raises:
            NotSoMany: The number cannot be.
            ChildFailed: As for ``reload``.
            StorageError: The directory could not be made ready for them; the old number goes on.
            SupervisorStopping: The server stops.
        """
        if not 0 < workers <= WORKERS_MAX:
            raise NotSoMany(workers)
        return await self._carry_out(self._resize(workers, drain_s))

    async def upgrade(self, config: WorkerConfig | None) -> Succession:
        """Put new routers before the workers; see ``SupervisedServer.upgrade``."""
        return await self._carry_out(self._upgrade(config))

    async def close(self) -> None:
        """Begin no change any more; one that is under way comes to its end.

        The supervisor ends first: what waits for it then ends, too.
        """
        for change in self._changes:
            change.cancel()
        await asyncio.gather(*self._changes, return_exceptions=True)

    async def _carry_out(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it to its end, whether who asked is still there or not."""
        task = asyncio.get_running_loop().create_task(self._when_it_is_its_turn(work))
        self._changes.add(task)
        task.add_done_callback(self._forget)
        await asyncio.wait({task})
        if task.cancelled():
            raise SupervisorStopping
        return task.result()

    async def _when_it_is_its_turn(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            async with self._one_at_a_time:
                return await work
        finally:
            work.close()

    def _begin_with(self, settings: ProcessSettings) -> None:
        self.settings = settings
        self._on_change(settings)

    def _forget(self, task: "asyncio.Task[Any]") -> None:
        self._changes.discard(task)
        if not task.cancelled():
            task.exception()  # whoever asked may have gone

    async def _reload(
        self, config: WorkerConfig, confirm: Confirm, drain_s: float | None
    ) -> Reloaded:
        planned = await self._directory.plan(config)
        if planned.is_destructive and not confirm(planned):
            raise MigrationDeclined(planned)
        before = self.settings
        new = replace(before, config=config, namespaces=planned.all_namespaces)
        at_once = not _only_adds(planned)
        if drain_s is None:
            drain_s = _drain_s(config)

        async def migrate() -> None:
            await to_its_end(self._directory.apply(planned, new.slots))
            self._begin_with(new)

        async def recover_and_migrate() -> None:
            placement = Placement(new.slots)
            await to_its_end(asyncio.to_thread(self._directory.recover, placement))
            await migrate()

        gets = partial(self._given, new)
        if at_once:
            await self._supervisor.replace_set(
                _places(new.slots), drain_s=drain_s, settings_of=gets, between=recover_and_migrate
            )
        else:
            await self._supervisor.replace_all(
                drain_s=drain_s, settings_of=gets, once_ready=migrate
            )
        return Reloaded(
            workers=len(new.slots),
            tags=tuple(step.tag for plan in planned.plans for step in plan.steps),
            was_at_once=at_once,
            needs_upgrade=for_routers(self.router_settings.config, config),
            needs_start=for_the_next_start(self.router_settings.config, config),
        )

    async def _resize(self, workers: int, drain_s: float | None) -> Resized:
        old = Placement(self.settings.slots)
        placement = Placement.of_count(workers)
        if placement == old:
            return Resized(workers, workers, 0)
        new = replace(self.settings, slots=placement.slots)
        if drain_s is None:
            drain_s = _drain_s(new.config)

        async def move() -> None:
            try:
                await to_its_end(asyncio.to_thread(self._directory.recover, placement))
            except StorageError:
                await to_its_end(asyncio.to_thread(self._directory.distribute_alarms, old))
                raise
            self._begin_with(new)
            self.router_settings = replace(self.router_settings, slots=placement.slots)
            self._supervisor.tell_all(Role.ROUTER, encode_slots(placement.slots))

        await self._supervisor.replace_set(
            _places(placement.slots),
            drain_s=drain_s,
            settings_of=partial(self._given, new),
            between=move,
        )
        return Resized(len(old.slots), workers, len(old.moves_to(placement)))

    async def _upgrade(self, config: WorkerConfig | None) -> Succession:
        before = self.router_settings
        if config is not None:
            self.router_settings = replace(before, config=config)
        try:
            relay_s = self.router_settings.config.perdure.edge_limits.relay_max_s
            return await self._supervisor.succeed_all(relay_s=relay_s)
        except ChildFailed:
            self.router_settings = before
            raise


def _places(slots: Iterable[str]) -> list[Place]:
    return [Place(Role.WORKER, slot) for slot in slots]


def _drain_s(config: WorkerConfig) -> float:
    return min(config.perdure.edge_limits.shutdown_timeout_s, DRAIN_S_MAX)


def _only_adds(planned: MigrationPlan) -> bool:
    """Workers with the old code may go on beside those with the new one."""
    steps = (step for plan in planned.plans for step in plan.steps)
    changes = (change for step in steps for change in step.changes)
    return not planned.unfinished and all(isinstance(change, Created) for change in changes)


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Wait until ``work`` is done, cancelled or not: half of it must not be left behind."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
