"""WebSockets to a server in a sandbox beside the same server, outside, reached directly.

    python bench/bench_sandbox_sockets.py [--servers websockets,aiohttp,bun] [--rows NAME,NAME]
        [--workers 0] [--repetitions 5] [--seconds 1]

One JSON line for each row and way: ``ratio`` is the median, over repetitions in alternating order,
of messages a second through perdure (``ws_connect``, or a preview URL) divided by those of clients
that are connected to the server itself; 1 would be free of charge. ``cpu_us`` is perdure's
processor time for one message. What is not there is left out.
"""

import argparse
import contextlib
import json
import re
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from run import build_wsload
from servers import Subject, free_port

HERE = Path(__file__).parent
WARM_S = 0.5
# Name, connections, messages that each has under way, bytes of a message.
Row = tuple[str, int, int, int]
ROWS: tuple[Row, ...] = (
    ("1 connection", 1, 1, 32),
    ("64 connections", 64, 1, 32),
    ("64 connections, 4 KiB", 64, 1, 4096),
    ("8 connections, 64 KiB", 8, 1, 65_536),
)
CONFIG = """
name = "sandbox-sockets"
main = "main.py"
compatibility_date = "2026-04-21"
[vars]
COMMAND = {command}
[[durable_objects.bindings]]
name = "Sandbox"
class_name = "Sandbox"
[[migrations]]
tag = "v1"
new_sqlite_classes = ["Sandbox"]
[perdure.sandbox]
mount = {mount}
env = {{ PYTHONPATH = "/opt/packages" }}
"""


def commands(server: str) -> tuple[list[str], str, dict[str, str]] | None:
    """How to start a server here, and in a sandbox with what mounted; None if it is not there."""
    if server == "bun":
        local = HERE.parent / "node_modules/.bin/bun"
        bun = shutil.which("bun") or (str(local) if local.exists() else None)
        if bun is None:
            return None
        mount = {str(Path(bun).resolve()): "/opt/bun", str(HERE / "echo"): "/opt/echo"}
        return [bun, str(HERE / "echo/bun_server.js")], "/opt/bun /opt/echo/bun_server.js", mount
    packages = sysconfig.get_path("purelib")
    if not (Path(packages) / server).exists():
        return None
    mount = {packages: "/opt/packages", str(HERE / "echo"): "/opt/echo"}
    outside = [sys.executable, str(HERE / f"echo/{server}_server.py")]
    return outside, f"python3 /opt/echo/{server}_server.py", mount


def start_inside(folder: Path, command: str, mount: dict[str, str], workers: int) -> Subject:
    """Start perdure with the server in a sandbox."""
    folder.mkdir(parents=True)
    shutil.copy(HERE / "sandbox_app/main.py", folder)
    pairs = ", ".join(f"{json.dumps(here)} = {json.dumps(there)}" for here, there in mount.items())
    text = CONFIG.format(command=json.dumps(command), mount=f"{{ {pairs} }}")
    (folder / "wrangler.toml").write_text(text)
    port = free_port()
    line = [
        sys.executable, "-m", "perdure", "serve", "-c", str(folder / "wrangler.toml"),
        "--port", str(port), "--data", str(folder / "data"), "--workers", str(workers),
    ]  # fmt: skip
    return Subject("perdure", line, folder, port)


@dataclass(frozen=True)
class Way:
    """How a server is reached: what wsload is told, and whose processor time it takes."""

    arguments: list[str]
    subject: Subject


@contextlib.contextmanager
def ways(folder: Path, server: str, workers: int) -> Iterator[dict[str, Way]]:
    """By which ways the same server is reached."""
    found = commands(server)
    if found is None:
        yield {}
        return
    outside, inside, mount = found
    with contextlib.ExitStack() as stack:
        folder.mkdir(parents=True)
        port = free_port()
        direct = Subject("direct", [*outside, str(port)], folder, port)
        stack.callback(direct.stop)
        perdure = start_inside(folder / "perdure", inside, mount, workers)
        stack.callback(perdure.stop)
        with urllib.request.urlopen(f"{perdure.url}/start", timeout=60) as answer:
            host = answer.read().decode().removeprefix("http://")
        yield {
            "direct": Way(["-p", str(direct.port), "-u", "/ws"], direct),
            "ws_connect": Way(["-p", str(perdure.port), "-u", "/ws"], perdure),
            "preview": Way(["-p", str(perdure.port), "-u", "/ws", "-H", host], perdure),
        }


def measure(wsload: str, way: Way, row: Row, seconds: float) -> tuple[float, float]:
    """Messages a second, and processor time of each in microseconds, with that of connecting."""
    _, connections, depth, size = row
    load = ["-c", str(connections), "-d", str(depth), "-s", str(size)]
    command = [wsload, "-m", "echo", *way.arguments, *load, "-w", str(WARM_S), "-t", str(seconds)]
    before = way.subject.cpu_s()
    out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    used = way.subject.cpu_s() - before
    found = re.search(r"msgs_s=([\d.]+)", out)
    if found is None or "errs=0" not in out:
        raise RuntimeError(f"{way}: {out}")
    rate = float(found[1])
    return rate, used / (rate * (seconds + WARM_S)) * 1e6


def compare(
    server: str, row: Row, reached: dict[str, Way], options: argparse.Namespace, wsload: str
) -> Iterator[dict[str, object]]:
    """One row: repetitions in alternating order, after one that does not count."""
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in reached}
    for repetition in range(options.repetitions + 1):
        for name in list(reached)[:: 1 if repetition % 2 else -1]:
            figure = measure(wsload, reached[name], row, options.seconds)
            if repetition:
                figures[name].append(figure)
    direct = figures.pop("direct")
    for name, ours in figures.items():
        ratios = [our[0] / its[0] for our, its in zip(ours, direct, strict=True)]
        yield {
            "server": server,
            "what": f"{row[0]}, {name}",
            "ratio": round(statistics.median(ratios), 2),
            "spread": [round(min(ratios), 2), round(max(ratios), 2)],
            "per_s": round(statistics.median(our[0] for our in ours)),
            "direct_per_s": round(statistics.median(its[0] for its in direct)),
            "cpu_us": round(statistics.median(our[1] for our in ours), 1),
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", default="websockets,aiohttp,bun")
    parser.add_argument("--rows", default="", help="only those with one of these in their name")
    parser.add_argument("--workers", type=int, default=0, help="0: one process with everything")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wsload = build_wsload(Path(folder))
        for server in options.servers.split(","):
            with ways(Path(folder) / server, server, options.workers) as reached:
                for row in ROWS if reached else ():
                    if any(part in row[0] for part in options.rows.split(",")):
                        for found in compare(server, row, reached, options, wsload):
                            print(json.dumps(found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
