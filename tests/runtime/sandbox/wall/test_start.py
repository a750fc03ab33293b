"""A program starts behind a wall, and ends with all that it has started."""

import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from perdure.runtime.sandbox.wall.cgroups import layout

from .conftest import PYTHON, Warden, apart

MIB = 1 << 20
PRELUDE = """
import select, tempfile, time
from perdure.runtime.sandbox.wall.cgroups import remove_leftovers
from perdure.runtime.sandbox.wall.errors import WallRefused
from perdure.runtime.sandbox.wall.options import Isolation, WallLimits, WallOptions
from perdure.runtime.sandbox.wall.start import start_wall
def options(*command, **more):
    workspace = Path(tempfile.mkdtemp(dir=os.environ["FOLDER"]))
    if os.geteuid() == 0:
        os.chown(workspace, 210_000, 210_000)
        more = {"uid": 210_000} | more
    return WallOptions(name=f"test-{os.getpid()}", workspace=workspace, command=command, **more)
def inside(word):
    # all processes here that have this word in their command
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\\0")
        except OSError:
            continue  # it has ended meanwhile
        if word.encode() in words:
            found.append(int(folder.name))
    return found
"""


def run(folder: Path, source: str) -> Any:
    return apart(PRELUDE + source, FOLDER=str(folder), PYTHON_INSIDE=PYTHON)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    if os.geteuid() != 0:
        pytest.skip("only root starts sandboxes as root")
    return tmp_path


def groups_of(name: str) -> list[str]:
    """Wherever they are: an ordinary user's are below its own."""
    bases = set(layout().bases.values())
    return [str(path) for base in bases for path in base.rglob(f"perdure-{name}")]


def test_a_program_runs_in_its_workspace_as_somebody_else(warden: Warden) -> None:
    ran = warden.run("/bin/sh", "-c", "id -un; pwd; hostname; echo x > made; ls; exit 3")
    assert ran["output"].split() == ["sandbox", "/workspace", "sandbox", "made"]
    assert (ran["cause"], ran["exit_code"], ran["signal"]) == ("exited", 3, None)


def test_the_same_program_runs_without_a_wall(warden: Warden) -> None:
    ran = warden.run("/bin/sh", "-c", "pwd; echo x > made; ls; exit 3", isolation="none")
    folder, made = ran["output"].split()
    assert Path(folder).is_relative_to(warden.workspaces)
    assert made == "made"
    assert (ran["cause"], ran["exit_code"], ran["signal"]) == ("exited", 3, None)


def test_pythons_own_modules_are_there(warden: Warden) -> None:
    ran = warden.run(PYTHON, "-I", "-S", "-c", "import sqlite3, ssl, ctypes; print('fine')")
    assert ran["output"] == "fine\n", ran["said"]


def test_what_is_said_on_standard_error_is_kept_in_part(warden: Warden) -> None:
    ran = warden.run("/bin/sh", "-c", "head -c 20000 /dev/zero | tr '\\0' x >&2; echo end >&2")
    assert len(ran["said"]) == 4096
    assert ran["said"].endswith("xend\n")


def test_a_program_that_is_not_there_is_no_wall(warden: Warden) -> None:
    ran = warden.run("/nowhere/program")
    assert ran["cause"] == "no wall"
    assert "/nowhere/program" in ran["said"]
    assert "/nowhere/program" in warden.run("/nowhere/program", isolation="none")["refused"]


def test_the_end_by_the_limit_of_memory_is_told(warden: Warden) -> None:
    ran = warden.run(
        *(PYTHON, "-I", "-S", "-c", "x = b'x' * (200 << 20)"), limits={"memory_bytes": 40 * MIB}
    )
    assert ran["cause"] == "out of memory"
    assert ran["usage"]["out_of_memory_kills"] == 1
    assert ran["usage"]["memory_peak_bytes"] <= 40 * MIB


def test_nothing_of_a_sandbox_is_left(warden: Warden) -> None:
    name = f"test-gone-{os.getpid()}"
    assert warden.run("/bin/sh", "-c", "sleep 30 & sleep 30 & exit 0", name=name)["exit_code"] == 0
    assert groups_of(name) == []


