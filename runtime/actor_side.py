"""One process's actors, put together: their storage, their program, what they reach and who calls.

In a server of one process this stands beside ``front_side.py``; a worker process has this alone.
Nothing here knows of clients.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from ..actors.actor import Actor, Handlers
from ..actors.channel import ActorChannel
from ..actors.clock import Clock
from ..actors.errors import ActorReset
from ..actors.execution import install_task_factory
from ..actors.ids import DurableObjectId, IdFactory
from ..actors.namespace import DurableObjectNamespace
from ..actors.service_stub import ServiceAddress, ServiceStub
from ..actors.session import GOING_AWAY
from ..actors.state import NO_PROPS
from ..storage.alarm_index import AlarmIndex
from ..storage.archive.archive import Retention
from ..storage.errors import StorageBroken
from ..storage.health import StoreHealth
from ..storage.layout import FIRST_SLOT, Layout
from ..storage.store import Store, StoreOptions
from ..storage.values import encode
from .assets.directory import AssetDirectory
from .assets.service import AssetsService
from .config.model import DurableObjectBinding, WorkerConfig
from .edge.outbound import HttpOutbound
from .host.actor_host import ActorHost
from .host.alarms import AlarmCounts, AlarmScheduler, AlarmTarget
from .host.bindings import Env
from .host.exports import Exports, LoopbackStub
from .host.loader import ENTRYPOINT, App
from .host.migration_plan import Namespace, NamespacesByWorker
from .host.operations.house import House
from .host.past import HostPast
from .host.registry import ActorRegistry
from .host.scheduled import CronSchedule
from .host.scheduled_by_hand import ScheduledByHand
from .host.services import Services
from .host.statistics import HostStatistics
from .host.unserved import unserved_values
from .host.worker import Worker
from .sandbox.doctoring import examine_sandboxes
from .sandbox.home import SandboxHome
from .sandboxes import Sandboxes
from .sockets.keepalive import KeepAlive

log = logging.getLogger("perdure.server")

# How often a stopping process looks whether actors are still at work; nobody tells it.
LOOKS_INTERVAL_S = 0.02
# So long at least a program's own shutdown may take, which comes after all requests.
FAREWELL_S = 1.0


def _here(_: str, registry: ActorRegistry) -> ActorChannel:
    """All actors of a namespace are in this process."""
    return registry


def _nothing() -> int:
    """Whatever is waited for will come."""
    return 0


def _exporting(
    construct: Callable[[Actor], Handlers], exports: Exports, sandboxes: SandboxHome | None
) -> Callable[[Actor], Handlers]:
    """Have ``construct`` make actors whose code has ``exports``, and finds ``sandboxes``."""

    def make(actor: Actor) -> Handlers:
        actor.exports = exports
        actor.sandboxes = sandboxes
        return construct(actor)

    return make


def _any(unique_key: str, raw_id: bytes) -> bool:
    """All actors of a server are in this process."""
    del unique_key, raw_id
    return True


def keys_of_bindings(config: WorkerConfig, namespaces: NamespacesByWorker) -> dict[str, str]:
    """The unique keys of the namespaces that bindings lead to, by the bindings' names.

    Where Workers that are started together have one of the same name, the first one has it.
    """
    return {
        binding.name: namespace.unique_key
        for program in reversed(config.programs)
        for binding, namespace in _bound(program, namespaces)
    }


def _bound(
    program: WorkerConfig, namespaces: NamespacesByWorker
) -> Iterator[tuple[DurableObjectBinding, Namespace]]:
    """The bindings of a program to classes of Workers that are started, and what they lead to."""
    for binding in program.bindings:
        owner = program.owner_of(binding)
        if owner in namespaces:
            yield binding, namespaces[owner][binding.class_name]


class ActorSide:
    """Actors, their databases, their alarms and the Worker in front of them.

    Attributes:
        index: When which actor is to be woken.
        store: Their databases; there from ``open_store`` on.
        env: The bindings and vars, as the program sees them.
        services: What bindings to Workers lead to; there from ``assemble`` on.
        channels: What leads to all actors of a namespace, by its key; there from ``assemble`` on.
        host: The live actors; this and what follows is there from ``assemble`` on.
        worker: Runs the entrypoint.
        alarms: Wakes actors; the composition root starts it.
        keep_alive: Pings WebSockets; None when that is switched off.
        failed: Done when nothing can be made durable any more: its result says why.
    """

    index: AlarmIndex
    store: Store
    host: ActorHost
    worker: Worker
    alarms: AlarmScheduler
    _sandboxes: Sandboxes

    def __init__(
        self,
        config: WorkerConfig,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        cleanup: AsyncExitStack,
    ) -> None:
        """Prepare.

        Args:
            config: What to run.
            clock: The machine's, unless a test has another.
            loop: Everything happens on it.
            cleanup: Closed by who owns this; what is opened here is closed with it.
        """
        self._config = config
        self._clock = clock
        self._loop = loop
        self._cleanup = cleanup
        self.env = Env({})
        self._workers: Sequence[Worker] = ()
        self._exports: dict[str, Exports] = {}
        self._crons: Sequence[CronSchedule] = ()
        self.services = Services()
        self.channels: dict[str, ActorChannel] = {}
        self.keep_alive = KeepAlive.of(config.perdure.socket_limits, clock)
        self.failed: asyncio.Future[StorageBroken] = loop.create_future()

    def open_store(
        self,
        layout: Layout,
        index: AlarmIndex,
        *,
        slot: str = FIRST_SLOT,
        slots: Sequence[str] = (FIRST_SLOT,),
        is_alone: bool = True,
    ) -> None:
        """Recover what the directory holds; alarms that only the log knows go to ``index``.

        Args:
            layout: The directory, locked.
            index: The alarms of the actors that are served here.
            slot: Which log of the directory is this process's.
            slots: Those of all processes of the server; the first of them sees to the logs that
                no process has any more.
            is_alone: No other process has one of its logs in use.

        Raises:
            StorageError: It cannot be used; the message says why.
        """
        perdure = self._config.perdure
        self._sandboxes = Sandboxes(layout.sandboxes_dir, self._loop, perdure.socket_limits)
        self._cleanup.push_async_callback(self._sandboxes.close)
        self.index = index
        self.store = Store.open(
            layout,
            notify=self._loop.call_soon_threadsafe,
            time_ms=self._clock.time_ms,
            on_failure=self._storage_broke,
            apply_alarms=index.apply,
            save_alarms=index.saving,
            alarm_changed=self._alarm_changed,
            options=StoreOptions(
                slot=slot,
                free_space_size_bytes_min=perdure.free_space_size_bytes_min,
                retention=Retention(
                    perdure.point_in_time_days, perdure.point_in_time_size_bytes_max
                ),
                serving=frozenset(slots) if slot == slots[0] else None,
            ),
            is_alone=is_alone,
        )
        self._cleanup.callback(self.store.close)
        for reason in self.store.health().reasons:
            log.warning("storage.degraded", extra={"reason": reason})

    def assemble(
        self,
        apps: Sequence[App],
        namespaces: NamespacesByWorker,
        channel: Callable[[str, ActorRegistry], ActorChannel] = _here,
        *,
        assets_are_live: bool = False,
    ) -> None:
        """Have the programs' actors and the first one's Worker.

        Args:
            apps: The programs; requests from outside are for the first one.
            namespaces: What the catalog says of them.
            channel: What leads to the actors of a namespace, given its key and those of them that
                are in this process.
            assets_are_live: Files that come and go are noticed, for who develops.
        """
        perdure, loop = self._config.perdure, self._loop
        install_task_factory(loop)
        if self.keep_alive is not None:
            self._cleanup.callback(self.keep_alive.close)
        outbound = HttpOutbound(
            loop,
            perdure.socket_limits,
            self.keep_alive,
            compression=perdure.websocket_compression,
        )
        self._cleanup.push_async_callback(outbound.close)
        self.alarms = AlarmScheduler(self.index, self._clock, self._find_alarm_target)
        self.host = ActorHost(
            loop,
            outbound,
            self._clock,
            self.alarms,
            self.store,
            self.store.marks,
            HostPast(self.store.history, self.store.marks),
            limits=perdure.actor_limits,
            storage_limits=perdure.storage_limits,
            idle_timeout_s=perdure.idle_timeout_s,
        )
        envs = [self._add_classes(app, namespaces[app.config.name], channel) for app in apps]
        workers = [
            app.style.worker(loop, outbound, app.entrypoint, env, perdure.actor_limits)
            for app, env in zip(apps, envs, strict=True)
        ]
        for app, worker in zip(apps, workers, strict=True):
            self._export(app, namespaces[app.config.name], worker)
        for app, env in zip(apps, envs, strict=True):
            self._bind(app.config, env, namespaces, assets_are_live=assets_are_live)
        self.env, self.worker, self._workers = envs[0], workers[0], workers
        self._crons = [
            CronSchedule(app.config.crons, self._clock, worker.scheduled)
            for app, worker in zip(apps, workers, strict=True)
        ]

    @property
    def by_hand(self) -> ScheduledByHand:
        """What answers requests where those who develop may fire cron triggers."""
        return ScheduledByHand(
            self.worker, self._clock, test_scheduled=self._config.dev.test_scheduled
        )

    def start_crons(self) -> None:
        """Fire cron triggers from now on; one process of a server does."""
        for schedule in self._crons:
            schedule.start()

    def close_crons(self) -> None:
        """Fire none any more; harmless where none were."""
        for schedule in self._crons:
            schedule.close()

    def _add_classes(
        self,
        app: App,
        namespaces: Mapping[str, Namespace],
        channel: Callable[[str, ActorRegistry], ActorChannel],
    ) -> Env:
        """Have the actors of one program; return their ``env``, which is not filled yet."""
        env = Env(app.config.vars)
        exports = self._exports[app.config.name] = Exports()
        sandboxes = self._sandboxes.home_of(app)
        # Those without a binding, too: their alarms are due, and ctx.exports leads to them.
        for class_name, cls in {**app.unbound, **app.classes}.items():
            record = namespaces.get(class_name)
            if record is None:
                continue
            construct = app.style.construct(cls, env, has_sql=record.storage == "sqlite")
            construct = _exporting(construct, exports, sandboxes)
            registry = self.host.add_namespace(record.unique_key, construct)
            self.channels[record.unique_key] = channel(record.unique_key, registry)
        return env

    def _export(
        self,
        app: App,
        namespaces: Mapping[str, Namespace],
        worker: Worker,
    ) -> None:
        """Fill a program's ``ctx.exports``."""
        name = app.config.name
        own = self.services.add_program(name, worker, app.entrypoints)
        values: dict[str, Any] = {
            str(service.address.entrypoint): LoopbackStub(service) for service in own
        }
        for class_name, namespace in namespaces.items():
            if namespace.unique_key in self.channels:
                values[class_name] = self._namespace(class_name, namespace)
        worker.exports = self._exports[name]
        self._exports[name].fill(values)

    def _namespace(self, name: str, namespace: Namespace) -> DurableObjectNamespace:
        return DurableObjectNamespace(
            name,
            IdFactory(namespace.unique_key),
            self.channels[namespace.unique_key],
            self._config.perdure.actor_limits,
        )

    def _bind(
        self,
        config: WorkerConfig,
        env: Env,
        namespaces: NamespacesByWorker,
        *,
        assets_are_live: bool,
    ) -> None:
        """Fill an ``env``, which every constructor is given, before the first of them runs."""
        values: dict[str, Any] = {**config.vars, **unserved_values(config)}
        for binding, namespace in _bound(config, namespaces):
            values[binding.name] = self._namespace(binding.name, namespace)
        for service in config.services:
            props = encode(service.props, what="props") if service.props else NO_PROPS
            address = ServiceAddress(service.worker, service.entrypoint or ENTRYPOINT, props)
            if (found := self.services.find(address)) is not None:
                values[service.name] = ServiceStub(found)
        if config.assets is not None and (name := config.assets.binding):
            files = AssetDirectory(config.assets, is_live=assets_are_live)
            assets = AssetsService(config.name, files)
            self.services.add(assets)
            values[name] = ServiceStub(assets)
        env.fill(values)

    def house(
        self,
        layout: Layout,
        namespaces: NamespacesByWorker,
        owns: Callable[[str, bytes], bool] = _any,
    ) -> House:
        """What the operator's operations work on: these actors.

        Args:
            layout: The directory, locked.
            namespaces: What the catalog says of the programs.
            owns: Says of a namespace's unique key and an actor's id whether the actor is here.
        """
        return House(
            layout=layout,
            store=self.store,
            host=self.host,
            times=self.index,
            clock=self._clock,
            is_serving=True,
            bindings=keys_of_bindings(self._config, namespaces),
            failed=self.failed,
            looks=(examine_sandboxes,),
            owns=owns,
        )

    @property
    def alarm_counts(self) -> AlarmCounts:
        """What has become of alarms."""
        return self.alarms.counts

    def statistics(self) -> HostStatistics:
        """What it holds in memory."""
        return self.host.statistics()

    def health(self) -> StoreHealth:
        """How its storage is, and why it is degraded if it is."""
        return self.store.health()

    @property
    def is_at_work(self) -> bool:
        """Events are under way, or something is not durable."""
        return self.host.is_busy or any(worker.is_at_work for worker in self._workers)

    async def drain(self, deadline: float, waits_in_vain: Callable[[], int] = _nothing) -> None:
        """Wait until nothing is under way, for handlers and ``wait_until`` to finish.

        Args:
            deadline: Until then, on the loop's clock; what takes longer is cut off by ``close``.
            waits_in_vain: How many calls wait for what will not come as long as this takes. When
                no more handlers than that are under way, it is over: a handler waits for one
                call at a time, as a rule, and one that is cut off is done again, or said to be.
        """
        await self._finish_work(deadline, waits_in_vain)
        left_s = deadline - self._loop.time()
        for worker in self._workers:
            await worker.say_farewell(max(left_s, FAREWELL_S))

    async def _finish_work(self, deadline: float, waits_in_vain: Callable[[], int]) -> None:
        loop = self._loop
        while self.is_at_work and loop.time() < deadline:
            work_count = sum(worker.work_count for worker in self._workers)
            work_count += self.host.work_count
            if 0 < work_count <= waits_in_vain():
                return
            await asyncio.sleep(min(LOOKS_INTERVAL_S, deadline - loop.time()))

    def close(self, reason: str) -> None:
        """Let go of every actor; what is written is durable, and left before the close frames."""
        self.host.settle()
        self.host.sever_sessions(GOING_AWAY, reason)
        for worker in self._workers:
            worker.close()
        self.host.close(ActorReset(reason))

    def _storage_broke(self, failure: StorageBroken) -> None:
        self.host.storage_broke(failure)
        if not self.failed.done():
            self.failed.set_result(failure)

    def _alarm_changed(self, unique_key: str, raw_id: bytes, time_ms: int | None, lsn: int) -> None:
        """An actor has another file now, with an alarm of its own."""
        self.alarms.committed(DurableObjectId(unique_key, raw_id, None), time_ms, lsn)

    def _find_alarm_target(
        self, unique_key: str, raw_id: bytes, name: str | None
    ) -> "tuple[AlarmTarget, DurableObjectId] | None":
        registry = self.host.namespaces.get(unique_key)
        if registry is None:
            return None
        return registry, DurableObjectId(unique_key, raw_id, name)
