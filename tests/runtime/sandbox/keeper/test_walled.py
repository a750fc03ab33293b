import socket
from pathlib import Path

import pytest

from perdure.runtime.sandbox.asking import SandboxRefused
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


def program(folder: Path, says: str) -> Path:
    (folder / "bin").mkdir(parents=True)
    path = folder / "bin" / "perdure-greet"
    path.write_text(f"#!/bin/sh\necho {says}\n")
    path.chmod(0o755)
    return folder


async def test_what_is_mounted_is_seen_cannot_be_changed_and_is_found_by_its_name(
    walled: Sandboxes, tmp_path: Path
) -> None:
    """Also where nobody but the server may go: a test's folder is 0700 to the top."""
    tools = program(tmp_path / "tools", "hello")
    link = tmp_path / "link"
    link.symlink_to(tools)
    single = tmp_path / "single.txt"
    single.write_text("alone")
    sandbox = await walled.open(
        mounts=[[str(link), "/opt/tools"], [str(single), "/etc/single.txt"]],
        path=["/opt/tools/bin"],
    )
    assert await text_of(sandbox, "perdure-greet; cat /etc/single.txt") == "hello\nalone"
    assert (await text_of(sandbox, "echo $PATH")).startswith("/opt/tools/bin:/usr/")
    tries = "touch /opt/tools/x; echo x > /etc/single.txt; rm /opt/tools/bin/perdure-greet"
    told = await text_of(sandbox, f"{{ {tries}; }} 2>&1 | grep -c 'Read-only file system'")
    assert told == "3"
    (tools / "new").write_text("later")
    assert await text_of(sandbox, "cat /opt/tools/new") == "later"
    assert await text_of(sandbox, "ls -A /workspace") == ""


async def test_without_a_wall_programs_are_found_where_they_are(
    sandboxes: Sandboxes, tmp_path: Path
) -> None:
    tools = program(tmp_path / "tools", "hello")
    sandbox = await sandboxes.open(mounts=[[str(tools), "/opt/tools"]], path=["/opt/tools/bin"])
    assert await text_of(sandbox, "perdure-greet") == "hello"
    assert (await text_of(sandbox, "echo $PATH")).startswith(f"{tools}/bin:/usr/")


async def test_what_is_not_there_to_be_mounted_is_named(walled: Sandboxes, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    with pytest.raises(SandboxRefused, match="does not exist") as refused:
        await walled.open(mounts=[[str(gone), "/opt/gone"]])
    assert str(gone) in str(refused.value)
    assert "mount under [perdure.sandbox]" in refused.value.context["what_to_do"]
