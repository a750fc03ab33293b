"""What metrics, events and traces cost, in a server's processor time for each echoed message.

    python bench/bench_metrics.py [--pairs 10] [--slices 8] [--seconds 0.4] [--connections 64]
        [--ratio 0.01]

Three servers, new processes for each round, which take turns at short slices of load, so that what
the machine's neighbours do meets them alike; the order is turned round every time:

  without   perdure without a statement of theirs (bench/unwatched.py)
  metrics   perdure as it is, for it always counts; no reader and no exporter
  traces    the same with an exporter that samples 1 % of the messages (needs perdure[otel])

Prints for each round the microseconds a message took, and at the end the medians and the median
of the rounds' ratios to ``without``. Processor time is that of all threads of the server, by the
kernel's scheduler, in nanoseconds. The figures move with the machine's neighbours; the ratios of a
round less so. The budget is 1.05 for metrics and 1.10 for traces.
"""

import argparse
import contextlib
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from run import build_wsload
from servers import free_port

HERE = Path(__file__).parent
START_TIMEOUT_S = 30.0
WARM_UP_S = 0.5
NAMES = ["without", "metrics", "traces"]


class Collector(BaseHTTPRequestHandler):
    """Takes spans and forgets them."""

    taken_bytes = 0

    def do_POST(self) -> None:
        Collector.taken_bytes += len(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Nobody wants to know."""


class Server:
    """One of the three, running."""

    def __init__(self, name: str, folder: Path, environment: Mapping[str, str]) -> None:
        self.port = free_port()
        program = [str(HERE / "unwatched.py")] if name == "without" else ["-m", "perdure"]
        command = [
            sys.executable, *program, "serve", "-c", str(HERE / "app/wrangler.toml"),
            "--workers", "0", "--port", str(self.port), "--data", str(folder / name),
        ]  # fmt: skip
        with (folder / f"{name}.log").open("w") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, env={**os.environ, **environment}
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/plain", timeout=5).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise RuntimeError((folder / f"{name}.log").read_text()) from None
                time.sleep(0.01)

    def cpu_ns(self) -> int:
        """What all its threads have used so far."""
        tasks = Path(f"/proc/{self._process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks)

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)


def echo(wsload: str, port: int, seconds: float, connections: int) -> float:
    """Have messages echoed for so long; return how many were."""
    command = [
        wsload, "-m", "echo", "-p", str(port), "-u", "/ws/e", "-s", "32", "-c", str(connections),
        "-t", str(seconds), "-w", "0",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    found = re.search(r"msgs_s=([\d.]+)", done.stdout)
    if found is None or "errs=0" not in done.stdout:
        raise RuntimeError(f"{done.stdout} {done.stderr}")
    return float(found[1]) * seconds


def measure(
    wsload: str, options: argparse.Namespace, traced: Mapping[str, str]
) -> dict[str, float]:
    """Return microseconds of processor time for each message, of each server.

    Args:
        wsload: The load generator.
        options: Of the command.
        traced: The environment of the server that exports.
    """
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as cleanup:
        servers: dict[str, Server] = {}
        for name in NAMES:
            environment = traced if name == "traces" else {}
            servers[name] = Server(name, Path(folder), environment)
            cleanup.callback(servers[name].stop)
            echo(wsload, servers[name].port, WARM_UP_S, options.connections)
        before = {name: server.cpu_ns() for name, server in servers.items()}
        counts = dict.fromkeys(NAMES, 0.0)
        for number in range(options.slices):
            for name in NAMES if number % 2 else NAMES[::-1]:
                counts[name] += echo(
                    wsload, servers[name].port, options.seconds, options.connections
                )
        return {
            name: (server.cpu_ns() - before[name]) / counts[name] / 1000
            for name, server in servers.items()
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--slices", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=0.4)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--ratio", type=float, default=0.01)
    options = parser.parse_args()
    collector = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    traced = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": str(options.ratio),
    }
    rounds: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        wsload = build_wsload(Path(folder))
        for _ in range(options.pairs):
            found = measure(wsload, options, traced)
            rounds.append(found)
            print(json.dumps({name: round(found[name], 2) for name in NAMES}), flush=True)
    collector.shutdown()
    if not Collector.taken_bytes:
        raise RuntimeError("no span has arrived: is perdure[otel] installed?")
    medians = {f"{name}_us": statistics.median(it[name] for it in rounds) for name in NAMES}
    ratios = {
        f"{name}_ratio": statistics.median(it[name] / it["without"] for it in rounds)
        for name in NAMES[1:]
    }
    print(json.dumps({key: round(value, 3) for key, value in {**medians, **ratios}.items()}))


if __name__ == "__main__":
    main()
