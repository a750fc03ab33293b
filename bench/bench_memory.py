"""Memory of an open database after its first write, and what lookaside being off costs.

    python bench/bench_memory.py [--actors 500] [--rounds 5]

Each measurement is a fresh process: so many actors, one write each; what the process holds more
afterwards, in memory of its own, divided by their number. ``lookaside`` is SQLite's block of
memory for small allocations, one for each connection; storage/connection.py switches it off. Its
price is measured in processor time of rows inserted and selected by key, with it and without it
in alternation.
"""

import argparse
import asyncio
import gc
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import apsw

ROW = "x" * 100
WARM_UP = 20
OPERATIONS = 4000


def own_memory_kib() -> int:
    text = Path("/proc/self/smaps_rollup").read_text()
    found = re.search(r"^Private_Dirty:\s+(\d+) kB", text, re.MULTILINE)
    assert found is not None, "smaps_rollup has a Private_Dirty line"
    return int(found[1])


async def measure(root: Path, actors: int, *, lookaside: bool) -> dict[str, float]:
    """Return KiB for each actor, and CPU us of an insert with its commit and of a select."""
    from perdure.storage.kv import KeyValue  # noqa: PLC0415  # it sets SQLite up
    from perdure.storage.layout import Layout  # noqa: PLC0415
    from perdure.storage.sql import Sql  # noqa: PLC0415
    from perdure.storage.store import Store, nothing_recovered  # noqa: PLC0415

    if lookaside:
        apsw.shutdown()
        apsw.config(apsw.SQLITE_CONFIG_LOOKASIDE, 1200, 100)  # SQLite's own default
        apsw.initialize()

    def failed(error: Exception) -> None:
        raise error

    layout = Layout(root)
    layout.actors_dir.mkdir()
    store = Store.open(
        layout,
        notify=asyncio.get_running_loop().call_soon_threadsafe,
        time_ms=lambda: int(time.time() * 1000),
        on_failure=failed,
        apply_alarms=nothing_recovered,
    )
    kept = []

    def write(number: int) -> None:
        database = store.database("bench", number.to_bytes(32, "big"), monotonic=time.monotonic)
        keys = KeyValue(database)
        keys.put("n", number)
        database.commit()
        kept.append((database, keys))

    for number in range(WARM_UP):
        write(number)
    store.settle()
    gc.collect()
    before = own_memory_kib()
    for number in range(WARM_UP, WARM_UP + actors):
        write(number)
    store.settle()
    gc.collect()
    kib = (own_memory_kib() - before) / actors

    database = kept[0][0]
    sql = Sql(database)
    sql.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)")
    database.commit()
    began = time.thread_time()
    for _ in range(OPERATIONS):
        sql.exec("INSERT INTO t (a) VALUES (?)", ROW)
        database.commit()
    inserted = time.thread_time()
    database.begin()
    for number in range(1, OPERATIONS + 1):
        sql.exec("SELECT a FROM t WHERE id = ?", number).one()
    selected = time.thread_time()
    database.commit()
    store.close()
    return {
        "kib": kib,
        "insert_us": (inserted - began) / OPERATIONS * 1e6,
        "select_us": (selected - inserted) / OPERATIONS * 1e6,
    }


def in_a_process_of_its_own(actors: int, *, lookaside: bool) -> dict[str, float]:
    command = [sys.executable, __file__, "--one", "--actors", str(actors)]
    if lookaside:
        command.append("--lookaside")
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--actors", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--lookaside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        with tempfile.TemporaryDirectory(prefix="perdure-bench-") as root:
            found = asyncio.run(measure(Path(root), options.actors, lookaside=options.lookaside))
        print(json.dumps(found))
        return
    without, with_it = [], []
    for _ in range(options.rounds):
        without.append(in_a_process_of_its_own(options.actors, lookaside=False))
        with_it.append(in_a_process_of_its_own(options.actors, lookaside=True))
    print(f"{options.actors} actors, medians of {options.rounds} rounds")
    for what, unit in (("kib", "KiB an actor"), ("insert_us", "CPU us"), ("select_us", "CPU us")):
        off = statistics.median(each[what] for each in without)
        on = statistics.median(each[what] for each in with_it)
        ratio = statistics.median(a[what] / b[what] for a, b in zip(without, with_it, strict=True))
        name = what.split("_")[0]
        print(f"{name:<8}{off:>8.1f} as shipped{on:>8.1f} with lookaside {unit:<14}{ratio:>6.2f}")


if __name__ == "__main__":
    main()
