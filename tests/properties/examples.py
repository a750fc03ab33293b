"""How many examples the slow properties try, and where.

Few in `make test`, twice as many in .ci/run, many in its step ``crash``; in memory if there is a
file system of that kind: SQLite's syncs cost nothing there.
"""

import os
import tempfile
from pathlib import Path

from hypothesis import settings


def examples(count: int, steps: int = 50) -> settings:
    """Settings of a state machine: ``count`` runs in CI, or as many times that as it asks for.

    Elsewhere it is half of them.

    PERDURE_PROPERTY_FACTOR is set by .ci/run; hypothesis' own profiles could only set one number
    for all properties, whatever each of them costs.
    """
    usual = "1" if "CI" in os.environ else "0.5"
    factor = float(os.environ.get("PERDURE_PROPERTY_FACTOR", usual))
    return settings(
        max_examples=max(1, int(count * factor)), stateful_step_count=steps, deadline=None
    )


def scratch() -> tempfile.TemporaryDirectory[str]:
    """Return a directory that goes away."""
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
