"""Stores for tests: a loop that runs when it is told to, and a store killed without a word."""

import asyncio
import shutil
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

import pytest

from perdure.storage.archive.alone import alone
from perdure.storage.engine import ActorDatabase
from perdure.storage.errors import StorageBroken
from perdure.storage.kv import KeyValue
from perdure.storage.layout import Layout
from perdure.storage.moves import Move
from perdure.storage.opening import Alarms
from perdure.storage.store import Store, StoreOptions
from tests.wire import PATIENCE_S

A, B = b"a" * 32, b"b" * 32
KEY = "app-Room"
T = TypeVar("T")

# For tests that count what lies in all logs of a directory; the others run with three too.
one_log = pytest.mark.parametrize("bench", [pytest.param(1, id="one log")], indirect=True)


class Calls(SimpleQueue[Callable[[], None]]):
    """What a store's threads have left to be called, and whoever waits for that."""

    wake: Callable[[], object] | None = None

    def put(
        self, call: Callable[[], None], block: bool = True, timeout: float | None = None
    ) -> None:
        super().put(call, block, timeout)
        wake = self.wake
        if wake is not None:
            with suppress(RuntimeError):  # that loop has ended; the next one looks first
                wake()


class Bench:
    """One data directory, opened again and again."""

    def __init__(self, root: Path, logs: int = 1) -> None:
        self.root = root
        self.logs = logs
        self.others: dict[Path, list[Store]] = {}
        self.calls = Calls()
        self.failures: list[StorageBroken] = []
        self.alarms: Alarms = {}
        self.stores: list[Store] = []
        self.copies = 0
        self.time_ms = 1000

    def open(self, root: Path | None = None, *, is_alone: bool = True, **options: object) -> Store:
        """The store of the directory's first log; those of its other logs are open beside it."""
        if self.logs > 1:
            return self._open_first(root or self.root, is_alone=is_alone, **options)
        layout = Layout(root or self.root)
        layout.actors_dir.mkdir(parents=True, exist_ok=True)
        store = Store.open(
            layout,
            notify=self.calls.put,
            time_ms=lambda: self.time_ms,
            on_failure=self.failures.append,
            apply_alarms=self.alarms.update,
            options=StoreOptions(**options),  # type: ignore[arg-type]  # as the test wants them
            is_alone=is_alone,
        )
        self.stores.append(store)
        return store

    @property
    def records_elsewhere(self) -> int:
        """How many a recovery finds in the logs that the test is not about."""
        return self.logs - 1

    def _open_first(self, root: Path, *, is_alone: bool, **options: object) -> Store:
        for other in self.others.pop(root, []):
            other.close()
        slots = [str(slot) for slot in range(self.logs)]
        first, *others = self.open_all(slots, root, is_alone=is_alone, **options)
        self.others[root] = others
        for number, other in enumerate(others):  # actors that no test looks at
            put(other.database(KEY, bytes([0xF0 + number]) * 32), n=number)
            other.log.wait()
        return first

    def open_all(
        self,
        slots: Sequence[str] = ("0", "1", "2"),
        root: Path | None = None,
        *,
        is_alone: bool = True,
        **options: object,
    ) -> list[Store]:
        layout = Layout(root or self.root)
        layout.actors_dir.mkdir(parents=True, exist_ok=True)
        stores = Store.open_all(
            layout,
            slots,
            notify=self.calls.put,
            time_ms=lambda: self.time_ms,
            on_failure=self.failures.append,
            apply_alarms=self.alarms.update,
            options=StoreOptions(**options),  # type: ignore[arg-type]  # as the test wants them
            is_alone=is_alone,
        )
        self.stores += stores
        return stores

    def do(self, work: Coroutine[object, object, T]) -> T:
        """Wait for ``work``; the loop runs meanwhile."""

        async def run() -> T:
            pulse = asyncio.Event()
            loop = asyncio.get_running_loop()
            self.calls.wake = lambda: loop.call_soon_threadsafe(pulse.set)
            task = asyncio.ensure_future(work)
            task.add_done_callback(lambda _: pulse.set())
            while not task.done():
                pulse.clear()
                while not self.calls.empty():
                    self.calls.get()()
                await pulse.wait()
            return task.result()

        try:
            return asyncio.run(run())
        finally:
            self.calls.wake = None

    def move(self, source: Store, target: Store, actor: bytes = A) -> Move:
        """Have an actor of one store in another."""

        async def move() -> Move:
            moved = await source.moves.hand_over(KEY, actor)
            await target.moves.take_over(moved)
            return moved

        return self.do(move())

    def run_until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.calls.get(timeout=PATIENCE_S)()

    def copy(self) -> Path:
        """A copy of what is on the disk now."""
        return self.copy_of(self.root)

    def copy_of(self, root: Path) -> Path:
        self.copies += 1
        copy = self.root.with_name(f"{self.root.name}-{self.copies}")
        copy_directory(root, copy)
        return copy

    def after_crash(self) -> Store:
        """A store on a copy of what is on the disk now, as after kill -9."""
        return self.open(self.copy())

    def close(self) -> None:
        for store in self.stores:
            store.close()


def copy_directory(root: Path, copy: Path) -> None:
    """Copy a data directory in use, at a moment when nobody works on its archive."""
    archive_dir = Layout(root).archive_dir
    with alone(archive_dir) if archive_dir.exists() else nullcontext():
        shutil.copytree(root, copy)


@contextmanager
def flusher_asleep(store: Store) -> Iterator[None]:
    """What is committed meanwhile is not written; it is handed to the flusher afterwards."""
    real, store.log._queue = store.log._queue, type(store.log._queue)()
    try:
        yield
    finally:
        items, store.log._queue = store.log._queue, real
        while not items.empty():
            real.put(items.get())


def put(database: ActorDatabase, **values: object) -> None:
    for key, value in values.items():
        KeyValue(database).put(key, value)
    database.commit()


def content(store: Store, actor: bytes = A) -> dict[str, object]:
    database = store.database(KEY, actor)
    found = KeyValue(database).list()
    database.close()
    return found
