"""perdure beside workerd: every row in alternation, in one run, quoted as a ratio.

    python bench/run.py [--rows NAME,NAME] [--repetitions 5] [--seconds 1] [--report FILE]

Prints one JSON line for each row: medians, the median of the ratios of each repetition (more
than 1: perdure is ahead), and processor time per operation. Absolute figures move with the
machine's neighbours; only the ratios mean anything.
"""

import argparse
import json
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from report import write_report
from servers import STARTERS, Missing, Subject, both, find_workerd, free_port

HERE = Path(__file__).parent
COLD_ACTORS = 300


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        name: As in RESULTS.md.
        unit: Of the figures.
        measure: (server, seconds, tools) -> (figure, operations); operations 0 when the
            processor time is of no interest.
        less_is_better: The ratio is turned round.
    """

    name: str
    unit: str
    measure: Callable[[Subject, float, "Tools"], tuple[float, float]]
    less_is_better: bool = False


@dataclass(frozen=True)
class Tools:
    wrk: str
    wsload: str


def http(path: str, connections: int = 32) -> Callable[[Subject, float, Tools], Any]:
    def measure(subject: Subject, seconds: float, tools: Tools) -> tuple[float, float]:
        return _wrk(subject, tools, seconds, connections, subject.url + path)

    return measure


def spread(path: str, actors: int) -> Callable[[Subject, float, Tools], Any]:
    """As ``http``, each request to the next of so many actors; 0: each to a new one."""

    def measure(subject: Subject, seconds: float, tools: Tools) -> tuple[float, float]:
        name = path if actors else f"{path}-{time.time_ns()}"
        return _wrk(subject, tools, seconds, 32, subject.url, name, actors)

    return measure


def _wrk(
    subject: Subject, tools: Tools, seconds: float, connections: int, url: str, *spread: object
) -> tuple[float, float]:
    script = ["-s", HERE / "spread.lua"] if spread else []
    command = [
        tools.wrk, "-t1", f"-c{connections}", f"-d{round(seconds)}s", "--timeout", "10s", *script,
        url, *(["--", *map(str, spread)] if spread else []),
    ]  # fmt: skip
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out:
        raise RuntimeError(f"{subject.name} {url} {spread}: {out}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])  # type: ignore[index]  # wrk always prints it
    requests = float(re.search(r"(\d+) requests in", out)[1])  # type: ignore[index]  # as above
    return rate, requests


def sockets(mode: str, path: str, key: str, options: str) -> Callable[[Subject, float, Tools], Any]:
    def measure(subject: Subject, seconds: float, tools: Tools) -> tuple[float, float]:
        command = [
            tools.wsload, "-m", mode, "-p", str(subject.port), "-u", path, "-s", "32",
            "-t", str(seconds), *options.split(),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        found = re.search(rf"{key}=([\d.]+)", done.stdout)
        if found is None or "errs=0" not in done.stdout:
            raise RuntimeError(f"{subject.name} {path}: {done.stdout} {done.stderr}")
        rate = float(found[1])
        return rate, rate * seconds

    return measure


def idle_memory(
    path: str, connections: int, settle_s: float = 0
) -> Callable[[Subject, float, Tools], Any]:
    """What a connection takes, so long after the last one has come."""

    def measure(subject: Subject, seconds: float, tools: Tools) -> tuple[float, float]:
        before = subject.memory_kib()
        command = [
            tools.wsload, "-m", "idle", "-p", str(subject.port), "-u", path,
            "-c", str(connections), "-t", str(settle_s + 2),
        ]  # fmt: skip
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as load:
            assert load.stdout is not None, "it is a pipe"
            line = load.stdout.readline()
            if "READY" not in line:
                raise RuntimeError(f"{subject.name}: {line}")
            time.sleep(settle_s)
            after = subject.memory_kib()
        return (after - before) / connections, 0

    return measure


def actor_memory(path: str) -> Callable[[Subject, float, Tools], Any]:
    def measure(subject: Subject, seconds: float, tools: Tools) -> tuple[float, float]:
        before = subject.memory_kib()
        mark = time.time_ns()
        for number in range(COLD_ACTORS):
            url = f"{subject.url}/{path}/{mark}-{number}"
            with urllib.request.urlopen(url, timeout=10) as answer:
                answer.read()
        return (subject.memory_kib() - before) / COLD_ACTORS, 0

    return measure


ROWS = [
    Row("hello", "requests/s", http("/plain")),
    Row("DO fetch, 32 connections", "requests/s", http("/http/a")),
    Row("DO fetch, 1 connection", "requests/s", http("/http/a", 1)),
    Row("DO RPC", "requests/s", http("/rpc/a")),
    Row("KV get+put", "requests/s", http("/kv/a")),
    Row("KV get+put, 1 connection", "requests/s", http("/kv/a", 1)),
    Row("KV get+put, 64 actors", "requests/s", spread("/kv/s", 64)),
    Row("first durable write of a new actor", "actors/s", spread("/kv/new", 0)),
    Row("SQL insert", "requests/s", http("/sql/a")),
    Row("SQL insert, 64 actors", "requests/s", spread("/sql/s", 64)),
    Row("SQL select by key", "requests/s", http("/sqlread/a")),
    Row("WebSocket echo, 1", "messages/s", sockets("echo", "/ws/e", "msgs_s", "-c 1")),
    Row("WebSocket echo, 64", "messages/s", sockets("echo", "/ws/e", "msgs_s", "-c 64")),
    Row("WebSocket echo, 1000", "messages/s", sockets("echo", "/ws/e", "msgs_s", "-c 1000 -w 1")),
    Row(
        "seed's broadcast, 100",
        "frames/s",
        sockets("bcast", "/docs/d", "deliveries_s", "-c 100 -k 1 -W 4 -f 2"),
    ),
    Row(
        "seed's broadcast, 1000",
        "frames/s",
        sockets("bcast", "/docs/e", "deliveries_s", "-c 1000 -k 1 -W 2 -f 2 -w 1"),
    ),
    Row("hibernating echo, 64", "messages/s", sockets("echo", "/hib/e", "msgs_s", "-c 64")),
    Row(
        "WebSocket upgrades, 32 at a time",
        "upgrades/s",
        sockets("conn", "/ws/u", "per_s", "-c 32"),
    ),
    Row("memory per idle connection", "KiB", idle_memory("/ws/idle", 1000), less_is_better=True),
    Row(
        "memory per idle hibernating connection",
        "KiB",
        idle_memory("/hib/idle", 1000, settle_s=12),  # both let go of an idle actor after 10 s
        less_is_better=True,
    ),
    Row("memory per actor", "KiB", actor_memory("http"), less_is_better=True),
    Row("memory per actor with storage", "KiB", actor_memory("kv"), less_is_better=True),
]


def build_wsload(folder: Path) -> str:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise Missing("a C compiler is not installed")
    program = folder / "wsload"
    subprocess.run([compiler, "-O2", "-o", program, HERE / "wsload.c", "-lm"], check=True)
    return str(program)


def compare(row: Row, servers: dict[str, Subject], options: Any, tools: Tools) -> dict[str, Any]:
    """One row: repetitions in alternating order, after one that does not count."""
    figures: dict[str, list[float]] = {name: [] for name in servers}
    costs: dict[str, list[float]] = {name: [] for name in servers}
    repetitions = 2 if row.less_is_better else options.repetitions + 1
    for repetition in range(repetitions):
        names = list(servers) if repetition % 2 else list(servers)[::-1]
        for name in names:
            cpu = servers[name].cpu_s()
            figure, operations = row.measure(servers[name], options.seconds, tools)
            if repetition or row.less_is_better:
                figures[name].append(figure)
                if operations:
                    costs[name].append((servers[name].cpu_s() - cpu) / operations * 1e6)
    return summary(row.name, row.unit, figures, costs, less_is_better=row.less_is_better)


def summary(
    name: str,
    unit: str,
    figures: dict[str, list[float]],
    costs: dict[str, list[float]],
    *,
    less_is_better: bool,
) -> dict[str, Any]:
    pairs = zip(figures["perdure"], figures["workerd"], strict=True)
    ratios = [
        (theirs / ours if less_is_better else ours / theirs) if ours > 0 and theirs > 0 else 0.0
        for ours, theirs in pairs
    ]
    return {
        "what": name,
        "unit": unit,
        "ratio": round(statistics.median(ratios), 2),
        "spread": [round(min(ratios), 2), round(max(ratios), 2)],
        "perdure": round(statistics.median(figures["perdure"]), 2),
        "workerd": round(statistics.median(figures["workerd"]), 2),
        "cpu_us": {n: round(statistics.median(c), 1) for n, c in costs.items() if c},
    }


def start_up(folder: Path, repetitions: int) -> dict[str, Any]:
    """Seconds from spawn to the first answer."""
    figures: dict[str, list[float]] = {name: [] for name in STARTERS}
    for repetition in range(repetitions + 1):
        for name, start in STARTERS.items():
            subject = start(folder / f"start-{name}-{repetition}")
            if repetition:
                figures[name].append(subject.start_s * 1000)
            subject.stop()
    return summary("start-up to the first answer", "ms", figures, {}, less_is_better=True)


def conditions() -> dict[str, str]:
    commit = subprocess.run(
        ["git", "-C", HERE.parent, "rev-parse", "--short", "HEAD"],
        capture_output=True, text=True, check=False,
    ).stdout.strip()  # fmt: skip
    version = subprocess.run(
        [find_workerd(), "--version"], capture_output=True, text=True, check=True
    )
    return {
        "commit": commit,
        "python": platform.python_version(),
        "peer": version.stdout.strip(),
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "day": time.strftime("%Y-%m-%d"),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", help="only rows with one of these in their name (a,b)")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1, help="whole ones, for wrk")
    parser.add_argument("--report", type=Path, help="write the table there, as Markdown")
    options = parser.parse_args()
    wanted = options.rows.split(",") if options.rows else [""]
    wrk = shutil.which("wrk")
    results = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            if wrk is None:
                raise Missing("wrk is not installed (apt-get install wrk)")
            find_workerd()
            tools = Tools(wrk, build_wsload(folder))
        except Missing as missing:
            print(f"nothing was compared: {missing}", file=sys.stderr)
            return 0
        for row in ROWS:
            if any(part in row.name for part in wanted):
                with both(folder / str(free_port())) as servers:
                    results.append(compare(row, servers, options, tools))
                print(json.dumps(results[-1]), flush=True)
        if any(part in "start-up" for part in wanted):
            results.append(start_up(folder, options.repetitions))
            print(json.dumps(results[-1]), flush=True)
    if options.report:
        write_report(options.report, results, conditions(), options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
