"""Directories that were damaged from outside: refused with words, or the torn end cut off.

Each damage is done to a copy of one directory, left behind by writers that were killed.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from perdure.storage.errors import LogCorrupt
from perdure.storage.log_directory import LogDirectory
from perdure.storage.logformat import RECORDS_START, Record, decode_record
from perdure.storage.segments import FoundSegment, find_segments
from tests.faults.history import History, look_into
from tests.faults.processes import Writing
from tests.faults.served import CONFIG
from tests.faults.tally import Tally
from tests.faults.writer import Script

pytestmark = [pytest.mark.crash, pytest.mark.slow]

ALL = os.environ.get("PERDURE_FAULTS") == "all"
TURNS = 600


@dataclass(frozen=True)
class Written:
    """A directory that a killed writer left behind, and what it had acknowledged."""

    root: Path
    script: Script
    history: History

    def copy(self, target: Path) -> Path:
        shutil.copytree(self.root, target)
        return target


def segments(root: Path) -> list[FoundSegment]:
    """The segments that recovery will read, in their order."""
    log = LogDirectory.open(root / "log" / "0")
    first = log.read_checkpoint().segment
    log.close()
    found = find_segments(root / "log" / "0")
    return [one for one in found if one.header is not None and one.header.number >= first]


def records(segment: FoundSegment) -> list[tuple[int, Record]]:
    """The records of a segment, each with its place."""
    assert segment.header is not None
    data, at, found = memoryview(segment.path.read_bytes()), RECORDS_START, []
    while (record := decode_record(data, at, segment.header.salt)) is not None:
        found.append((at, record))
        at += record.size
    return found


def proven(segment: FoundSegment) -> list[int]:
    """Where the records lie of which a later one of the segment knows that they were durable."""
    found = records(segment)
    known = max((record.durable_lsn for _, record in found), default=0)
    return [at for at, record in found if record.lsn <= known]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    root = tmp_path_factory.mktemp("written") / "data"
    # The log is not shortened, so that several of its segments count. Nor does a file get anything
    # before recovery: of a file that had the last record already, a log that lost this record
    # would put back some blocks and not others.
    script = Script(
        str(root),
        live_size_bytes_max=10**9,
        checkpoint_frames=10**6,
        open_max=12,
        reset_every=0,
    )
    history = History()
    enough = TURNS
    while not history.heard["ack"] or not proven(segments(root)[-1]):
        history.begin()
        with Writing(history.hear, script) as writing:
            assert writing.hear_until(lambda enough=enough: history.heard["ack"] >= enough)  # type: ignore[misc]  # mypy has no type for a default
        enough += 40
    return Written(root, script, history)


def overwrite(path: Path, at: int, data: bytes) -> None:
    with path.open("rb+") as file:
        file.seek(at)
        file.write(data)


def flip(path: Path, at: int) -> None:
    overwrite(path, at, bytes([path.read_bytes()[at] ^ 0x10]))


# --- what may be: the end of the log is torn


def garbage_behind_the_end(root: Path) -> None:
    newest = segments(root)[-1]
    at, last = records(newest)[-1]
    overwrite(newest.path, at + last.size, b"\xa5" * 3000)


def half_of_the_last_record(root: Path) -> None:
    newest = segments(root)[-1]
    at, last = records(newest)[-1]
    half = last.size // 2
    overwrite(newest.path, at + half, bytes(last.size - half))


def a_bit_of_the_last_record(root: Path) -> None:
    newest = segments(root)[-1]
    flip(newest.path, records(newest)[-1][0] + 70)


@pytest.mark.parametrize(
    ("damage", "lost_max"),
    [(garbage_behind_the_end, 0), (half_of_the_last_record, 1), (a_bit_of_the_last_record, 1)],
)
def test_a_torn_end_is_cut_off(
    written: Written,
    tmp_path: Path,
    tally: Tally,
    damage: Callable[[Path], None],
    lost_max: int,
) -> None:
    root = written.copy(tmp_path / "data")
    damage(root)
    found = written.history.look_at_copy(root, written.script)
    assert found.problems == []
    assert found.lost <= lost_max
    tally.add("damaged directories")


# --- what may not be: something is missing that was durable


def a_middle_record_of_the_newest_segment(root: Path) -> Path:
    newest = segments(root)[-1]
    flip(newest.path, proven(newest)[-1] + 70)
    return newest.path


def a_record_of_an_older_segment(root: Path) -> Path:
    older = segments(root)[-3]
    flip(older.path, records(older)[-1][0] + 70)
    return older.path


def a_whole_segment(root: Path) -> Path:
    gone = segments(root)[-2].path
    gone.unlink()
    return gone


def the_checkpoint(root: Path) -> Path:
    path = root / "log" / "0" / "CHECKPOINT"
    flip(path, 9)
    return path


DAMAGES: dict[Callable[[Path], Path], str] = {
    a_middle_record_of_the_newest_segment: r"\.seg: record \d+, at byte \d+, is damaged; record "
    r"\d+ behind it proves that it was durable",
    a_record_of_an_older_segment: r"\.seg: begins with record \d+, and the one before ends with",
    a_whole_segment: r"log/0: holds segments \[.*\], and \[.*\] are needed",
    the_checkpoint: r"log/0/CHECKPOINT: is damaged",
}


def content_of_log(root: Path) -> dict[Path, bytes]:
    """All but OWNER, where whoever opens it leaves a number, be it in vain."""
    paths = [path for path in (root / "log" / "0").iterdir() if path.name != "OWNER"]
    return {path: path.read_bytes() for path in paths}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_loss_is_refused_and_nothing_is_changed(
    written: Written, tmp_path: Path, tally: Tally, damage: Callable[[Path], Path]
) -> None:
    root = written.copy(tmp_path / "data")
    before = content_of_log(root)
    damaged = damage(root)
    after = content_of_log(root)
    with pytest.raises(LogCorrupt, match=DAMAGES[damage]):
        look_into(root, written.script)
    if ALL or damage is a_middle_record_of_the_newest_segment:
        assert_refused(root, DAMAGES[damage])
    assert after == content_of_log(root)
    # Who puts back what was there has everything back.
    damaged.write_bytes(before[damaged])
    found = written.history.look_at_copy(root, written.script)
    assert found.is_good, (found.lost, found.problems)
    tally.add("damaged directories")
    tally.checked += found.checked


def assert_refused(root: Path, words: str) -> None:
    """``perdure serve`` ends with 1, and tells the operator what is wrong and what to do."""
    run = subprocess.run(
        [
            *(sys.executable, "-m", "perdure", "serve", "--workers", "0", "-c", str(CONFIG)),
            *("--port", "0", "--data", str(root)),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (run.returncode, run.stdout) == (1, "")
    said = " ".join(run.stderr.split())
    assert said.startswith("error: ")
    assert re.search(words, said)
    assert "Traceback" not in said
