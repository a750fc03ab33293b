"""Stores for tests: a loop that runs when it is told to, and a store killed without a word."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

from perdure.storage.engine import ActorDatabase
from perdure.storage.errors import StorageBroken
from perdure.storage.kv import KeyValue
from perdure.storage.layout import Layout
from perdure.storage.store import Alarms, Store, StoreOptions

A, B = b"a" * 32, b"b" * 32
KEY = "app-Room"


class Bench:
    """One data directory, opened again and again."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.failures: list[StorageBroken] = []
        self.alarms: Alarms = {}
        self.stores: list[Store] = []
        self.copies = 0

    def open(self, root: Path | None = None, **options: object) -> Store:
        layout = Layout(root or self.root)
        layout.actors_dir.mkdir(parents=True, exist_ok=True)
        store = Store.open(
            layout,
            notify=self.calls.put,
            time_ms=lambda: 1000,
            on_failure=self.failures.append,
            apply_alarms=self.alarms.update,
            options=StoreOptions(**options),  # type: ignore[arg-type]  # as the test wants them
        )
        self.stores.append(store)
        return store

    def run_until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.calls.get(timeout=10)()

    def after_crash(self) -> Store:
        """A store on a copy of what is on the disk now, as after kill -9."""
        self.copies += 1
        copy = self.root.with_name(f"{self.root.name}-{self.copies}")
        shutil.copytree(self.root, copy)
        return self.open(copy)

    def close(self) -> None:
        for store in self.stores:
            store.close()


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
