"""Control groups, real ones: how much they allow, what they count, and their end."""

import os
from pathlib import Path

import pytest

from perdure.runtime.sandbox.wall import cgroups
from perdure.runtime.sandbox.wall.cgroup_layout import CONTROLLERS, CgroupLayout
from perdure.runtime.sandbox.wall.cgroups import ControlGroup, settings
from perdure.runtime.sandbox.wall.ending import Usage
from perdure.runtime.sandbox.wall.errors import WallRefused
from perdure.runtime.sandbox.wall.options import WallLimits

from .conftest import apart

LIMITS = WallLimits(memory_bytes=32 << 20, processes=5, cpu_cores=0.5)
PRELUDE = """
from perdure.runtime.sandbox.wall import cgroups
from perdure.runtime.sandbox.wall.errors import WallRefused
from perdure.runtime.sandbox.wall.options import WallLimits
NAME = f"test-{os.getpid()}"
LIMITS = WallLimits(memory_bytes=32 << 20, processes=5, cpu_cores=0.5)
def child(work):
    pid = os.fork()
    if pid == 0:
        try:
            group.join()
            work()
        finally:
            os._exit(0)
    return pid
"""


@pytest.fixture
def can_limit() -> None:
    """Skip where no control groups can be made."""
    try:
        group = cgroups.create(f"probe-{os.getpid()}", LIMITS, best_effort=False)
    except WallRefused as refused:
        pytest.skip(f"only root starts sandboxes as root: {refused.missing}")
    assert group is not None
    group.remove(30.0)


def run(source: str) -> object:
    return apart(PRELUDE + source)


@pytest.mark.usefixtures("can_limit")
def test_all_limits_are_set_and_what_is_used_is_counted() -> None:
    told = run("""
group = cgroups.create(NAME, LIMITS, best_effort=False)
import time
here, there = os.pipe()
child(lambda: (os.write(there, b"x"), time.sleep(30)))
os.read(here, 1)
usage = group.usage()
there = {file: value == (group.folders[controller] / file).read_text().strip()
         for controller, files in cgroups.settings(group.version, LIMITS).items()
         for file, value in files.items() if (group.folders[controller] / file).exists()}
group.remove(30.0)
os.wait()
tell([usage.processes, usage.memory_bytes > 0, usage.cpu_s >= 0, usage.out_of_memory_kills,
      usage.forks_refused, any(folder.exists() for folder in group.each()),
      len(there) >= 3, [file for file, is_set in there.items() if not is_set]])
""")
    assert told == [1, True, True, 0, 0, False, True, []]


@pytest.mark.usefixtures("can_limit")
def test_all_that_is_in_it_is_killed_however_it_forks() -> None:
    told = run("""
import time
group = cgroups.create(NAME, LIMITS, best_effort=False)
here, there = os.pipe()
def multiply():
    os.write(there, b"x")
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            os.fork()
        except OSError:
            pass
child(multiply)
os.read(here, 1)
group.remove(30.0)
tell([group.pids(), os.waitstatus_to_exitcode(os.wait()[1])])
""")
    assert told == [[], -9]


@pytest.mark.usefixtures("can_limit")
def test_two_of_one_name_are_refused_and_one_that_is_empty_is_made_anew() -> None:
    told = run("""
import time
group = cgroups.create(NAME, LIMITS, best_effort=False)
group = cgroups.create(NAME, LIMITS, best_effort=False)
here, there = os.pipe()
child(lambda: (os.write(there, b"x"), time.sleep(30)))
os.read(here, 1)
try:
    cgroups.create(NAME, LIMITS, best_effort=True)
    refused = ""
except WallRefused as error:
    refused = error.missing
left = cgroups.remove_leftovers(NAME)
os.wait()
tell([refused, left, cgroups.remove_leftovers(NAME)])
""")
    assert isinstance(told, list)
    assert "is running already" in told[0]
    assert told[1:] == [True, False]


