"""Power cuts: what a loop device holds, copied while its writer stands still, is all there is.

``PERDURE_CUTS`` says how many cuts, ``PERDURE_CRASH_SEED`` repeats a run's choices. That this
would notice a loss is shown with engines that are broken on purpose.
"""

import logging
import os
import random
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.history import History
from tests.faults.loop_disk import LoopDisk
from tests.faults.processes import Writing
from tests.faults.strace import Fault, needs_strace
from tests.faults.tally import Tally
from tests.faults.writer import BROKEN, Script

log = logging.getLogger(__name__)
pytestmark = [pytest.mark.crash, pytest.mark.slow]

CUTS = int(os.environ.get("PERDURE_CUTS", "4"))
SEED = int(os.environ.get("PERDURE_CRASH_SEED", random.randrange(2**32)))
CUTS_PER_LIFE = 4  # then the disk goes on as the last of them has left it
ACKNOWLEDGED_MAX = 300
ACTORS = 40
SIZE_MIB = 64
BROKEN_CUTS = 3


def script_for(disk: LoopDisk) -> Script:
    return Script(str(disk.mount_point / "data"), actors=ACTORS)


def cut(
    disk: LoopDisk, writing: Writing, history: History, moments: random.Random, script: Script
) -> History:
    """Let the writer go on for a while, then look at what a power cut now would leave."""
    enough = history.heard["ack"] + moments.randint(1, ACKNOWLEDGED_MAX)
    assert writing.hear_until(lambda: history.heard["ack"] >= enough), "the writer died by itself"
    writing.stop()
    with disk.after_power_loss() as root:
        found = history.look_at_copy(root / "data", replace(script, defect=""))
    writing.go_on()
    return found


@pytest.mark.timeout(60 + 5 * CUTS)
def test_what_was_acknowledged_survives_power_cuts(loop_directory: Path, tally: Tally) -> None:
    log.warning("PERDURE_CRASH_SEED=%s", SEED)  # shown when the test fails
    moments, history = random.Random(SEED), History()
    with LoopDisk(loop_directory, "disk", SIZE_MIB) as disk:
        script = script_for(disk)
        for _ in range(max(1, CUTS // CUTS_PER_LIFE)):
            history.begin()
            with Writing(history.hear, script) as writing:
                for _ in range(CUTS_PER_LIFE - 1):
                    found = cut(disk, writing, history, moments, script)
                    assert found.is_good, (found.lost, found.problems)
            disk.lose_power()
            assert history.is_good, (history.lost, history.problems)
            tally.add("power cuts", CUTS_PER_LIFE)
        history.look(Path(script.root), script)
    tally.add_history(history)
    assert history.is_good, (history.lost, history.problems)


@pytest.mark.parametrize("defect", ["no-fdatasync", "no-syncfs"])
def test_a_broken_engine_is_found_out(loop_directory: Path, tally: Tally, defect: str) -> None:
    """The same cuts, and an engine that leaves out one kind of sync."""
    log.warning("PERDURE_CRASH_SEED=%s", SEED)  # shown when the test fails
    moments, history = random.Random(SEED), History()
    with LoopDisk(loop_directory, "disk", SIZE_MIB) as disk:
        script = replace(script_for(disk), defect=defect)
        with Writing(history.hear, script) as writing:
            # Before it has shortened its log an engine that syncs no files has lost nothing.
            assert writing.hear_until(lambda: history.heard["checkpoint"] >= 2)
            # A cut just after the whole file system was synced would find nothing missing.
            found = [cut(disk, writing, history, moments, script) for _ in range(BROKEN_CUTS)]
    losses = [(one.lost, one.problems) for one in found]
    log.warning("%s: lost turns and problems: %s", defect, losses)
    assert not all(one.is_good for one in found), "nothing was lost"
    tally.add("power cuts under engines broken on purpose, the loss noticed")


@needs_strace
@pytest.mark.parametrize("defect", ["", "no-syncfs-in-recovery"])
def test_what_a_recovery_has_found_survives_a_power_cut(
    loop_directory: Path, tally: Tally, defect: str
) -> None:
    """After an error the memory may hold what the disk does not; who reads it must write it."""
    history, before = History(), History()
    with LoopDisk(loop_directory, "disk", SIZE_MIB) as disk:
        # Neither a checkpoint nor a segment that is full comes between: they sync more than theirs.
        script = replace(script_for(disk), live_size_bytes_max=10**9, segment_size_bytes=16 * 2**20)
        wrapper = Fault("log", "fdatasync", "EIO", "30").wrapper(
            Path(script.root), loop_directory / "trace"
        )
        with Writing(history.hear, script, wrapper=wrapper) as writing:
            assert writing.wait() == BROKEN
        with disk.after_power_loss() as root:
            before.look(root / "data", script)
        history.begin()
        with Writing(history.hear, replace(script, defect=defect)) as writing:
            assert writing.hear_until(lambda: history.heard["ready"] == 2)
        assert sum(history.acknowledged.values()) > sum(before.acknowledged.values())
        disk.lose_power()
        history.look(Path(script.root), script)
    if defect:
        assert not history.is_good, "nothing was lost"
        tally.add("power cuts under engines broken on purpose, the loss noticed")
        return
    tally.add("injected errors")
    tally.add("power cuts", 2)
    tally.add_history(history)
    assert history.is_good, (history.lost, history.problems)
