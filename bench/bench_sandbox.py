"""How long a sandbox takes to run its first command, and each one after that.

    python bench/bench_sandbox.py [--sandboxes 30] [--commands 20] [--workers 0]

One JSON line for the first `exec("true")` of new sandboxes, as a Worker sees it who calls
`get_sandbox` (actor, wall, agent and shell included), and one for those after it. Beside them, in
alternation, what cannot be done without: starting `/bin/bash -c true`, bubblewrap with an empty
program, and Python with one, by `subprocess`. Medians, the 95th percentile, and the best, in
milliseconds; each run starts a server of its own.
"""

import argparse
import json
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

CONFIG = """\
name = "boxes"
main = "main.py"
durable_objects.bindings = [{ name = "SANDBOX", class_name = "Sandbox" }]
migrations = [{ tag = "v1", new_sqlite_classes = ["Sandbox"] }]
"""
PROGRAM = """\
from time import perf_counter

from perdure import Response, Sandbox, WorkerEntrypoint, get_sandbox


async def timed(sandbox):
    began = perf_counter()
    result = await sandbox.exec("true")
    assert result.exit_code == 0, result
    return (perf_counter() - began) * 1000


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        _, name, commands = request.url.rsplit("/", 2)
        sandbox = get_sandbox(self.env.SANDBOX, name)
        times = [await timed(sandbox) for _ in range(1 + int(commands))]
        await sandbox.destroy()
        return Response.json(times)
"""
SHELL = ["/bin/bash", "-c", "true"]
WALL = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]
PYTHON = [f"{sys.base_prefix}/bin/python3", "-I", "-S", "-c", "pass"]
RAW = {
    "raw: bash -c true": SHELL,
    "raw: bwrap true": [*WALL, "/bin/true"],
    "raw: bwrap python": [*WALL, *PYTHON],
}
WARM_UP = 3


class Served:
    """A server whose program has sandboxes.

    Attributes:
        url: Where it is.
    """

    def __init__(self, folder: Path, workers: int) -> None:
        (folder / "wrangler.toml").write_text(CONFIG)
        (folder / "main.py").write_text(PROGRAM)
        command = [
            *(sys.executable, "-m", "perdure", "serve", "--port", "0"),
            *("--workers", str(workers), "-c", str(folder / "wrangler.toml")),
        ]
        self.log = folder / "log"
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True
            )
        assert self._process.stdout is not None, "it is a pipe"
        for line in self._process.stdout:
            if found := re.match(r"Ready on (http://\S+)", line):
                self.url = found[1]
                return
        raise RuntimeError(self.log.read_text())

    def times(self, name: str, commands: int) -> list[float]:
        """The first command of a new sandbox, and those after it, in milliseconds."""
        with urllib.request.urlopen(f"{self.url}/{name}/{commands}") as answer:
            told: list[float] = json.load(answer)
        return told

    def stop(self) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.communicate()


def raw_ms(command: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1000


def measure(served: Served, sandboxes: int, commands: int) -> dict[str, list[float]]:
    """Times in milliseconds, by what was measured."""
    found: dict[str, list[float]] = {"first exec": [], 'exec("true")': [], **{n: [] for n in RAW}}
    for number in range(-WARM_UP, sandboxes):
        first, *others = served.times(f"box-{number + WARM_UP}", commands)
        raw = {name: raw_ms(command) for name, command in RAW.items()}
        if number >= 0:
            found["first exec"].append(first)
            found['exec("true")'] += others
            for name, took_ms in raw.items():
                found[name].append(took_ms)
    return found


def summary(times: Sequence[float]) -> dict[str, float]:
    ways: dict[str, Callable[[Sequence[float]], float]] = {
        "p50_ms": statistics.median,
        "p95_ms": lambda times: sorted(times)[int(len(times) * 0.95)],
        "best_ms": min,
    }
    return {name: round(way(times), 2) for name, way in ways.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sandboxes", type=int, default=30)
    parser.add_argument("--commands", type=int, default=20)
    parser.add_argument("--workers", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="perdure-bench-") as root:
        served = Served(Path(root), options.workers)
        try:
            found = measure(served, options.sandboxes, options.commands)
        finally:
            served.stop()
    for what, times in found.items():
        print(json.dumps({"what": what, "count": len(times), **summary(times)}), flush=True)


if __name__ == "__main__":
    main()
