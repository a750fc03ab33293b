"""Fail when the tests reach less than 95 % of the branches, or lines, of actors/ or storage/.

Reads the data of the last run of the tests with coverage.
"""

import json
import subprocess
import sys

PERCENT_MIN = 95.0
FOLDERS = ("actors", "storage")


def main() -> None:
    run = [sys.executable, "-m", "coverage", "json", "--quiet", "-o", "-"]
    files = json.loads(subprocess.run(run, capture_output=True, check=True).stdout)["files"]
    is_enough = True
    for folder in FOLDERS:
        found = [data["summary"] for name, data in files.items() if name.startswith(f"{folder}/")]
        for what, done, all_of in (
            ("branches", "covered_branches", "num_branches"),
            ("lines", "covered_lines", "num_statements"),
        ):
            total = sum(summary[all_of] for summary in found)
            percent = 100 * sum(summary[done] for summary in found) / total if total else 0.0
            is_enough &= percent >= PERCENT_MIN
            print(f"{folder}/: {percent:.1f} % of {total} {what} (at least {PERCENT_MIN:.0f} %)")
    if not is_enough:
        sys.exit("Too little is tested; `make coverage` shows what is missing.")


if __name__ == "__main__":
    main()
