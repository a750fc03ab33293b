"""What it costs to be written for Cloudflare Workers: one program in both styles, side by side.

    python bench/bench_style.py [--rows NAME,NAME] [--repetitions 5] [--seconds 1]

Both run on perdure in one process; one JSON line for each row, with the median of the ratios of
repetitions in alternating order: 0.9 means that the Workers style does nine where the native one
does ten. ``cpu`` is the same of processor time, native over Workers style, which neighbours of the
machine disturb less.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from run import ROWS, Row, Tools, build_wsload
from servers import Missing, Subject, start_perdure

NAMES = (
    "hello",
    "DO fetch, 32 connections",
    "DO RPC",
    "KV get+put",
    "WebSocket echo, 64",
    "hibernating echo, 64",
)


def compare(row: Row, folder: Path, options: argparse.Namespace, tools: Tools) -> dict[str, object]:
    servers: dict[str, Subject] = {}
    figures: dict[str, list[float]] = {"native": [], "workers": []}
    costs: dict[str, list[float]] = {"native": [], "workers": []}
    try:
        servers["native"] = start_perdure(folder / "native")
        servers["workers"] = start_perdure(folder / "workers", app="workers_app")
        for repetition in range(options.repetitions + 1):
            for name in list(servers)[:: 1 if repetition % 2 else -1]:
                cpu_s = servers[name].cpu_s()
                figure, operations = row.measure(servers[name], options.seconds, tools)
                if repetition:
                    figures[name].append(figure)
                    costs[name].append((servers[name].cpu_s() - cpu_s) / operations * 1e6)
    finally:
        for server in servers.values():
            server.stop()
    ratios = [ours / native for native, ours in zip(*figures.values(), strict=True)]
    cheaper = [native / ours for native, ours in zip(*costs.values(), strict=True)]
    found: dict[str, object] = {"what": row.name, "unit": row.unit}
    found["ratio"] = round(statistics.median(ratios), 2)
    found["spread"] = [round(min(ratios), 2), round(max(ratios), 2)]
    found["cpu"] = round(statistics.median(cheaper), 2)
    found["cpu_us"] = {name: round(statistics.median(all_), 1) for name, all_ in costs.items()}
    return found | {name: round(statistics.median(all_)) for name, all_ in figures.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default="", help="only rows with one of these in their name")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1, help="whole ones, for wrk")
    options = parser.parse_args()
    wrk = shutil.which("wrk")
    with tempfile.TemporaryDirectory() as name:
        try:
            if wrk is None:
                raise Missing("wrk is not installed (apt-get install wrk)")
            tools = Tools(wrk, build_wsload(Path(name)))
        except Missing as missing:
            print(f"nothing was compared: {missing}", file=sys.stderr)
            return 0
        for number, row in enumerate(row for row in ROWS if row.name in NAMES):
            if any(part in row.name for part in options.rows.split(",")):
                found = compare(row, Path(name) / str(number), options, tools)
                print(json.dumps(found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
