import socket
from pathlib import Path

import pytest

from perdure.runtime.sandbox.keeper.housing import Need, write_program
from perdure.runtime.sandbox.keeper.walled import limits_of, start_walled, wall_name
from perdure.runtime.sandbox.wall.options import WallLimits
from tests.runtime.sandbox.sandboxes import Sandboxes, text_of

pytestmark = pytest.mark.slow


def test_limits_are_what_was_said_and_else_what_is_usual() -> None:
    assert limits_of({}) == WallLimits()
    assert limits_of({"limits": {"processes": 7}}) == WallLimits(processes=7)


def test_the_name_of_a_wall_is_that_of_no_other_folder(tmp_path: Path) -> None:
    names = {
        wall_name(tmp_path / one / other) for one in "ab" for other in ("0" * 64, "0" * 63 + "1")
    }
    assert len(names) == 4
    assert all(len(name) == 32 for name in names)


def test_an_agent_without_a_wall_is_started_in_its_workspace(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    near, far = socket.socketpair()
    need = Need("a1", workspace, write_program(tmp_path), far, None, {"isolation": "none"})
    wall = start_walled(need)
    far.close()
    assert Path(f"/proc/{wall.pid}/cwd").readlink() == workspace
    near.close()
    wall.end()


async def test_behind_a_wall_it_sees_its_workspace_and_its_own_processes(
    walled: Sandboxes,
) -> None:
    sandbox = await walled.open(limits={"processes": 40})
    assert await text_of(sandbox, "pwd; echo $HOME") == "/workspace\n/workspace"
    assert int(await text_of(sandbox, "ls /proc | grep -c '^[0-9]'")) < 10
    assert await text_of(sandbox, "ls -A /workspace | wc -l") == "0"
    forks = "import os, time\nn = 0\ntry:\n while os.fork(): n += 1\n time.sleep(9)\n"
    forks += "except OSError: print(n)"
    assert int(await text_of(sandbox, f"python3 -c '{forks}'; true")) < 40
