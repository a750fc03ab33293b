"""A file system that is really full, and is made larger then.

``PERDURE_FAULTS=all`` fills it in two ways, otherwise in one.
"""

import os
from pathlib import Path

import pytest

from tests.faults.history import History
from tests.faults.loop_disk import LoopDisk
from tests.faults.processes import Writing
from tests.faults.tally import Tally
from tests.faults.writer import Script

pytestmark = [pytest.mark.crash, pytest.mark.slow]

SIZE_MIB, LARGER_MIB = 24, 128
ACTORS = 60
# Of a log that is shortened all the time the files fill the disk, and the log fails with them;
# of one that is hardly shortened the -wal files do, and the log has kept room for itself.
LIVE_SIZES_BYTES_MAX = {"often": 300_000, "hardly": 100_000_000}
WAYS = ["often", "hardly"] if os.environ.get("PERDURE_FAULTS") == "all" else ["often"]
# Beside SQLite's: no new actor is begun on a disk that is almost full.
CODES = {"SQLITE_FULL", "SPACE_LOW"}


def script_for(root: Path, shortened: str) -> Script:
    return Script(
        str(root / "data"),
        actors=ACTORS,
        open_max=ACTORS,
        segment_size_bytes=1_000_000,
        live_size_bytes_max=LIVE_SIZES_BYTES_MAX[shortened],
        checkpoint_frames=256,
    )


def begin_again(history: History, script: Script) -> Writing:
    history.begin()
    return Writing(history.hear, script)


@pytest.mark.parametrize("shortened", WAYS)
def test_what_was_acknowledged_survives_a_full_disk(
    loop_directory: Path, tally: Tally, shortened: str
) -> None:
    history = History()
    heard = history.heard
    with LoopDisk(loop_directory, "disk", SIZE_MIB) as disk:
        script = script_for(disk.mount_point, shortened)
        with begin_again(history, script) as writing:
            code = writing.wait()  # for the log to fail, or for all actors to have given up
        assert heard["broken"] or heard["given-up"] == ACTORS, (code, heard)
        assert {reset.split()[1] for reset in history.said.get("reset", [])} <= CODES
        with begin_again(history, script) as writing:  # while it is full
            writing.hear_until(lambda: heard["ready"] == 2)
        assert heard["ready"] + heard["unusable"] >= 2
        disk.grow(LARGER_MIB)
        before = heard.copy()
        with begin_again(history, script) as writing:
            enough = before["ack"] + 20 * ACTORS
            assert writing.hear_until(lambda: heard["ack"] >= enough)
        assert heard["found"] >= before["found"] + ACTORS
        assert (heard["reset"], heard["broken"]) == (before["reset"], before["broken"])
        history.look(Path(script.root), script)
    tally.add("full file systems")
    tally.add_history(history)
    assert history.is_good, (history.lost, history.problems)
    assert min(history.acknowledged.values()) > 0
