import os
import signal
from pathlib import Path

import pytest

from perdure.runtime.sandbox.keeper.launching import LauncherProcess
from tests.runtime.sandbox.sandboxes import until

pytestmark = pytest.mark.slow


def open_now() -> list[str]:
    return sorted(os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.exists())


def test_it_starts_and_ends_and_leaves_nothing_open(tmp_path: Path) -> None:
    before = open_now()
    launcher = LauncherProcess(tmp_path / "a/sandboxes")
    assert launcher.poll() is None
    assert (tmp_path / "a/sandboxes/launcher.sock").exists()
    launcher.close()
    launcher.close()
    launcher.restart()
    assert launcher.poll() == 0
    assert open_now() == before
    assert not (tmp_path / "a/sandboxes/launcher.sock").exists()


def test_one_that_ended_is_followed_and_one_that_runs_is_not(tmp_path: Path) -> None:
    launcher = LauncherProcess(tmp_path)
    first = launcher.pid
    launcher.restart()
    assert launcher.pid == first
    os.kill(first, signal.SIGKILL)
    until(lambda: launcher.poll() is not None)
    launcher.restart()
    assert launcher.pid != first
    launcher.close()


def test_where_there_is_no_program_nothing_is_left(tmp_path: Path) -> None:
    before = open_now()
    launcher = LauncherProcess(tmp_path, ("-c", "raise SystemExit(3)"))
    until(lambda: launcher.poll() is not None)
    assert launcher.poll() == 3
    launcher.close()
    assert open_now() == before
