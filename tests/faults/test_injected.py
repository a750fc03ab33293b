"""System calls fail, or the process is killed in them: nothing acknowledged is lost.

``PERDURE_FAULTS=all`` tries every one of the lists below, otherwise the first of each.
"""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.history import History
from tests.faults.processes import Writing
from tests.faults.strace import (
    VICTIM,
    Fault,
    count_injected,
    faults,
    first_lsn_not_synced,
    needs_strace,
)
from tests.faults.tally import Tally
from tests.faults.writer import BROKEN, UNUSABLE, Script

pytestmark = [pytest.mark.crash, pytest.mark.slow, needs_strace]

ALL = os.environ.get("PERDURE_FAULTS") == "all"
TURNS = 500  # of twelve actors; the log is shortened six times meanwhile
KILLS_MAX = 5  # of writers, until one leaves a log whose recovery does what is to fail

OF_THE_LOG = [
    *faults("log", "fdatasync", "EIO ENOSPC", "40 1 2 9 25"),
    # The first is a segment's header, the second its zeros, the third the first record.
    *faults("log", "pwrite64", "EIO ENOSPC", "30 1 3 6"),
    *faults("log", "pwrite64", "EIO", "2"),
    *faults("log", "openat", "EMFILE EIO", "3 1"),
    *faults("log-dir", "fsync", "EIO", "2"),
]
OF_ROOM_AHEAD = [
    *faults("log", "pwrite64", "ENOSPC EDQUOT", "2"),
    *faults("log", "fallocate", "ENOSPC EOPNOTSUPP", "1+"),
]
OF_ONE_ACTOR = [
    *faults("wal", "pwrite64", "EIO ENOSPC", "100 1 2 77 100+"),
    *faults("wal", "pread64", "EIO", "1 10 33 10+"),
    *faults("wal", "openat", "EIO EMFILE", "2 1 4+"),
    *faults("wal", "unlink", "EIO", "2 2+"),
    *faults("file", "write", "ENOSPC EIO", "1"),
    *faults("file", "pwrite64", "ENOSPC EIO", "1 9 9+"),
    *faults("file", "ftruncate", "EIO", "1"),
    *faults("file", "openat", "EMFILE EIO", "2 1 2+"),
    *faults("file", "pread64", "EIO", "1 4 4+"),
]
OF_A_CHECKPOINT = [
    *faults("root", "syncfs", "EIO KILL", "1"),
    *faults("checkpoint", "openat", "EMFILE", "1"),
    *faults("checkpoint", "write", "ENOSPC KILL", "1"),
    *faults("checkpoint", "fsync", "EIO KILL", "1"),
    *faults("checkpoint", "rename", "EIO KILL", "1"),
    *faults("log-dir", "fsync", "KILL", "1"),
    *faults("alarms", "pwrite64", "ENOSPC EIO KILL", "1"),
    *faults("alarms", "fdatasync", "EIO KILL", "1"),
]
KILLS = [
    *faults("log", "fdatasync", "KILL", "40 1 2 9"),
    *faults("log", "pwrite64", "KILL", "30 1 2 3"),
    *faults("log-dir", "fsync", "KILL", "3 4"),
    *faults("root", "syncfs", "KILL", "1"),
    *faults("checkpoint", "rename", "KILL", "2"),
    *faults("checkpoint", "fsync", "KILL", "2"),
    *faults("file", "pwrite64", "KILL", "9 20"),
    *faults("file", "ftruncate", "KILL", "1"),
    *faults("wal", "pwrite64", "KILL", "60"),
    *faults("wal", "unlink", "KILL", "2"),
]
OF_A_RECOVERY = [
    *faults("file", "pwritev2", "EIO KILL ENOSPC", "1 2"),
    *faults("file", "pread64", "EIO", "1"),
    *faults("file", "openat", "EMFILE", "1"),
    *faults("wal", "pwrite64", "EIO KILL", "1"),  # which recovery empties
    *faults("alarms", "pwrite64", "EIO ENOSPC KILL", "1 2"),
    *faults("alarms", "fdatasync", "EIO KILL", "1"),
    *faults("root", "syncfs", "EIO KILL", "1"),
    *faults("checkpoint", "openat", "EIO", "1"),
    *faults("checkpoint", "write", "ENOSPC", "1"),
    *faults("checkpoint", "fsync", "EIO KILL", "1"),
    *faults("checkpoint", "rename", "EIO KILL", "1"),
    *faults("log-dir", "fsync", "EIO KILL", "1"),
    *faults("log", "openat", "EIO", "1"),
    *faults("log", "pwrite64", "KILL", "1 2"),
    *faults("log", "fdatasync", "KILL", "1"),
]


def some(all_: list[Fault]) -> list[Fault]:
    return all_ if ALL else all_[:1]