def test_without_control_groups_a_start_is_refused(without_groups: Warden) -> None:
    ran = without_groups.run("/bin/true")
    assert "control groups cannot be had" in ran["refused"]
    assert "Delegate=yes" in ran["what_to_do"]


def test_or_single_processes_are_limited(without_groups: Warden) -> None:
    """Memory of each, and the count of processes of the user inside."""
    small = {"memory_bytes": 64 * MIB, "processes": 40}
    hog = without_groups.attack("memory_hog", best_effort=True, limits=small)
    assert hog["told"].get("stopped") == "ENOMEM", hog
    bomb = without_groups.attack("fork_bomb", best_effort=True, limits=small)
    assert bomb["told"].get("stopped") == "EAGAIN", bomb
    ran = without_groups.run("/bin/sh", "-c", "exit 4", best_effort=True)
    assert ran["exit_code"] == 4


def test_what_ends_is_told_to_a_selector_and_all_of_it_is_ended(folder: Path) -> None:
    told = run(
        folder,
        """
wall = start_wall(options("/bin/sh", "-c", "sleep 1234567 & sleep 1234567"))
while len(inside("1234567")) < 2:
    time.sleep(0.01)
running = wall.poll()
ending = wall.end()
again = wall.end()
tell([running, ending.cause, ending == again, inside("1234567")])
""",
    )
    assert told == [None, "ended", True, []]


def test_all_of_it_ends_with_the_process_that_started_it(folder: Path) -> None:
    told = run(
        folder,
        """
starter = os.fork()
if starter == 0:
    try:
        wall = start_wall(options("/bin/sh", "-c", "trap '' TERM HUP INT; sleep 1234568"))
        time.sleep(30)
    finally:
        os._exit(0)
while not inside("1234568"):
    time.sleep(0.01)
ends = [os.pidfd_open(pid) for pid in inside("1234568")]
os.kill(starter, 9)
os.waitpid(starter, 0)
ended = [bool(select.select([end], [], [], 60)[0]) for end in ends]
left = remove_leftovers(f"test-{starter}")
tell([all(ended), left, remove_leftovers(f"test-{starter}")])
""",
    )
    assert told == [True, True, False]


def test_two_sandboxes_have_the_same_port_and_a_third_reaches_neither(folder: Path) -> None:
    told = run(
        folder,
        """
import dataclasses
LISTEN = "import socket; s = socket.create_server(('127.0.0.1', 8080)); print('has it', flush=True); s.accept()"
REACH = "import socket; print(socket.socket().connect_ex(('127.0.0.1', 8080)))"
python = os.environ["PYTHON_INSIDE"]
walls, told = [], []
for number, program in enumerate((LISTEN, LISTEN, REACH)):
    here, there = os.pipe()
    started = options(python, "-I", "-S", "-c", program, descriptors={1: there})
    walls.append(start_wall(dataclasses.replace(started, name=f"{started.name}-{number}")))
    os.close(there)
    told.append(os.read(here, 100).decode().strip())
tell([told, [wall.end().cause for wall in walls][:2]])
""",
    )
    assert told == [["has it", "has it", str(errno.ECONNREFUSED)], ["ended", "ended"]]


def test_without_control_groups_all_of_it_is_ended_as_well(folder: Path) -> None:
    told = run(
        folder,
        """
from perdure.runtime.sandbox.wall import start
start.create = lambda *_, **__: None  # as where none can be had
wall = start_wall(options("/bin/sh", "-c", "sleep 1234569 & sleep 1234569"))
while len(inside("1234569")) < 2:
    time.sleep(0.01)
wall.end()
tell(inside("1234569"))
""",
    )
    assert told == []


def test_for_root_it_is_somebody_else_who_is_in_no_group(folder: Path) -> None:
    told = run(
        folder,
        """
os.setgroups([0, 4])
wall = start_wall(options("/bin/sleep", "1000"))
lines = Path(f"/proc/{wall.pid}/status").read_text().splitlines()
wall.end()
status = dict(line.split(":", 1) for line in lines)
tell([status[name].split() for name in ("Uid", "Gid", "Groups")])
""",
    )
    assert told == [["210000"] * 4, ["210000"] * 4, []]


