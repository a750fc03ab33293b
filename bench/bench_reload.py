"""How long a developer waits: for `perdure dev` to be ready, and for new code to answer.

    python bench/bench_reload.py [--edits 10] [--starts 5]

One JSON line for each shape of `perdure dev` (`--workers 0` and 1) with the seconds from its start
to "Ready", and one with the seconds from the write of a file to the first answer of new code; of
them ``reload_s`` is what `perdure dev` itself says that the reload took. The rest is what passes
until the file's change is told, and what the asking costs. Medians, and the best.
"""

import argparse
import contextlib
import http.client
import json
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

CONFIG = """\
name = "edited"
main = "main.py"

[[durable_objects.bindings]]
name = "ROOM"
class_name = "Room"

[[migrations]]
tag = "v1"
new_sqlite_classes = ["Room"]
"""
PROGRAM = """\
from perdure import DurableObject, Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await self.env.ROOM.get_by_name("a").fetch(request)


class Room(DurableObject):
    async def fetch(self, request):
        visits = (self.ctx.storage.kv.get("visits") or 0) + 1
        self.ctx.storage.kv.put("visits", visits)
        return Response("edit {number}")
"""
ANSWER_TIMEOUT_S = 60.0
ASKS_INTERVAL_S = 0.005
# By the next edit a spare process is there again, as with a person who writes.
BETWEEN_EDITS_S = 3.0


class Dev:
    """A running `perdure dev`.

    Attributes:
        ready_s: How long it took until it was.
    """

    def __init__(self, folder: Path, workers: int) -> None:
        command = [
            *(sys.executable, "-m", "perdure", "dev", "-c", str(folder / "wrangler.toml")),
            *("--port", "0", "--workers", str(workers)),
        ]
        began = time.monotonic()
        self.log = folder / "log"
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True
            )
        assert self._process.stdout is not None, "it is a pipe"
        for line in self._process.stdout:
            if found := re.match(r"Ready on http://([\d.]+):(\d+)", line):
                break
        else:
            raise RuntimeError(self.log.read_text())
        self.ready_s = time.monotonic() - began
        self._connection = http.client.HTTPConnection(
            found[1], int(found[2]), timeout=ANSWER_TIMEOUT_S
        )

    def ask(self) -> str:
        self._connection.request("GET", "/")
        text = self._connection.getresponse().read().decode()
        assert self._process.stdout is not None, "it is a pipe"
        self._process.stdout.readline()  # that of the request; nobody else empties the pipe
        return text

    def stop(self) -> None:
        self._connection.close()
        self._process.send_signal(signal.SIGINT)
        self._process.communicate()


@contextlib.contextmanager
def dev(workers: int) -> Iterator[tuple[Path, Dev]]:
    with tempfile.TemporaryDirectory(prefix="perdure-bench-") as root:
        folder = Path(root)
        (folder / "wrangler.toml").write_text(CONFIG)
        (folder / "main.py").write_text(PROGRAM.format(number=0))
        running = Dev(folder, workers)
        try:
            yield folder, running
        finally:
            running.stop()


def measure_start(workers: int, starts: int) -> None:
    times: list[float] = []
    for _ in range(starts):
        with dev(workers) as (_folder, running):
            times.append(running.ready_s)
    print(json.dumps({"what": "ready", "workers": workers, **summary("s", times)}), flush=True)


def measure_edits(edits: int) -> None:
    whole: list[float] = []
    with dev(1) as (folder, running):
        for number in range(1, edits + 1):
            time.sleep(BETWEEN_EDITS_S)
            (folder / "main.py").write_text(PROGRAM.format(number=number))
            began = time.monotonic()
            while running.ask() != f"edit {number}":
                time.sleep(ASKS_INTERVAL_S)
            whole.append(time.monotonic() - began)
        log = running.log.read_text()
    reloads = [float(text) for text in re.findall(r"Reloaded in ([\d.]+) s", log)]
    result = {"what": "edit to new code", **summary("s", whole), **summary("reload_s", reloads)}
    print(json.dumps(result), flush=True)


def summary(name: str, times: Sequence[float]) -> dict[str, float]:
    median, best = statistics.median(times), min(times)
    return {f"{name}_median": round(median, 3), f"{name}_best": round(best, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--edits", type=int, default=10)
    parser.add_argument("--starts", type=int, default=5)
    options = parser.parse_args()
    for workers in (0, 1):
        measure_start(workers, options.starts)
    measure_edits(options.edits)


if __name__ == "__main__":
    main()
