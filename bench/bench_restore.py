"""Restore of a large actor to an earlier bookmark, and what its history takes.

    python bench/bench_restore.py [--megabytes 100] [--appends 20000] [--rounds 3]

An actor is filled to so many megabytes; then it appends rows of 100 random bytes, with a log small
enough that most of it is archived. Told are: the time of a restore to a bookmark from the middle,
the archive's bytes for an append (files and copies), and the CPU time of the archive's thread for a
record. A plain copy of the file, with its sync, is told beside the restore: the disk sets that.
"""

import argparse
import asyncio
import os
import shutil
import statistics
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

from perdure.storage.archive.archive import Archive
from perdure.storage.archive.index import ArchiveIndex
from perdure.storage.archive.past import index_path
from perdure.storage.bookmark import Bookmark
from perdure.storage.durable_files import sync_file
from perdure.storage.layout import Layout
from perdure.storage.sql import Sql
from perdure.storage.store import Store, StoreOptions, nothing_recovered

KEY, ACTOR = "bench", bytes(32)
SEGMENT_SIZE_BYTES = 4 * 2**20
# What the log holds is read at each restore; the default is 64 MiB.
LIVE_SIZE_BYTES_MAX = 16 * 2**20
BLOB_SIZE_BYTES = 100_000
ROWS_PER_COMMIT = 10
SETTLE_RECORDS = 100
MEGABYTE = 10**6


def open_store(root: Path) -> Store:
    def failed(error: Exception) -> None:
        raise error

    layout = Layout(root)
    layout.actors_dir.mkdir(parents=True, exist_ok=True)
    return Store.open(
        layout,
        notify=asyncio.get_running_loop().call_soon_threadsafe,
        time_ms=lambda: int(time.time() * 1000),
        on_failure=failed,
        apply_alarms=nothing_recovered,
        options=StoreOptions(
            segment_size_bytes=SEGMENT_SIZE_BYTES, live_size_bytes_max=LIVE_SIZE_BYTES_MAX
        ),
    )


async def archived(store: Store) -> None:
    """Wait until the archive has all that it is to have by now."""
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    assert store._archiver is not None, "retention is on"

    def is_done(_: Archive) -> None:
        loop.call_soon_threadsafe(done.set)

    store._archiver.do(is_done)
    await done.wait()


async def fill(store: Store, size_bytes: int) -> None:
    database = store.database(KEY, ACTOR)
    sql = Sql(database)
    sql.exec("CREATE TABLE blobs (id INTEGER PRIMARY KEY, a BLOB)")
    sql.exec("CREATE TABLE rows (id INTEGER PRIMARY KEY, a TEXT)")
    for _ in range(0, size_bytes, BLOB_SIZE_BYTES * ROWS_PER_COMMIT):
        for _ in range(ROWS_PER_COMMIT):
            sql.exec("INSERT INTO blobs (a) VALUES (?)", os.urandom(BLOB_SIZE_BYTES))
        database.commit()
        store.settle()
        await asyncio.sleep(0)
    database.close()


async def append(store: Store, count: int) -> list[Bookmark]:
    """Return the bookmarks of so many appends."""
    database = store.database(KEY, ACTOR)
    sql = Sql(database)
    marks = []
    for number in range(count):
        sql.exec("INSERT INTO rows (a) VALUES (?)", os.urandom(50).hex())
        database.commit()
        marks.append(store.history.current(KEY, ACTOR))
        if number % SETTLE_RECORDS == 0:
            store.settle()
            await asyncio.sleep(0)
    store.settle()
    database.close()
    return marks


def archive_size_bytes(root: Path) -> int:
    with closing(ArchiveIndex(index_path(Layout(root).archive_dir), read_only=True)) as index:
        return index.size_bytes()


async def measure(root: Path, options: argparse.Namespace) -> None:
    store = open_store(root)
    await fill(store, options.megabytes * MEGABYTE)
    store.close()
    store = open_store(root)
    await archived(store)
    before = archive_size_bytes(root)
    spent = watch_archive()
    marks = await append(store, options.appends)
    store.close()
    store = open_store(root)
    await archived(store)
    size = (archive_size_bytes(root) - before) / options.appends
    print(f"archive: {size:,.0f} bytes an append, {sum(spent) / options.appends * 1e6:.1f} us CPU")
    path = store._layout.actor_file(KEY, ACTOR)
    restores, copies = [], []
    for number in range(options.rounds):
        started = time.perf_counter()
        shutil.copyfile(path, root / "copy")
        sync_file(root / "copy")
        copies.append(time.perf_counter() - started)
        mark = marks[len(marks) // 2 + number]
        started = time.perf_counter()
        await store.replacements.restore(KEY, ACTOR, mark)
        restores.append(time.perf_counter() - started)
        database = store.database(KEY, ACTOR)
        ((found,),) = database.rows("SELECT count(*) FROM rows")
        database.close()
        assert found == len(marks) // 2 + number + 1, "the state that was asked for"
    megabytes = path.stat().st_size / MEGABYTE
    restore_s, copy_s = statistics.median(restores), statistics.median(copies)
    print(f"restore: {megabytes:.0f} MB in {restore_s:.2f} s; a copy takes {copy_s:.2f} s")
    store.close()


def watch_archive() -> list[float]:
    """Return where the CPU seconds of each taking in will be put down."""
    spent: list[float] = []
    take = Archive.take

    def watched(self: Archive, *values: object) -> None:
        started = time.thread_time()
        try:
            take(self, *values)  # type: ignore[arg-type]  # handed on
        finally:
            spent.append(time.thread_time() - started)
            assert threading.current_thread() is not threading.main_thread()

    Archive.take = watched  # type: ignore[method-assign,assignment]  # to look on
    return spent


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--appends", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:
        asyncio.run(measure(Path(directory) / "data", options))


if __name__ == "__main__":
    main()
