"""Recovery of a store that was not closed: megabytes of log in a second.

    python bench/bench_recovery.py [--megabytes 60] [--actors 100] [--rounds 5]

Actors insert rows until the log has grown so large; the directory is copied while the store is
open, which is what ``kill -9`` leaves; then the copy is opened, a new copy each round. Rows of
100 bytes make records of some hundred bytes, rows of 3000 records of some thousand. The store
would shorten its log long before; here it may not.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from perdure.storage.layout import Layout
from perdure.storage.sql import Sql
from perdure.storage.store import Store, StoreOptions, nothing_recovered

ROWS = (100, 3000)
# Nothing is told to the loop, for there is none: what has come in is handed over when so many
# records have.
SETTLE_RECORDS = 500
MEGABYTE = 10**6


class Calls:
    """What a loop would call soon: kept, and called when it is asked for."""

    def __init__(self) -> None:
        self._calls: deque[Callable[[], None]] = deque()

    def notify(self, call: Callable[[], None]) -> None:
        self._calls.append(call)

    def run(self) -> None:
        while self._calls:
            self._calls.popleft()()


def open_store(root: Path, calls: Calls) -> Store:
    def failed(error: Exception) -> None:
        raise error

    return Store.open(
        Layout(root),
        notify=calls.notify,
        time_ms=lambda: int(time.time() * 1000),
        on_failure=failed,
        apply_alarms=nothing_recovered,
        options=StoreOptions(live_size_bytes_max=2**40, live_records_max=2**40),
    )


def write(store: Store, calls: Calls, row_bytes: int, actors: int, size_bytes: int) -> None:
    """Have each of so many actors insert rows, in turn, until the log is so large."""
    databases = [store.database("bench", number.to_bytes(32, "big")) for number in range(actors)]
    tables = [Sql(database) for database in databases]
    for table in tables:
        table.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)")
    written = 0
    while store.statistics().live_size_bytes < size_bytes:
        for database, table in zip(databases, tables, strict=True):
            table.exec("INSERT INTO t (a) VALUES (?)", os.urandom(row_bytes // 2).hex())
            database.commit()
            written += 1
            if written % SETTLE_RECORDS == 0:
                store.settle()
                calls.run()
    store.settle()


def measure(folder: Path, row_bytes: int, options: argparse.Namespace) -> None:
    """Print one line: what was recovered, and how fast."""
    root = folder / f"rows-{row_bytes}"
    root.mkdir()
    Layout(root).actors_dir.mkdir()
    calls = Calls()
    store = open_store(root, calls)
    write(store, calls, row_bytes, options.actors, int(options.megabytes * MEGABYTE))
    seconds = []
    for number in range(options.rounds):
        copy = folder / f"copy-{row_bytes}-{number}"
        shutil.copytree(root, copy)
        os.sync()  # the copy's own writing is no part of the recovery
        calls_of_copy = Calls()
        started = time.perf_counter()
        recovered = open_store(copy, calls_of_copy)
        seconds.append(time.perf_counter() - started)
        found = recovered.recovered
        recovered.close()
        shutil.rmtree(copy)
    store.close()
    median = statistics.median(seconds)
    print(
        f"{row_bytes:>9}{found.records:>9}{found.actors:>8}{found.size_bytes / MEGABYTE:>8.1f}"
        f"{median * 1000:>9.0f}{found.size_bytes / MEGABYTE / median:>8.0f}"
        f"{found.records / median:>11.0f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=60)
    parser.add_argument("--actors", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(
        f"{'row bytes':>9}{'records':>9}{'actors':>8}{'MB':>8}{'ms':>9}{'MB/s':>8}{'records/s':>11}"
    )
    for row_bytes in ROWS:
        with tempfile.TemporaryDirectory(prefix="perdure-bench-") as folder:
            measure(Path(folder), row_bytes, options)


if __name__ == "__main__":
    main()
