"""What perdure costs for a message, beside the bare stack: the same Python, loop and machine.

    python bench/bench_sockets.py [--repetitions 5] [--seconds 1] [--rows NAME,NAME]

One JSON line for each row. ``cpu`` is the median, over repetitions in alternating order, of
perdure's processor time for a message divided by that of ``peer/bare.py``; 1 would be free of
charge.
"""

import argparse
import contextlib
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from run import build_wsload
from servers import Subject, free_port, start_perdure

HERE = Path(__file__).parent
WARM_S = 1.3  # until all are connected and the load has settled
# Name, wsload's mode, its key, its options, the paths at perdure and at the bare server.
ROWS = (
    ("echo, 1", "echo", "msgs_s", "-c 1", "/ws/e", "/ws/e"),
    ("echo, 64", "echo", "msgs_s", "-c 64", "/ws/%d", "/ws/%d"),
    ("echo, 1000", "echo", "msgs_s", "-c 1000", "/ws/%d", "/ws/%d"),
    ("hibernating echo, 64", "echo", "msgs_s", "-c 64", "/hib/%d", "/ws/%d"),
    ("room of 100", "bcast", "deliveries_s", "-c 100 -k 1 -W 4 -f 1", "/room/r", "/room/r"),
    ("room of 1000", "bcast", "deliveries_s", "-c 1000 -k 1 -W 4 -f 1", "/room/s", "/room/s"),
)


def start_bare(folder: Path) -> Subject:
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    return Subject("bare", [sys.executable, str(HERE / "peer/bare.py"), str(port)], folder, port)


@contextlib.contextmanager
def both(folder: Path) -> Iterator[tuple[Subject, Subject]]:
    with contextlib.ExitStack() as stack:
        perdure = start_perdure(folder / "perdure")
        stack.callback(perdure.stop)
        bare = start_bare(folder / "bare")
        stack.callback(bare.stop)
        yield perdure, bare


def cost_us(subject: Subject, command: list[str], key: str, seconds: float) -> tuple[float, float]:
    """Messages a second, and processor time for each in microseconds.

    Connecting costs more than a message: the processor's time is taken when all are connected
    and the load has run for a while.
    """
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as load:
        time.sleep(WARM_S)
        before, began = subject.cpu_s(), time.perf_counter()
        time.sleep(seconds)
        used, took_s = subject.cpu_s() - before, time.perf_counter() - began
        out, _ = load.communicate(timeout=60)
    found = re.search(rf"{key}=([\d.]+)", out)
    if found is None or "errs=0" not in out:
        raise RuntimeError(f"{subject.name}: {out}")
    rate = float(found[1])
    return rate, used / (rate * took_s) * 1e6


def compare(
    row: tuple[str, ...], options: argparse.Namespace, folder: Path, wsload: str
) -> dict[str, object]:
    """One row: repetitions in alternating order, after one that does not count."""
    name, mode, key, load, *paths = row
    figures: dict[str, list[tuple[float, float]]] = {"perdure": [], "bare": []}
    with both(folder) as subjects:
        for repetition in range(options.repetitions + 1):
            turn = list(zip(subjects, paths, strict=True))
            for subject, path in turn if repetition % 2 else turn[::-1]:
                command = [
                    wsload, "-m", mode, "-p", str(subject.port), "-u", path, "-s", "32",
                    "-w", "1", "-t", str(options.seconds + WARM_S), *load.split(),
                ]  # fmt: skip
                figure = cost_us(subject, command, key, options.seconds)
                if repetition:
                    figures[subject.name].append(figure)
    ours, bare = figures["perdure"], figures["bare"]
    pairs = list(zip(ours, bare, strict=True))
    return {
        "what": name,
        "cpu": round(statistics.median(p[1] / b[1] for p, b in pairs), 2),
        "rate": round(statistics.median(p[0] / b[0] for p, b in pairs), 2),
        "perdure_us": round(statistics.median(p[1] for p in ours), 1),
        "bare_us": round(statistics.median(b[1] for b in bare), 1),
        "perdure_per_s": round(statistics.median(p[0] for p in ours)),
        "bare_per_s": round(statistics.median(b[0] for b in bare)),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--rows", default="", help="only those with one of these in their name")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wsload = build_wsload(Path(folder))
        for number, row in enumerate(ROWS):
            if any(part in row[0] for part in options.rows.split(",")):
                found = compare(row, options, Path(folder) / str(number), wsload)
                print(json.dumps(found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
