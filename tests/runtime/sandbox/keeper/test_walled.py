import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.runtime.sandbox.asking import SandboxRefused
from perdure.runtime.sandbox.connection import SandboxConnection
from perdure.runtime.sandbox.keeper.launching import LauncherProcess
from perdure.runtime.sandbox.keeper.walled import limits_of, prepare, wall_name
from perdure.runtime.sandbox.wall.options import WallLimits
from perdure.runtime.sandbox.wall.seccomp import filter_program
from perdure.runtime.sandbox.wall.system_folders import find_system
from tests.runtime.sandbox.sandboxes import Sandboxes, text_of

pytestmark = pytest.mark.slow
NAME = secrets.token_hex(32)  # of this process: other tests run beside it


def test_limits_are_what_was_said_and_else_what_is_usual() -> None:
    assert limits_of({}) == WallLimits()
    assert limits_of({"limits": {"processes": 7}}) == WallLimits(processes=7)


def test_what_all_walls_have_in_common_is_found_out_before_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    filter_program.cache_clear()
    find_system.cache_clear()
    prepare()
    assert (filter_program.cache_info().currsize, find_system.cache_info().currsize) == (1, 1)
    filter_program.cache_clear()
    monkeypatch.setattr("platform.machine", lambda: "an unknown one")
    prepare()  # who wants a wall will be told
    monkeypatch.undo()
    assert filter_program()


def test_the_name_of_a_wall_is_that_of_no_other_folder(tmp_path: Path) -> None:
    names = {
        wall_name(tmp_path / one / other) for one in "ab" for other in ("0" * 64, "0" * 63 + "1")
    }
    assert len(names) == 4
    assert all(len(name) == 32 for name in names)


async def test_an_agent_without_a_wall_is_started_in_its_workspace(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open(NAME)
    place = sandboxes.folder / NAME / "workspace"
    assert await text_of(sandbox, "readlink /proc/$PPID/cwd") == str(place)


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


async def test_packages_are_seen_by_their_numbers_and_cannot_be_changed(
    walled: Sandboxes, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
        (folder / "name").write_text(folder.name)
    sandbox = await walled.open(packages=[str(folder) for folder in folders])
    read = "cat /perdure/packages/0/name /perdure/packages/1/name"
    assert await text_of(sandbox, read) == "onetwo"
    assert await text_of(sandbox, "touch /perdure/packages/0/x 2>&1 || true") != ""
    assert not (folders[0] / "x").exists()


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


@pytest.fixture
def program_folder() -> Iterator[Path]:
    """Programs that a launcher finds before all others, where everybody may go."""
    folder = Path(tempfile.mkdtemp(prefix="perdure-programs-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("bubblewrap", "told"),
    [
        (None, ["bubblewrap is not here. Install bubblewrap", 'isolation = "none"']),
        ("echo 'bwrap: No permissions' >&2; exit 1", ["bwrap: No permissions", "perdure doctor"]),
    ],
)
async def test_a_machine_that_gives_no_wall_is_told_of_at_the_first_use(
    program_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    bubblewrap: str | None,
    told: list[str],
) -> None:
    """All of it: why, and what to do."""
    if bubblewrap is not None:
        (program_folder / "bwrap").write_text(f"#!/bin/sh\n{bubblewrap}\n")
        (program_folder / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(program_folder))
    launcher = LauncherProcess(tmp_path / "sandboxes")
    try:
        with pytest.raises(SandboxRefused) as refused:
            sandbox = await SandboxConnection.open(tmp_path / "sandboxes", NAME, {})
            await text_of(sandbox, "true")
        assert refused.value.code == "CONTAINER_UNAVAILABLE"
        for words in told:
            assert words in str(refused.value)
    finally:
        launcher.close()
