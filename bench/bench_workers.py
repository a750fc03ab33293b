"""A server of several processes beside one of one process, and beside workerd.

    python bench/bench_workers.py [--rows NAME,NAME] [--repetitions 3] [--seconds 1]

One JSON line for each row: figures of workerd, of perdure in one process, with one worker and with
two, each the median of repetitions in alternating order; then how often the figure of two workers
is that of each other one, the median of the repetitions. A router and two workers share the machine
with the load generator: on two cores nothing runs undisturbed.
"""

import argparse
import contextlib
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from run import ROWS, Row, Tools, build_wsload, spread
from servers import Missing, Subject, start_perdure, start_workerd

NAMES = {
    "hello",
    "DO fetch, 32 connections",
    "DO fetch, 1 connection",
    "DO RPC",
    "KV get+put, 64 actors",
    "WebSocket echo, 1",
    "WebSocket echo, 64",
    "WebSocket echo, 1000",
    "hibernating echo, 64",
    "seed's broadcast, 100",
    "seed's broadcast, 1000",
    "memory per idle connection",
    "memory per idle hibernating connection",
}
# JavaScript computes so much faster that workerd says nothing about it.
SPIN = Row("2 ms of Python in each of 64 actors", "requests/s", spread("/spin/s", 64))
SHAPES = {"one process": 0, "one worker": 1, "two workers": 2}


@contextlib.contextmanager
def all_of(folder: Path, row: Row) -> Iterator[dict[str, Subject]]:
    """All servers that a row is about, running; stopped at the end."""
    with contextlib.ExitStack() as stack:
        running: dict[str, Subject] = {}
        if row is not SPIN:
            running["workerd"] = start_workerd(folder / "workerd")
            stack.callback(running["workerd"].stop)
        for name, workers in SHAPES.items():
            running[name] = start_perdure(folder / name, workers)
            stack.callback(running[name].stop)
        yield running


def compare(
    row: Row, servers: dict[str, Subject], options: argparse.Namespace, tools: Tools
) -> "dict[str, object]":
    """One row: repetitions in alternating order, after one that does not count."""
    figures: dict[str, list[float]] = {name: [] for name in servers}
    costs: dict[str, list[float]] = {name: [] for name in servers}
    for repetition in range(options.repetitions + 1):
        for name in list(servers)[:: 1 if repetition % 2 else -1]:
            cpu_s = servers[name].cpu_s()
            figure, operations = row.measure(servers[name], options.seconds, tools)
            if repetition or row.less_is_better:
                figures[name].append(figure)
                if operations:
                    costs[name].append((servers[name].cpu_s() - cpu_s) / operations * 1e6)
    found: dict[str, object] = {"what": row.name, "unit": row.unit}
    found |= {name: round(statistics.median(all_), 2) for name, all_ in figures.items()}
    ours = figures["two workers"]
    for other in ("workerd", "one process", "one worker"):
        if other in figures:
            pairs = zip(ours, figures[other], strict=True)
            ratio = statistics.median(one / two if two else 0.0 for one, two in pairs)
            found[f"two workers / {other}"] = round(ratio, 2)
    found["cpu_us"] = {name: round(statistics.median(c), 1) for name, c in costs.items() if c}
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default="", help="only rows with one of these in their name")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1, help="whole ones, for wrk")
    options = parser.parse_args()
    wrk = shutil.which("wrk")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            if wrk is None:
                raise Missing("wrk is not installed (apt-get install wrk)")
            tools = Tools(wrk, build_wsload(folder))
            for number, row in enumerate([*(r for r in ROWS if r.name in NAMES), SPIN]):
                if any(part in row.name for part in options.rows.split(",")):
                    with all_of(folder / str(number), row) as servers:
                        found = compare(row, servers, options, tools)
                    print(json.dumps(found), flush=True)
        except Missing as missing:
            print(f"nothing was compared: {missing}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
