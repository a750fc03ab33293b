"""A data directory with many actors: how long it takes to open, and how much memory that takes.

    python bench/bench_directory.py [--actors 100000] [--alarms 5000] [--records 60000]
                                    [--touched 20000] [--folder FOLDER]

A directory is filled with copies of one actor's file, which has a row, and for some of them an
alarm. Then it is opened, each time by a process of its own:

    closed     after it was closed in good order
    killed     after kill -9 of a process that had just written that many records, eight each of
               as many actors as that takes: more than there may be in the log
    touched    and that many actors are used one after the other, each for a read and a write

It takes some gigabytes of disk while it runs, by default in the folder for temporary files. There
is no archive: of files put there like this it would first make copies, in the background.
"""

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from perdure.storage.alarm_index import AlarmIndex
from perdure.storage.archive.archive import Retention
from perdure.storage.directory import DataDirectory
from perdure.storage.kv import KeyValue
from perdure.storage.metadata import Metadata
from perdure.storage.store import Store, StoreOptions

KEY = "bench-Room"
DUE_MS = 4_000_000_000_000
SETTLE_RECORDS = 500
# Records of each actor that are in the log.
EACH = 8
MEGABYTE = 2**20


def actor_id(number: int) -> bytes:
    """Spread over all directories, as ids are."""
    return random.Random(number).randbytes(32)  # nobody guesses these


def rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MEGABYTE


class Process:
    """What a server has open of a data directory."""

    def __init__(self, root: Path, *, shortens: bool = True) -> None:
        self.calls: deque[Callable[[], None]] = deque()
        self.directory = DataDirectory.open(root)
        self.index = AlarmIndex(self.directory.layout.alarms_file)
        options = StoreOptions(retention=Retention(days=0))
        if not shortens:
            options = replace(
                options,
                live_size_bytes_max=2**40,
                live_records_max=2**40,
                live_actors_max=2**40,
            )
        self.store = Store.open(
            self.directory.layout,
            notify=self.calls.append,
            time_ms=lambda: int(time.time() * 1000),
            on_failure=self.failed,
            apply_alarms=self.index.apply,
            save_alarms=self.index.saving,
            options=options,
        )

    @staticmethod
    def failed(error: Exception) -> None:
        raise error

    def settle(self) -> None:
        """Have what was written durable, and do what the loop was told to."""
        self.store.settle()
        while self.calls:
            self.calls.popleft()()

    def close(self) -> None:
        self.store.close()
        self.index.close()
        self.directory.close()


# What is done in a process of its own.


def fill(root: Path, actors: int, alarms: int) -> dict[str, float]:
    """Make the directory: two actors through the engine, the rest as copies of their files."""
    process = Process(root)
    layout = process.directory.layout
    models = []
    for number, alarm_ms in enumerate((None, DUE_MS)):
        database = process.store.database(KEY, actor_id(number))
        KeyValue(database).put("greeting", "hello" * 20)
        if alarm_ms is not None:
            Metadata(database).set_alarm_ms(alarm_ms)
        database.commit()
        models.append(layout.actor_file(KEY, actor_id(number)))
    process.index.put(KEY, actor_id(1), DUE_MS, None)
    for number in range(2, alarms + 1):
        process.index.put(KEY, actor_id(number), DUE_MS + number, None)
    process.settle()
    process.close()
    plain, with_alarm = (model.read_bytes() for model in models)
    for number in range(2, actors):
        path = layout.actor_file(KEY, actor_id(number))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(with_alarm if number <= alarms else plain)
    os.sync()
    return {"bytes": actors * len(plain)}


