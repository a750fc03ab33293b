"""The results of a run as a page of Markdown."""

from pathlib import Path
from typing import Any

_HEAD = """# perdure beside workerd

Written by `python bench/run.py --report bench/RESULTS.md`. Both servers run the same program
(`bench/app/main.py`, `bench/peer/worker.js`) on the same machine; each row is measured in
alternation, {repetitions} times {seconds:g} s for each, the order turned round every time, after
one round that does not count. **ratio** is the median of the ratios of the single rounds, more
than 1 meaning that perdure is ahead; in brackets the smallest and the largest. The figures move
with the machine's neighbours and are for orientation only. CPU is the server's processor time
for one operation. Both answer a write when it is on the disk: workerd syncs for each one,
perdure for all that have come in meanwhile.

Conditions: {day}, commit {commit}, CPython {python}, {peer}, {system}, 2 cores shared with the
load generator (wrk, bench/wsload.c), all on the loopback interface.

| what | ratio | perdure | workerd | unit | CPU us: perdure / workerd |
|---|---|---|---|---|---|
"""


def write_report(
    path: Path, results: list[dict[str, Any]], conditions: dict[str, str], options: Any
) -> None:
    head = _HEAD.format(repetitions=options.repetitions, seconds=options.seconds, **conditions)
    path.write_text(head + "".join(_line(result) for result in results))


def _line(result: dict[str, Any]) -> str:
    low, high = result["spread"]
    costs = result["cpu_us"]
    cost = f"{costs['perdure']} / {costs['workerd']}" if costs else ""
    return (
        f"| {result['what']} | **{result['ratio']}** ({low} to {high}) | {result['perdure']:,} "
        f"| {result['workerd']:,} | {result['unit']} | {cost} |\n"
    )