def test_a_group_of_version_2_is_killed_by_the_kernel() -> None:
    """Also where version 2 has no controllers, as beside version 1."""
    second = [Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")]
    there = [path for path in second if (path / "cgroup.controllers").exists()]
    if not there or not os.access(there[0], os.W_OK):
        pytest.skip("there are no control groups of version 2 here that this user may make")
    told = apart(
        PRELUDE
        + """
import time
folder = Path(os.environ["BASE"], f"perdure-{NAME}")
folder.mkdir()
group = cgroups.ControlGroup(NAME, 2, {"pids": folder})
here, there = os.pipe()
child(lambda: (os.write(there, b"x"), time.sleep(30)))
os.read(here, 1)
there = len(group.pids())
group.remove(30.0)
tell([there, os.waitstatus_to_exitcode(os.wait()[1]), folder.exists()])
""",
        BASE=str(there[0]),
    )
    assert told == [1, -9, False]


def test_a_server_moves_aside_where_version_2_wants_no_process() -> None:
    """With any controller that version 2 has here: beside version 1 these are few."""
    second = [Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")]
    there = [path for path in second if (path / "cgroup.controllers").exists()]
    controllers = (there[0] / "cgroup.controllers").read_text().split() if there else []
    if not controllers or os.geteuid() != 0:
        pytest.skip("there are no control groups of version 2 here that have controllers")
    told = apart(
        PRELUDE
        + """
root, controller = Path(os.environ["BASE"]), os.environ["CONTROLLER"]
def switched(on):
    (root / "cgroup.subtree_control").write_text(f"{'+' if on else '-'}{controller}")
was_on = controller in (root / "cgroup.subtree_control").read_text().split()
switched(True)
base = root / f"perdure-{NAME}"
base.mkdir()
try:
    (base / "cgroup.procs").write_text("0")
    cgroups.CONTROLLERS = (controller,)
    problems = list(cgroups.delegate(base))
    again = list(cgroups.delegate(base))
    own = Path("/proc/self/cgroup").read_text().split("0::")[1].strip()
    control = (base / "cgroup.subtree_control").read_text().split()
    (root / "cgroup.procs").write_text("0")
finally:
    (base / "perdure-server").rmdir()
    base.rmdir()
    was_on or switched(False)
tell([problems, again, own.endswith(f"{base.name}/perdure-server"), control == [controller]])
""",
        BASE=str(there[0]),
        CONTROLLER=controllers[0],
    )
    assert told == [[], [], True, True]


def test_a_group_of_version_2_says_what_it_uses(tmp_path: Path) -> None:
    files = {
        "memory.current": "1000\n",
        "memory.peak": "2000\n",
        "memory.events": "low 0\noom 4\noom_kill 3\n",
        "pids.current": "2\n",
        "pids.events": "max 7\n",
        "cpu.stat": "usage_usec 1500000\nuser_usec 1\nnr_throttled 9\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    folders = dict.fromkeys(("memory", "pids", "cpu"), tmp_path)
    assert ControlGroup("a", 2, folders).usage() == Usage(
        memory_bytes=1000,
        memory_peak_bytes=2000,
        processes=2,
        cpu_s=1.5,
        cpu_throttled=9,
        out_of_memory_kills=3,
        forks_refused=7,
    )


def test_what_a_kernel_does_not_tell_is_none(tmp_path: Path) -> None:
    assert ControlGroup("a", 2, {"memory": tmp_path}).usage() == Usage()


def test_both_versions_are_told_the_same() -> None:
    assert settings(1, LIMITS) == {
        "memory": {
            "memory.limit_in_bytes": "33554432",
            "memory.memsw.limit_in_bytes": "33554432",
            "memory.swappiness": "0",
        },
        "pids": {"pids.max": "5"},
        "cpu": {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "50000"},
    }
    assert settings(2, LIMITS) == {
        "memory": {"memory.max": "33554432", "memory.swap.max": "0"},
        "pids": {"pids.max": "5"},
        "cpu": {"cpu.max": "50000 100000"},
    }


def test_a_share_too_small_for_the_kernel_is_the_smallest() -> None:
    assert settings(2, WallLimits(cpu_cores=0.0001))["cpu"] == {"cpu.max": "1000 100000"}


@pytest.mark.usefixtures("can_limit")
def test_to_hasten_is_to_move_nothing() -> None:
    """The shell that does it has come to its end without an error, and all are where they were."""
    told = run("""
before = Path("/proc/self/cgroup").read_text()
pid = cgroups.hasten_joining()
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) if pid else None
tell([cgroups.layout().version, code, Path("/proc/self/cgroup").read_text() == before])
""")
    assert told in ([1, 0, True], [2, None, True])


def test_with_version_2_nothing_is_hastened(monkeypatch: pytest.MonkeyPatch) -> None:
    second = CgroupLayout(2, dict.fromkeys(CONTROLLERS, Path("/sys/fs/cgroup")))
    monkeypatch.setattr(cgroups, "layout", lambda: second)
    assert cgroups.hasten_joining() is None