def test_no_descriptor_is_left_with_who_started_it(folder: Path) -> None:
    told = run(
        folder,
        """
def opened():
    return sorted(os.listdir("/proc/self/fd"))
start_wall(options("/bin/true")).end()
before = opened()
for how in ({}, {"isolation": Isolation.NONE}):
    wall = start_wall(options("/bin/true", **how))
    select.select([wall.pidfd], [], [], 60)
    wall.end()
refused = []
for failing in (options("/nowhere", isolation=Isolation.NONE),
                options("/bin/true", read_only={"/x": Path("/nowhere")})):
    try:
        start_wall(failing)
    except WallRefused as error:
        refused.append("/nowhere" in error.missing)
try:
    os.waitpid(-1, os.WNOHANG)
    children = True
except ChildProcessError:
    children = False
tell([before, opened(), refused, children, remove_leftovers(failing.name)])
""",
    )
    assert told[0] == told[1]
    assert told[2:] == [[True, True], False, False]


def test_a_server_with_rights_of_its_units_gives_none_of_them_away() -> None:
    """An ordinary user whose unit lets it listen below 1024: AmbientCapabilities=."""
    if os.geteuid() != 0:
        pytest.skip("only root starts sandboxes as root")
    base = tempfile.mkdtemp(prefix="perdure-wall-", dir="/var/tmp")
    try:
        os.chmod(base, 0o777)
        told = run(
            Path(base),
            """
import ctypes, dataclasses
from perdure.runtime.sandbox.wall.kernel import check, libc
from perdure.runtime.sandbox.wall.seccomp import filter_program
from perdure.runtime.sandbox.wall import start, system_folders
filter_program()
system = dataclasses.replace(system_folders.find_system(), private=())
start.find_system = lambda: system  # without Python's folder, which may be root's
BIND = 1 << 10
check(libc.prctl(8, 1, 0, 0, 0), "PR_SET_KEEPCAPS")
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
header = (ctypes.c_uint32 * 2)(0x20080522, 0)
rights = (ctypes.c_uint32 * 6)(BIND, BIND, BIND, 0, 0, 0)
check(libc.capset(header, rights), "capset")
check(libc.prctl(47, 2, 10, 0, 0), "PR_CAP_AMBIENT_RAISE")
check(libc.prctl(4, 1, 0, 0, 0), "PR_SET_DUMPABLE")
here, there = os.pipe()
wall = start_wall(options("/usr/bin/grep", "CapEff", "/proc/self/status", best_effort=True,
                          descriptors={1: there}))
select.select([wall.pidfd], [], [], 60)
ending = wall.end()
os.close(there)
tell([os.read(here, 100).decode().split(), ending.said])
""",
        )
    finally:
        shutil.rmtree(base)
    assert told == [["CapEff:", "0" * 16], ""]


def test_root_names_a_user_and_nobody_else_does(folder: Path) -> None:
    told = run(
        folder,
        """
try:
    start_wall(options("/bin/true", uid=None))
except Exception as error:
    tell(f"{type(error).__name__}: {error}")
""",
    )
    assert told.startswith("InvalidArgument: a wall has a uid of its own")


@pytest.mark.parametrize("what", ["link", "file", "nothing"])
def test_a_workspace_that_is_no_folder_is_refused(folder: Path, what: str) -> None:
    """A link is not ours: somebody has put it there."""
    (folder / "link").symlink_to("/etc")
    (folder / "file").touch()
    told = run(
        folder,
        f"""
import dataclasses
other = dataclasses.replace(options("/bin/ls"), workspace=Path(os.environ["FOLDER"], "{what}"))
try:
    start_wall(other)
except WallRefused as refused:
    tell(refused.missing)
""",
    )
    assert told.endswith(f"{what} is no folder")


def test_who_kills_bubblewrap_is_not_told_that_there_was_no_wall(folder: Path) -> None:
    told = run(
        folder,
        """
wall = start_wall(options("/bin/sh", "-c", "sleep 1234569"))
while not inside("1234569"):
    time.sleep(0.01)
os.kill(wall.pid, 9)
select.select([wall.pidfd], [], [], 60)
ending = wall.poll()
wall.end()
tell([ending.cause, ending.signal, str(ending)])
""",
    )
    assert told == ["exited", 9, "it was ended by signal 9"]
