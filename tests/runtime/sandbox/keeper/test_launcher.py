import asyncio
import os
import secrets
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from perdure.runtime.host.socket_address import socket_address
from perdure.runtime.sandbox.asking import SandboxLost, SandboxRefused
from perdure.runtime.sandbox.connection import SandboxConnection, _launch
from perdure.runtime.sandbox.keeper.launching import LauncherProcess
from perdure.runtime.sandbox.keeper.walled import wall_name
from perdure.runtime.sandbox.wire import REQUEST, frame
from tests.runtime.sandbox.sandboxes import (
    Sandboxes,
    is_alive,
    open_files,
    processes_with,
    text_of,
    until,
)

pytestmark = pytest.mark.slow

NAME = secrets.token_hex(32)  # of this process: other tests run beside it
OPEN = {"isolation": "none"}
# What a server is for its launcher: whoever has the pipe.
HOLDER = """
import sys, time
from pathlib import Path
from perdure.runtime.sandbox.keeper.launching import LauncherProcess
launcher = LauncherProcess(Path(sys.argv[1]))
print(launcher.pid, flush=True)
time.sleep(1000)
"""
STRANGER = """
import os, socket, sys
os.chdir(sys.argv[1])
os.setresuid(12_345, 12_345, 12_345)
with socket.socket(socket.AF_UNIX) as connection:
    connection.settimeout(30)
    connection.connect(sys.argv[2])
    print("connected")
    try:
        connection.sendall(bytes.fromhex(sys.argv[3]))
        print(connection.recv(1000))
    except ConnectionError:
        print(b"")
"""


async def test_openers_at_the_same_time_get_one_keeper(sandboxes: Sandboxes) -> None:
    connections = await asyncio.gather(*(sandboxes.open(NAME) for _ in range(12)))
    assert len({connection.boot for connection in connections}) == 1


async def test_each_sandbox_has_a_keeper_and_a_folder_of_its_own(sandboxes: Sandboxes) -> None:
    one, other = await sandboxes.open(), await sandboxes.open()
    assert one.boot != other.boot
    await text_of(one, "echo one > file")
    assert await text_of(other, "cat file 2>/dev/null || echo none") == "none"


async def test_only_the_servers_user_may_connect(sandboxes: Sandboxes) -> None:
    await sandboxes.open(NAME)
    for path in (sandboxes.folder / "launcher.sock", sandboxes.folder / NAME / "keeper.sock"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((sandboxes.folder / NAME).stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize("where", ["launcher.sock", "NAME/keeper.sock"])
async def test_another_user_that_gets_there_is_not_heard(sandboxes: Sandboxes, where: str) -> None:
    """The rights of files are one wall, and not the only one."""
    await sandboxes.open(NAME)
    path = sandboxes.folder / where.replace("NAME", NAME)
    modes = {each: each.stat().st_mode for each in (path, path.parent)}
    for each in modes:
        each.chmod(0o777)
    request = frame(REQUEST, 1, b'{"op": "status"}').hex()
    place = [str(path.parent), path.name]
    command = [sys.executable, "-I", "-S", "-c", STRANGER, *place, request]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    for each, mode in modes.items():
        each.chmod(mode)
    assert told.stdout.split() == ["connected", "b''"]


@pytest.mark.parametrize("name", ["", "x" * 64, "ab" * 31, "../" + "a" * 61, "AB" * 32, None, 5])
async def test_what_is_no_id_is_no_sandbox(sandboxes: Sandboxes, name: object) -> None:
    with pytest.raises(SandboxRefused, match="64 hex digits"):
        await _launch(sandboxes.folder, {"id": name, "settings": OPEN})


async def test_a_data_directory_may_have_a_long_path(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30) / "sandboxes"
    launcher = LauncherProcess(folder)
    try:
        connection = await SandboxConnection.open(folder, NAME, OPEN)
        assert await text_of(connection, "echo reached") == "reached"
        connection.close()
    finally:
        launcher.close()


async def test_without_a_launcher_nothing_starts(tmp_path: Path) -> None:
    with pytest.raises(SandboxLost, match="Nobody starts sandboxes"):
        await SandboxConnection.open(tmp_path, NAME, OPEN)


@pytest.mark.parametrize("isolation", ["none", "bubblewrap"])
async def test_the_end_of_the_pipes_holder_ends_everything(tmp_path: Path, isolation: str) -> None:
    if isolation != "none" and not os.access("/usr/bin/bwrap", os.X_OK):
        pytest.skip("there is no bubblewrap here, to make a wall of")
    folder, mark = tmp_path / "sandboxes", f"mark-{os.getpid()}"
    command = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            launcher = int(holder.stdout.readline())
            settings = {"isolation": isolation, "env": {"MARK": mark}}
            names = [f"{i:064x}" for i in range(3)]
            connections = [await SandboxConnection.open(folder, name, settings) for name in names]
            for connection in connections:
                command_line = "trap '' TERM HUP; setsid sleep 1000 & sleep 1000"
                await connection.ask("start", command=command_line)
            until(lambda: len(processes_with(mark)) >= 9)
        finally:
            holder.kill()
    for connection in connections:
        assert await connection.is_lost() == "The server has ended"
        connection.close()
    until(lambda: not is_alive(launcher) and not processes_with(mark))
    until(lambda: not processes_with(str(folder)))
    assert sorted(path.name for path in folder.rglob("*.sock")) == []
    for name in names:
        groups = Path("/sys/fs/cgroup").rglob(f"perdure-{wall_name(folder / name)}")
        assert sorted(groups) == []


async def test_keepers_outlive_their_launcher_and_the_next_one_finds_them(tmp_path: Path) -> None:
    folder = tmp_path / "sandboxes"
    launcher = LauncherProcess(folder)
    try:
        connection = await SandboxConnection.open(folder, NAME, OPEN)
        begun = await connection.ask("start", command="sleep 1000")
        os.kill(launcher.pid, signal.SIGKILL)
        until(lambda: launcher.poll() is not None)
        launcher.restart()
        await _launch(folder, {"id": NAME, "settings": OPEN})
        again = await SandboxConnection.open(folder, NAME, OPEN)
        assert again.boot == connection.boot
        assert is_alive(begun["pid"])
        connection.close()
        again.close()
    finally:
        launcher.close()
    until(lambda: not processes_with(str(folder)))
    assert sorted(path.name for path in folder.rglob("*.sock")) == []


async def test_a_socket_that_was_left_behind_is_replaced(sandboxes: Sandboxes) -> None:
    folder = sandboxes.folder / NAME
    folder.mkdir()
    with (
        socket_address(folder, "keeper.sock") as address,
        socket.socket(socket.AF_UNIX) as left_behind,
    ):
        left_behind.bind(address)
    assert await text_of(await sandboxes.open(NAME), "echo fine") == "fine"


async def test_a_keeper_has_nothing_open_of_the_launchers_or_others(sandboxes: Sandboxes) -> None:
    await sandboxes.open()
    sandbox = await sandboxes.open(NAME)
    agent = int(await text_of(sandbox, "echo $PPID"))
    keeper = int(Path(f"/proc/{agent}/stat").read_text().rpartition(")")[2].split()[1])
    kinds = open_files(keeper)
    # Where it listens, the agent, the worker.
    assert sum(kind.startswith("socket:") for kind in kinds) == 3
    assert [kind for kind in kinds if kind.endswith("keeper.lock")] == [
        str(sandboxes.folder / NAME / "keeper.lock")
    ]
    of_agent = open_files(agent)
    assert sum(kind.startswith("socket:") for kind in of_agent) == 1
    assert not any("sandboxes" in kind for kind in of_agent)
