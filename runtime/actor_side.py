"""One process's actors, put together: their storage, their program, what they reach and who calls.

In a server of one process this stands beside ``front_side.py``; a worker process has this alone.
Nothing here knows of clients.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from ..actors.channel import ActorChannel
from ..actors.clock import Clock
from ..actors.errors import ActorReset
from ..actors.execution import install_task_factory
from ..actors.handlers import construct_native
from ..actors.ids import DurableObjectId, IdFactory
from ..actors.namespace import DurableObjectNamespace
from ..actors.session import GOING_AWAY
from ..storage.alarm_index import AlarmIndex
from ..storage.archive.archive import Retention
from ..storage.errors import StorageBroken
from ..storage.health import StoreHealth
from ..storage.layout import FIRST_SLOT, Layout
from ..storage.store import Store, StoreOptions
from .config.model import WorkerConfig
from .edge.outbound import HttpOutbound
from .host.actor_host import ActorHost
from .host.alarms import AlarmCounts, AlarmScheduler, AlarmTarget
from .host.bindings import Env
from .host.loader import App
from .host.migration_plan import Namespace
from .host.operations.house import House
from .host.past import HostPast
from .host.registry import ActorRegistry
from .host.scheduled import CronSchedule, ScheduledEvent
from .host.scheduled_by_hand import ScheduledByHand
from .host.statistics import HostStatistics
from .host.unserved import unserved_values
from .host.worker import Worker
from .sockets.keepalive import KeepAlive

log = logging.getLogger("perdure.server")

# How often a stopping process looks whether actors are still at work; nobody tells it.
LOOKS_INTERVAL_S = 0.02


def _here(_: str, registry: ActorRegistry) -> ActorChannel:
    """All actors of a namespace are in this process."""
    return registry


def _nothing() -> int:
    """Whatever is waited for will come."""
    return 0


def _told(error: BaseException | None) -> None:
    """What a cron trigger's handler has raised was told where it was raised."""
    del error


def _any(unique_key: str, raw_id: bytes) -> bool:
    """All actors of a server are in this process."""
    del unique_key, raw_id
    return True


def keys_of_bindings(config: WorkerConfig, namespaces: Mapping[str, Namespace]) -> dict[str, str]:
    """The unique keys of the namespaces that bindings lead to, by the bindings' names."""
    return {
        binding.name: namespaces[binding.class_name].unique_key for binding in config.own_bindings
    }


class ActorSide:
    """Actors, their databases, their alarms and the Worker in front of them.

    Attributes:
        index: When which actor is to be woken.
        store: Their databases; there from ``open_store`` on.
        env: The bindings and vars, as the program sees them.
        host: The live actors; this and what follows is there from ``assemble`` on.
        worker: Runs the entrypoint.
        alarms: Wakes actors; the composition root starts it.
        crons: Fires cron triggers; the composition root starts it in one process of a server.
        keep_alive: Pings WebSockets; None when that is switched off.
        failed: Done when nothing can be made durable any more: its result says why.
    """

    index: AlarmIndex
    store: Store
    host: ActorHost
    worker: Worker
    alarms: AlarmScheduler
    crons: CronSchedule

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
        app: App,
        namespaces: Mapping[str, Namespace],
        channel: Callable[[str, ActorRegistry], ActorChannel] = _here,
    ) -> None:
        """Have the program's actors and its Worker.

        Args:
            app: The program.
            namespaces: What the catalog says, by the names of classes.
            channel: What leads to the actors of a namespace, given its key and those of them that
                are in this process.
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
        self._bind(app, namespaces, channel)
        self.worker = Worker(loop, outbound, app.entrypoint, self.env, perdure.actor_limits)
        self.crons = CronSchedule(self._config.crons, self._clock, self._fire)

    @property
    def by_hand(self) -> ScheduledByHand:
        """What answers requests where those who develop may fire cron triggers."""
        return ScheduledByHand(self.worker, self._clock)

    def _fire(self, event: ScheduledEvent) -> None:
        self.worker.scheduled(event, _told)

    def _bind(
        self,
        app: App,
        namespaces: Mapping[str, Namespace],
        channel: Callable[[str, ActorRegistry], ActorChannel],
    ) -> None:
        """Fill ``env``, which every constructor is given, before the first of them runs."""
        values: dict[str, Any] = {**self._config.vars, **unserved_values(self._config)}
        self.env = Env(values)
        for class_name, cls in app.classes.items():
            record = namespaces[class_name]
            construct = construct_native(cls, self.env, has_sql=record.storage == "sqlite")
            self.host.add_namespace(record.unique_key, construct)
        for binding in self._config.own_bindings:
            unique_key = namespaces[binding.class_name].unique_key
            values[binding.name] = DurableObjectNamespace(
                binding.name,
                IdFactory(unique_key),
                channel(unique_key, self.host.namespaces[unique_key]),
                self._config.perdure.actor_limits,
            )
        self.env.fill(values)

    def house(
        self,
        layout: Layout,
        namespaces: Mapping[str, Namespace],
        owns: Callable[[str, bytes], bool] = _any,
    ) -> House:
        """What the operator's operations work on: these actors.

        Args:
            layout: The directory, locked.
            namespaces: What the catalog says, by the names of classes.
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
        return self.host.is_busy or self.worker.is_at_work

    async def drain(self, deadline: float, waits_in_vain: Callable[[], int] = _nothing) -> None:
        """Wait until nothing is under way, for handlers and ``wait_until`` to finish.

        Args:
            deadline: Until then, on the loop's clock; what takes longer is cut off by ``close``.
            waits_in_vain: How many calls wait for what will not come as long as this takes. When
                no more handlers than that are under way, it is over: a handler waits for one
                call at a time, as a rule, and one that is cut off is done again, or said to be.
        """
        loop = self._loop
        while self.is_at_work and loop.time() < deadline:
            work_count = self.host.work_count + self.worker.work_count
            if 0 < work_count <= waits_in_vain():
                return
            await asyncio.sleep(min(LOOKS_INTERVAL_S, deadline - loop.time()))

    def close(self, reason: str) -> None:
        """Let go of every actor; what is written is durable, and left before the close frames."""
        self.host.settle()
        self.host.sever_sessions(GOING_AWAY, reason)
        self.worker.close()
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
