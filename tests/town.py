"""A data directory with live actors in it, as a server has it, without a port: for the operator's
tests."""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from perdure.actors.base import DurableObject
from perdure.actors.execution import install_task_factory
from perdure.actors.handlers import construct_native
from perdure.actors.ids import DurableObjectId, IdFactory
from perdure.actors.limits import ActorLimits
from perdure.actors.namespace import DurableObjectNamespace
from perdure.runtime.host.actor_host import ActorHost
from perdure.runtime.host.alarms import AlarmScheduler, AlarmTarget
from perdure.runtime.host.bindings import Env
from perdure.runtime.host.operations.house import House, Values
from perdure.runtime.host.operations.table import run
from perdure.runtime.host.past import HostPast
from perdure.storage.alarm_index import AlarmIndex
from perdure.storage.catalog import Catalog, CatalogStep, CreateNamespace
from perdure.storage.directory import DataDirectory
from perdure.storage.errors import StorageBroken
from perdure.storage.layout import FIRST_SLOT
from perdure.storage.limits import StorageLimits
from perdure.storage.store import Store, StoreOptions
from tests.world import FakeClock, FakeOutbound

KEY = "app-Room"


class Room(DurableObject):
    """Does to its storage what a test asks for.

    Attributes:
        over: Ends ``in_transaction``.
    """

    over: asyncio.Event

    async def put(self, **values: Any) -> None:
        for key, value in values.items():
            await self.ctx.storage.put(key, value)

    async def get(self, key: str) -> Any:
        return await self.ctx.storage.get(key)

    def sql(self, query: str, *bindings: Any) -> Any:
        return self.ctx.storage.sql.exec(query, *bindings).to_array()

    async def set_alarm(self, time_ms: int) -> None:
        await self.ctx.storage.set_alarm(time_ms)

    def who(self) -> str | None:
        return self.ctx.id.name

    async def in_transaction(self) -> None:
        async def write(_: Any) -> None:
            await self.ctx.storage.put("in", "transaction")
            await self.over.wait()

        await self.ctx.storage.transaction(write)

    async def alarm(self) -> None:
        await self.ctx.storage.put("woken", self.ctx.id.name)


class Listener:
    """Who asked for an operation, in a test."""

    def __init__(self) -> None:
        self.items: list[Values] = []
        self.done: list[tuple[str, int, int | None]] = []

    async def progress(self, what: str, done: int, total: int | None) -> None:
        self.done.append((what, done, total))

    async def item(self, item: Values) -> None:
        self.items.append(item)


@contextmanager
def slow_disk() -> Iterator[None]:
    """Let no sync of the log come to its end in here."""
    go_on = threading.Event()
    real = os.fdatasync

    def wait(fd: Any) -> None:
        go_on.wait(10)
        real(fd)

    os.fdatasync = wait
    try:
        yield
    finally:
        os.fdatasync = real
        go_on.set()


class Town:
    """A house, and what tests need around it; ``async with Town(path) as town``."""

    def __init__(
        self,
        root: Path,
        *,
        slot: str = FIRST_SLOT,
        directory: DataDirectory | None = None,
        owns: Callable[[str, bytes], bool] = lambda *_: True,
    ) -> None:
        """Have all actors of the directory at ``root``, or those of one worker of several.

        Args:
            root: The data directory.
            slot: The worker's.
            directory: It is open already, and others have logs of it, too.
            owns: Says which actors are this one's.
        """
        self.root = root
        self._slot, self._directory, self._owns = slot, directory, owns
        self.clock = FakeClock()
        self._cleanup = ExitStack()

    async def __aenter__(self) -> "Town":
        loop = asyncio.get_running_loop()
        install_task_factory(loop)
        cleanup = self._cleanup
        is_alone = self._directory is None
        directory = self._directory or cleanup.enter_context(DataDirectory.open(self.root))
        index = AlarmIndex(directory.layout.alarms_file_of(self._slot))
        cleanup.callback(index.close)
        self.failed: asyncio.Future[StorageBroken] = loop.create_future()
        self.alarms = AlarmScheduler(index, self.clock, self._find)
        cleanup.callback(self.alarms.close)
        self.store = Store.open(
            directory.layout,
            notify=loop.call_soon_threadsafe,
            time_ms=self.clock.time_ms,
            on_failure=self.failed.set_result,
            apply_alarms=index.apply,
            save_alarms=index.saving,
            alarm_changed=self._alarm_changed,
            options=StoreOptions(slot=self._slot),
            is_alone=is_alone,
        )
        cleanup.callback(self.store.close)
        self.host = ActorHost(
            loop,
            FakeOutbound(),
            self.clock,
            self.alarms,
            self.store,
            self.store.marks,
            HostPast(self.store.history, self.store.marks),
            limits=ActorLimits(),
            storage_limits=StorageLimits(),
            idle_timeout_s=10.0,
        )
        cleanup.callback(lambda: self.host.close(RuntimeError("the test is over")))
        construct = construct_native(Room, Env({}), has_sql=True)
        channel = self.host.add_namespace(KEY, construct)
        self.rooms = DurableObjectNamespace("ROOM", IdFactory(KEY), channel, ActorLimits())
        async with await Catalog.open(directory.layout.catalog_file) as catalog:
            if not await catalog.namespaces():
                change = CreateNamespace(KEY, "Room", "sqlite")
                await catalog.apply(CatalogStep("app", "v1", 1, (change,)))
        self.house = House(
            layout=directory.layout,
            store=self.store,
            host=self.host,
            times=index,
            clock=self.clock,
            is_serving=True,
            bindings={"ROOM": KEY},
            failed=self.failed,
            owns=self._owns,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self._cleanup.close()

    def room(self, name: str = "lobby") -> Any:
        """The stub of a room."""
        return self.rooms.get_by_name(name)

    def id_of(self, name: str = "lobby") -> DurableObjectId:
        return self.rooms.id_from_name(name)

    def is_live(self, name: str = "lobby") -> bool:
        return self.host.custody.find_actor(KEY, self.id_of(name).raw) is not None

    def evict(self) -> None:
        """Have no actor in memory."""
        self.clock.advance(60)
        assert not self.host.namespaces[KEY].live

    async def ask(self, operation: str, **arguments: Any) -> Values:
        """The result of an operation."""
        return await run(self.house, operation, arguments, Listener())

    async def items(self, operation: str, **arguments: Any) -> list[Values]:
        """What an operation has told of."""
        listener = Listener()
        await run(self.house, operation, arguments, listener)
        return listener.items

    def _find(
        self, unique_key: str, raw_id: bytes, name: str | None
    ) -> tuple[AlarmTarget, DurableObjectId] | None:
        registry = self.host.namespaces.get(unique_key)
        if registry is None:
            return None
        return registry, DurableObjectId(unique_key, raw_id, name)

    def _alarm_changed(self, unique_key: str, raw_id: bytes, time_ms: int | None, lsn: int) -> None:
        self.alarms.committed(DurableObjectId(unique_key, raw_id, None), time_ms, lsn)