class Trial:
    """A writer in whose system calls something fails."""

    def __init__(self, directory: Path, tally: Tally) -> None:
        self.history = History()
        self.script = Script(str(directory / "data"), turns=TURNS)
        self.injected = 0
        self._trace = directory / "trace"
        self._tally = tally

    @property
    def root(self) -> Path:
        return Path(self.script.root)

    def run(self, fault: Fault) -> int:
        """Let the writer write with this fault; return its exit code."""
        self.history.begin()
        wrapper = fault.wrapper(self.root, self._trace)
        with Writing(self.history.hear, self.script, wrapper=wrapper) as writing:
            code = writing.wait()
        return self._examine(fault, code)

    def run_later(self, fault: Fault) -> int:
        """Likewise, but let the fault begin when the log has been shortened once."""
        self.history.begin()
        heard = self.history.heard
        with Writing(self.history.hear, self.script) as writing:
            assert writing.hear_until(lambda: heard["checkpoint"] >= 1)
            writing.stop()
            with fault.attached(writing.pid, self.root, self._trace):
                writing.go_on()
                code = writing.wait()
        return self._examine(fault, code)

    def run_after_a_kill(self, fault: Fault) -> int:
        """Kill a writer, and let the next one recover with this fault; return its exit code."""
        heard = self.history.heard
        for _ in range(KILLS_MAX):
            enough = heard["ack"] + 300
            with Writing(self.history.hear, Script(self.script.root)) as writing:
                assert writing.hear_until(lambda: heard["ack"] >= enough)  # noqa: B023  # called at once
            self.history.begin()
            wrapper = fault.wrapper(self.root, self._trace)
            with Writing(self.history.hear, self.script, wrapper=wrapper) as writing:
                code = writing.wait()
            # Killed right after its log was shortened, a writer leaves next to nothing to recover.
            if code or count_injected(self._trace):
                break
        return self._examine(fault, code)

    def _examine(self, fault: Fault, code: int) -> int:
        self.injected = count_injected(self._trace)
        if fault.how == "KILL":
            assert code == -9, f"{fault.call} was never called: {code}"
            self._tally.add("injected kills")
        else:
            assert self.injected, f"{fault.call} was never called"
            self._tally.add("injected errors", self.injected)
        return code

    def first_lsn_not_synced(self) -> int:
        return first_lsn_not_synced(self._trace)

    def look(self) -> None:
        """Recover, and look for all that was acknowledged."""
        self.history.look(self.root, self.script)
        self._tally.add_history(self.history)
        assert self.history.is_good, (self.history.lost, self.history.problems)


@pytest.fixture
def trial(tmp_path: Path, tally: Tally) -> Trial:
    return Trial(tmp_path, tally)


@pytest.mark.parametrize("fault", some(OF_THE_LOG), ids=str)
def test_an_error_of_the_log_is_final(trial: Trial, fault: Fault) -> None:
    assert trial.run(fault) == BROKEN
    heard = trial.history.heard
    assert heard["broken"] == 1
    assert heard["refused"] == trial.script.actors
    assert not heard["accepted"]
    if fault.where == "log" and fault.call != "openat":
        assert trial.history.last_lsn < trial.first_lsn_not_synced()
    trial.look()


def test_an_engine_that_ignores_an_error_of_its_log_is_found_out(trial: Trial) -> None:
    """By its acknowledgements alone: what it has written is in the memory still."""
    trial.script = replace(trial.script, defect="ignored-errors")
    assert trial.run(OF_THE_LOG[0]) == 0
    assert trial.history.last_lsn >= trial.first_lsn_not_synced()


@pytest.mark.parametrize("fault", some(OF_ROOM_AHEAD), ids=str)
def test_room_ahead_of_the_records_is_done_without(trial: Trial, fault: Fault) -> None:
    assert trial.run(fault) == 0
    assert trial.history.heard["stopped"] == 1
    assert not trial.history.heard["reset"]
    trial.look()


@pytest.mark.parametrize("fault", some(OF_ONE_ACTOR), ids=str)
def test_an_error_of_one_actors_file_is_that_actors_alone(trial: Trial, fault: Fault) -> None:
    assert trial.run(fault) == 0
    heard, said = trial.history.heard, trial.history.said
    assert heard["stopped"] == 1
    assert {reset.split()[0] for reset in said.get("reset", [])} <= {str(VICTIM)}
    others = {actor: n for actor, n in trial.history.acknowledged.items() if actor != VICTIM}
    assert min(others.values()) >= TURNS // trial.script.actors - 8
    trial.look()


@pytest.mark.parametrize("fault", some(OF_A_CHECKPOINT), ids=str)
def test_a_log_whose_checkpoint_failed_is_kept(trial: Trial, fault: Fault) -> None:
    code = trial.run_later(fault)
    if fault.how != "KILL":
        heard = trial.history.heard
        assert (code, heard["stopped"], heard["broken"], heard["reset"]) == (0, 1, 0, 0)
        if fault.where == "root":
            assert heard["checkpoint"] == 1, "the log was shortened after a sync that failed"
    trial.look()


@pytest.mark.parametrize("fault", some(KILLS), ids=str)
def test_a_kill_inside_a_call_loses_nothing(trial: Trial, fault: Fault) -> None:
    trial.run(fault)
    trial.look()


@pytest.mark.parametrize("fault", some(OF_A_RECOVERY), ids=str)
def test_a_recovery_that_failed_is_done_again(trial: Trial, fault: Fault) -> None:
    code = trial.run_after_a_kill(fault)
    if fault.how != "KILL":
        assert code in {UNUSABLE, BROKEN}
        assert trial.history.heard["unusable"] + trial.history.heard["broken"] == 1
    trial.look()
