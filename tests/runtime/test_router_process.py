"""A router process by itself; what it does for its supervisor is in test_supervised.py."""

import subprocess
import sys


def test_it_is_started_by_a_supervisor_only() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "perdure.runtime.router_process"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "supervisor" in done.stderr
