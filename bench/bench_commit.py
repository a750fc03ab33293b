"""Commits of the storage engine alone: engines, images of pages, and actors at a time.

    python bench/bench_commit.py [--seconds 2] [--rounds 3] [--actors 1 10 100 1000]

Each actor inserts a row of 100 bytes, waits until it is durable, and begins again. The engines
take turns within a round; medians of the rounds are printed. ``full pool`` is SQLite with
``synchronous=FULL`` in a pool of 16 threads, ``aiosqlite`` that library with the same setting.
"""

import argparse
import asyncio
import os
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiosqlite

from perdure.storage import journal
from perdure.storage.layout import Layout
from perdure.storage.page_images import BLOCK_SIZE_BYTES, encode_image
from perdure.storage.sql import Sql
from perdure.storage.store import Store, StoreOptions, nothing_recovered

ROW = os.urandom(50).hex()
Commit = Callable[[], Awaitable[None]]
CREATE = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)"
INSERT = "INSERT INTO t (a) VALUES (?)"


def raw_image(number: int, page: bytes, before: bytes | None) -> bytes:
    """As encode_image, without looking for what has changed."""
    return number.to_bytes(4, "little") + bytes(4) + page


class OurLog:
    """The engine as it ships, or with whole pages in its log."""

    def __init__(self, root: Path, *, raw: bool) -> None:
        journal.encode_image = raw_image if raw else encode_image  # type: ignore[attr-defined]
        layout = Layout(root)
        layout.actors_dir.mkdir()
        loop = asyncio.get_running_loop()

        def failed(error: Exception) -> None:
            raise error

        self.store = Store.open(
            layout,
            notify=loop.call_soon_threadsafe,
            time_ms=lambda: int(time.time() * 1000),
            on_failure=failed,
            apply_alarms=nothing_recovered,
            options=StoreOptions(),
        )
        self.loop = loop

    async def actor(self, number: int) -> Commit:
        database = self.store.database("bench", number.to_bytes(32, "big"))
        sql = Sql(database)
        sql.exec(CREATE)
        database.commit()

        async def commit() -> None:
            sql.exec(INSERT, ROW)
            database.commit()
            durable = self.loop.create_future()
            database.durability.when_durable(lambda: durable.set_result(None))
            await durable

        return commit

    def log_bytes(self) -> int:
        return self.store.statistics().written_size_bytes

    async def close(self) -> None:
        self.store.close()


class FullPool:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.pool = ThreadPoolExecutor(16)
        self.connections: list[sqlite3.Connection] = []

    async def actor(self, number: int) -> Commit:
        # The standard library's: what a program without us would use in a pool of threads.
        path = self.root / f"{number}.db"
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.connections.append(connection)
        connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute("PRAGMA synchronous = OFF").fetchall()
        connection.execute(CREATE)
        connection.execute("PRAGMA synchronous = FULL").fetchall()
        loop = asyncio.get_running_loop()

        def insert() -> None:
            connection.execute(INSERT, (ROW,))

        async def commit() -> None:
            await loop.run_in_executor(self.pool, insert)

        return commit

    def log_bytes(self) -> int:
        return 0

    async def close(self) -> None:
        self.pool.shutdown()
        for connection in self.connections:
            connection.close()


class Aiosqlite:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.connections: list[aiosqlite.Connection] = []

    async def actor(self, number: int) -> Commit:
        connection = await aiosqlite.connect(self.root / f"{number}.db", isolation_level=None)
        self.connections.append(connection)
        await connection.execute("PRAGMA journal_mode = WAL")
        await connection.execute("PRAGMA synchronous = OFF")
        await connection.execute(CREATE)
        await connection.execute("PRAGMA synchronous = FULL")

        async def commit() -> None:
            await connection.execute(INSERT, (ROW,))

        return commit

    def log_bytes(self) -> int:
        return 0

    async def close(self) -> None:
        for connection in self.connections:
            await connection.close()


ENGINES: dict[str, Callable[[Path], OurLog | FullPool | Aiosqlite]] = {
    "log, differences": lambda root: OurLog(root, raw=False),
    "log, whole pages": lambda root: OurLog(root, raw=True),
    "full pool": FullPool,
    "aiosqlite": Aiosqlite,
}


async def measure(name: str, actors: int, seconds: float) -> tuple[float, float, float, float]:
    """Return commits a second, CPU us and log bytes for each, and the median wait in ms."""
    root = Path(tempfile.mkdtemp(prefix="perdure-bench-"))
    engine = ENGINES[name](root)
    waits: list[float] = []
    try:
        commits = [await engine.actor(number) for number in range(actors)]
        await asyncio.gather(*(commit() for commit in commits))
        bytes_before, cpu, begin = engine.log_bytes(), time.process_time(), time.perf_counter()
        end = begin + seconds

        async def run(commit: Commit) -> None:
            while (started := time.perf_counter()) < end:
                await commit()
                waits.append(time.perf_counter() - started)

        await asyncio.gather(*map(run, commits))
        took = time.perf_counter() - begin
        count = len(waits)
        cpu_us = (time.process_time() - cpu) / count * 1e6
        log = (engine.log_bytes() - bytes_before) / count
        return count / took, cpu_us, log, statistics.median(waits) * 1000
    finally:
        await engine.close()
        shutil.rmtree(root)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--actors", type=int, nargs="+", default=[1, 10, 100, 1000])
    options = parser.parse_args()
    print(f"blocks of {BLOCK_SIZE_BYTES} bytes; rows of {len(ROW)} bytes")
    print(f"{'actors':>6}  {'engine':<18}{'commits/s':>10}{'CPU us':>8}{'log B':>8}{'p50 ms':>8}")
    for actors in options.actors:
        found: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in ENGINES}
        for _ in range(options.rounds):
            for name in ENGINES:
                found[name].append(asyncio.run(measure(name, actors, options.seconds)))
        for name, rounds in found.items():
            rate, cpu, log, wait = (
                statistics.median(column) for column in zip(*rounds, strict=True)
            )
            print(f"{actors:>6}  {name:<18}{rate:>10.0f}{cpu:>8.1f}{log:>8.0f}{wait:>8.2f}")


if __name__ == "__main__":
    main()
