"""Calls between a Worker and an actor, beside calls that reach workerd's actor over HTTP.

    python bench/bench_rpc.py [--repetitions 5] [--calls 6400]

The program itself makes so many calls, 32 at a time, in one process and to an actor in another
worker; workerd makes one for each request, 32 connections at a time, which is what its row
"DO RPC" in RESULTS.md measures. Arguments and results are copied: ``inc()`` has none but a number,
``take`` has a dict with a list of eight dicts, and gives the list back. One JSON line for each row,
with the median of the ratios of repetitions in alternating order.
"""

import argparse
import contextlib
import json
import shutil
import statistics
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from run import Tools, build_wsload, http
from servers import Missing, Subject, start_perdure, start_workerd

NAMES_MAX = 64  # half of all actors are in the other one of two workers
ROWS = {
    "RPC in one process, a number": ("inc", True),
    "RPC in one process, a dict of 8 dicts": ("take", True),
    "RPC across workers, a number": ("inc", False),
    "RPC across workers, a dict of 8 dicts": ("take", False),
}


def calls_s(subject: Subject, method: str, calls: int, *, is_here: bool) -> float:
    """How many calls a second; of an actor that is, or is not, in the caller's process."""
    for name in range(NAMES_MAX):
        url = f"{subject.url}/calls/{name}/{calls}/{method}"
        with urllib.request.urlopen(url, timeout=60) as answer:
            found = json.load(answer)
        if found["is_here"] == is_here:
            return float(found["calls_s"])
    raise RuntimeError("no actor is where it should be")


@contextlib.contextmanager
def servers(folder: Path) -> Iterator[tuple[Subject, dict[bool, Subject]]]:
    """workerd; and perdure in one process (True), and with two workers (False)."""
    with contextlib.ExitStack() as stack:
        peer = start_workerd(folder / "workerd")
        stack.callback(peer.stop)
        ours = {}
        for is_here, workers in ((True, 0), (False, 2)):
            ours[is_here] = start_perdure(folder / f"perdure-{workers}", workers)
            stack.callback(ours[is_here].stop)
        yield peer, ours


def compare(folder: Path, options: argparse.Namespace, tools: Tools) -> Iterator[dict[str, object]]:
    with servers(folder) as (peer, ours):
        for name, (method, is_here) in ROWS.items():
            figures: list[tuple[float, float]] = []
            for repetition in range(options.repetitions + 1):
                theirs = 0.0
                if repetition % 2:
                    theirs, _ = http("/rpc/a")(peer, 1, tools)
                rate = calls_s(ours[is_here], method, options.calls, is_here=is_here)
                if not repetition % 2:
                    theirs, _ = http("/rpc/a")(peer, 1, tools)
                if repetition:
                    figures.append((rate, theirs))
            ratios = [rate / theirs for rate, theirs in figures]
            yield {
                "what": name,
                "unit": "calls/s",
                "ratio": round(statistics.median(ratios), 2),
                "spread": [round(min(ratios), 2), round(max(ratios), 2)],
                "perdure": round(statistics.median(rate for rate, _ in figures)),
                "workerd over HTTP": round(statistics.median(theirs for _, theirs in figures)),
            }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--calls", type=int, default=6400)
    options = parser.parse_args()
    wrk = shutil.which("wrk")
    with tempfile.TemporaryDirectory() as name:
        try:
            if wrk is None:
                raise Missing("wrk is not installed (apt-get install wrk)")
            tools = Tools(wrk, build_wsload(Path(name)))
            for row in compare(Path(name), options, tools):
                print(json.dumps(row), flush=True)
        except Missing as missing:
            print(f"nothing was compared: {missing}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
