"""Actors over a real commit log, on a disk whose syncs a test can hold up or fail."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest

from perdure.storage.errors import StorageBroken
from perdure.storage.layout import Layout
from perdure.storage.store import Store, StoreOptions, nothing_recovered
from tests.world import World, turns


class HeldDisk:
    """Every fdatasync waits, while the disk is held, until a test lets it go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_held = False
        self._words: SimpleQueue[str] = SimpleQueue()
        self._real = os.fdatasync
        self._entered: SimpleQueue[None] = SimpleQueue()
        monkeypatch.setattr(os, "fdatasync", self._fdatasync)

    def _fdatasync(self, descriptor: int) -> None:
        if self.is_held:
            self._entered.put(None)
            if self._words.get(timeout=30) == "fail":
                raise OSError(errno.EIO, "Input/output error")
        self._real(descriptor)

    async def is_reached(self) -> None:
        """A sync has begun; everything else has come to rest."""
        while self._entered.empty():
            await asyncio.sleep(0)
        self._entered.get()
        await turns()

    def let_one_go(self) -> None:
        self._words.put("go")

    def fail(self) -> None:
        self._words.put("fail")

    def let_all_go(self) -> None:
        self.is_held = False
        for _ in range(20):
            self._words.put("go")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldDisk]:
    disk = HeldDisk(monkeypatch)
    yield disk
    disk.let_all_go()


@pytest.fixture
async def world(tmp_path: Path, disk: HeldDisk) -> AsyncIterator[World]:
    layout = Layout(tmp_path)
    layout.actors_dir.mkdir()
    loop = asyncio.get_running_loop()
    worlds: list[World] = []

    def storage_broke(failure: StorageBroken) -> None:
        worlds[0].host.storage_broke(failure)

    store = Store.open(
        layout,
        notify=loop.call_soon_threadsafe,
        time_ms=lambda: 0,
        on_failure=storage_broke,
        apply_alarms=nothing_recovered,
        options=StoreOptions(segment_size_bytes=2**20),
    )
    world = World(tmp_path, databases=store)
    worlds.append(world)
    yield world
    disk.let_all_go()
    world.close()
    store.close()