def start(root: Path) -> dict[str, float]:
    """Open the directory, and close it."""
    before_mb = rss_mb()
    started, used = time.perf_counter(), time.process_time()
    process = Process(root)
    seconds, used = time.perf_counter() - started, time.process_time() - used
    found = process.store.recovered
    result = {
        "open_s": seconds,
        "cpu_s": used,
        "rss_mb": rss_mb(),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "imports_mb": before_mb,
        "alarms": len(process.index),
        "records": found.records,
        "log_mb": found.size_bytes / MEGABYTE,
        "files": found.actors,
    }
    started = time.perf_counter()
    process.close()
    return {**result, "close_s": time.perf_counter() - started}


def touch(root: Path, actors: int, count: int) -> dict[str, float]:
    """Use so many actors, one after the other."""
    process = Process(root)
    before_mb = rss_mb()
    used = time.process_time()
    numbers = random.Random(1).sample(range(actors), count)  # the same each time
    started = time.perf_counter()
    for done, number in enumerate(numbers, 1):
        database = process.store.database(KEY, actor_id(number))
        kv = KeyValue(database)
        kv.put("greeting", f"{kv.get('greeting')}!")
        database.commit()
        if done % SETTLE_RECORDS == 0:
            process.settle()
    process.settle()
    seconds = time.perf_counter() - started
    result = {
        "touch_us": seconds / count * 1e6,
        "cpu_us": (time.process_time() - used) / count * 1e6,
        "before_mb": before_mb,
        "rss_mb": rss_mb(),
    }
    started = time.perf_counter()
    process.close()
    return {**result, "close_s": time.perf_counter() - started}


def write_and_die(root: Path, actors: int, records: int) -> dict[str, float]:
    """Write so many records, eight each of as many actors as that takes, and be killed."""
    process = Process(root, shortens=False)
    numbers = random.Random(2).sample(range(actors), min(records // EACH, actors))  # as above
    for done in range(records):
        if done % EACH == 0:
            number = numbers[done // EACH % len(numbers)]
            database = process.store.database(KEY, actor_id(number))
        KeyValue(database).put(f"key {done % EACH}", f"{done:0100}")
        database.commit()
        if done % SETTLE_RECORDS == 0:
            process.settle()
    process.settle()
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


STEPS: dict[str, Callable[..., dict[str, float]]] = {
    "fill": fill,
    "start": start,
    "touch": touch,
    "write_and_die": write_and_die,
}


def run(step: str, root: Path, *numbers: int) -> dict[str, float]:
    """Have a step done by a process of its own, with nothing of ours on its way to the disk."""
    os.sync()
    command = [sys.executable, __file__, "--step", step, str(root), *map(str, numbers)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False, text=True)
    if done.returncode == -signal.SIGKILL:
        return {}
    if done.returncode != 0:
        raise SystemExit(f"{step} failed")
    result: dict[str, float] = json.loads(done.stdout)
    return result


def show(name: str, result: dict[str, float]) -> None:
    print(f"{name:<24}" + "  ".join(f"{key} {value:.4g}" for key, value in result.items()))


def main() -> None:
    if sys.argv[1:2] == ["--step"]:
        step, root, *numbers = sys.argv[2:]
        print(json.dumps(STEPS[step](Path(root), *map(int, numbers))))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--actors", type=int, default=100_000)
    parser.add_argument("--alarms", type=int, default=5_000)
    parser.add_argument("--records", type=int, default=60_000)
    parser.add_argument("--touched", type=int, default=20_000)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    free = shutil.disk_usage(options.folder or tempfile.gettempdir()).free
    if free < options.actors * 40_000:
        raise SystemExit(f"there are {free / 1e9:.1f} GB free; that is not enough")
    with tempfile.TemporaryDirectory(prefix="perdure-bench-", dir=options.folder) as folder:
        root = Path(folder) / "data"
        empty = Path(folder) / "empty"
        show("empty directory", run("start", empty))
        show("filled", run("fill", root, options.actors, options.alarms))
        show("closed", run("start", root))
        run("write_and_die", root, options.actors, options.records)
        show("killed", run("start", root))
        show("closed again", run("start", root))
        show("touched", run("touch", root, options.actors, options.touched))


if __name__ == "__main__":
    main()
