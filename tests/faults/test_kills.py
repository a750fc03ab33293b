"""``kill -9`` of writers, and of the recoveries after it, round after round on one directory.

``PERDURE_KILLS`` says how many rounds each time, ``PERDURE_CRASH_SEED`` repeats a run's choices.
"""

import logging
import os
import random
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.history import History
from tests.faults.processes import Writing
from tests.faults.tally import Tally
from tests.faults.writer import Script

log = logging.getLogger(__name__)
pytestmark = [pytest.mark.crash, pytest.mark.slow]

ROUNDS = int(os.environ.get("PERDURE_KILLS", "5"))
SEED = int(os.environ.get("PERDURE_CRASH_SEED", random.randrange(2**32)))
ACKNOWLEDGED_MAX = 400
# How often a recovery of so small a log calls each of these, about.
CALLS_OF_RECOVERY = {
    "pwritev": 40,
    "pwrite": 15,
    "ftruncate": 3,
    "fsync": 3,
    "replace": 1,
    "fdatasync": 2,
}


def kill_recoveries(script: Script, history: History, moments: random.Random) -> int:
    """Kill up to three recoveries, one after the other; return how many were killed."""
    killed = 0
    for _ in range(moments.randrange(4)):
        name, often = moments.choice(list(CALLS_OF_RECOVERY.items()))
        at = moments.randint(1, often)
        dying = replace(script, killed_in=name, killed_at=at)
        with Writing(history.hear, dying) as writing:
            before = history.heard["ready"]
            # Without as many calls it gets as far as to write, and is killed while it does.
            writing.hear_until(lambda before=before: history.heard["ready"] > before)  # type: ignore[misc]  # mypy has no type for a default
            killed += history.heard["ready"] == before
    return killed


@pytest.mark.timeout(60 + 2 * ROUNDS)
@pytest.mark.parametrize("slots", [1, 3])
def test_what_was_acknowledged_survives_kill_nine(tmp_path: Path, tally: Tally, slots: int) -> None:
    """Of one log, and of three between which actors move."""
    log.warning("PERDURE_CRASH_SEED=%s", SEED)  # shown when the test fails
    moments, history = random.Random(SEED), History()
    script = Script(str(tmp_path / "data"), slots=slots)
    for _ in range(ROUNDS):
        history.begin()
        with Writing(history.hear, script) as writing:
            enough = history.heard["ack"] + moments.randint(1, ACKNOWLEDGED_MAX)
            assert writing.hear_until(lambda enough=enough: history.heard["ack"] >= enough)  # type: ignore[misc]  # as above
        tally.add("kill -9 of a writer")
        tally.add("kill -9 of a recovery", kill_recoveries(script, history, moments))
        assert history.is_good, (history.lost, history.problems)
    history.look(tmp_path / "data", script)
    tally.add_history(history)
    assert history.is_good, (history.lost, history.problems)
    assert history.checked > ROUNDS
    assert bool(history.heard["moved"]) == (slots > 1)
    assert not history.heard["stays"]
