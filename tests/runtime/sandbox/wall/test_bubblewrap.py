"""The command line of bubblewrap."""

from pathlib import Path
from typing import Any

from perdure.runtime.sandbox.wall.bubblewrap import Plan, arguments, environment
from perdure.runtime.sandbox.wall.options import Isolation, Network, WallOptions
from perdure.runtime.sandbox.wall.system_folders import SystemFolders

SYSTEM = SystemFolders(
    links={"/bin": "usr/bin"},
    folders=("/usr", "/etc/alternatives"),
    hidden=("/proc/kcore",),
    private=("/home/somebody/python",),
)
PLAN = Plan(
    sources={"/workspace": "/mnt/0", "/home/somebody/python": "/mnt/1", "/tools": "/mnt/2"},
    files={"/etc/passwd": 7},
    seccomp=8,
    status=9,
)


def words(**options: Any) -> str:
    chosen: dict[str, Any] = {
        "name": "a1",
        "workspace": Path("/data/a1"),
        "command": ("true",),
        "read_only": {"/tools": Path("/opt/tools")},
    }
    return " ".join(arguments(WallOptions(**chosen | options), SYSTEM, PLAN))


def test_every_namespace_is_its_own_and_the_network_only_shared_when_asked() -> None:
    assert "--unshare-all" in words()
    assert "--share-net" not in words()
    assert "--share-net" not in words(network=Network.OUTBOUND)
    assert "--share-net" in words(network=Network.HOST)


def test_only_the_workspace_can_be_written() -> None:
    assert words().count(" --bind ") == 1
    assert "--bind /mnt/0 /workspace" in words()
    assert "--ro-bind /mnt/2 /tools" in words()
    assert "--ro-bind /mnt/1 /home/somebody/python" in words()


def test_the_root_is_made_read_only_after_all_that_is_mounted_in_it() -> None:
    after = words().split("--remount-ro / ")[1]
    assert "bind" not in after
    assert "--symlink" not in after


def test_what_bubblewrap_does_not_need_is_not_named_outside() -> None:
    assert "/data/a1" not in words()


def test_its_environment_is_what_is_given_and_three_variables() -> None:
    options = WallOptions(
        name="a1", workspace=Path("/w"), command=("true",), environment={"A": "1", "HOME": "/tmp"}
    )
    found = environment(options, SYSTEM)
    assert set(found) == {"PATH", "HOME", "PWD", "A"}
    assert found["HOME"] == "/tmp"
    assert found["PATH"].endswith(":/home/somebody/python/bin")


def test_it_dies_with_what_started_it_and_has_no_rights() -> None:
    for word in ("--die-with-parent", "--new-session", "--clearenv", "--cap-drop ALL"):
        assert word in words()
    assert "--seccomp 8" in words()


def test_folders_of_its_own_are_before_all_others_and_where_they_are_without_a_wall() -> None:
    chosen: dict[str, Any] = {
        "name": "a1",
        "workspace": Path("/w"),
        "command": ("true",),
        "read_only": {"/opt/tools": Path("/p/tools")},
        "path": ("/opt/tools/bin", "/workspace/bin"),
    }
    walled = environment(WallOptions(**chosen), SYSTEM)["PATH"]
    assert walled.startswith("/opt/tools/bin:/workspace/bin:/usr/")
    without = environment(WallOptions(**chosen, isolation=Isolation.NONE), SYSTEM)["PATH"]
    assert without.startswith("/p/tools/bin:/w/bin:/usr/")
