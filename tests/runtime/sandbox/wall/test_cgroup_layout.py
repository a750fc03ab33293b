"""Where control groups are, as /proc says it on different systems."""

from pathlib import Path

from perdure.runtime.sandbox.wall.cgroup_layout import read_layout

FIRST = """\
8:pids:/user/a
4:memory:/process/b
2:cpu,cpuacct:/
1:name=systemd:/
0::/
"""
FIRST_MOUNTS = """\
30 25 0:26 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
31 25 0:27 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
32 25 0:28 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
33 25 0:29 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
34 25 0:30 / /data rw,relatime - ext4 /dev/vda rw
"""
SECOND_MOUNTS = "30 25 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"


def test_version_1_has_a_hierarchy_for_each_controller() -> None:
    layout = read_layout(FIRST, FIRST_MOUNTS)
    assert layout.version == 1
    assert layout.bases == {
        "pids": Path("/sys/fs/cgroup/pids/user/a"),
        "memory": Path("/sys/fs/cgroup/memory/process/b"),
        "cpu": Path("/sys/fs/cgroup/cpu,cpuacct"),
        "cpuacct": Path("/sys/fs/cgroup/cpu,cpuacct"),
    }


def test_version_2_has_one() -> None:
    layout = read_layout("0::/user.slice/perdure.service\n", SECOND_MOUNTS)
    assert layout.version == 2
    assert set(layout.bases.values()) == {Path("/sys/fs/cgroup/user.slice/perdure.service")}


def test_a_server_that_has_moved_aside_is_still_below_its_group() -> None:
    layout = read_layout("0::/user.slice/perdure.service/perdure-server\n", SECOND_MOUNTS)
    assert set(layout.bases.values()) == {Path("/sys/fs/cgroup/user.slice/perdure.service")}


def test_a_container_that_sees_its_own_group_as_the_root_finds_it() -> None:
    own = "0::/docker/abc/inner\n"
    mounted = "30 25 0:26 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
    assert read_layout(own, mounted).bases["pids"] == Path("/sys/fs/cgroup/inner")


def test_a_path_outside_of_what_is_mounted_is_what_is_mounted() -> None:
    mounted = "30 25 0:26 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
    for own in ("0::/../other\n", "0::/docker/other\n"):
        assert read_layout(own, mounted).bases["pids"] == Path("/sys/fs/cgroup")


def test_no_control_groups_are_version_0() -> None:
    assert read_layout("", "34 25 0:30 / /data rw - ext4 /dev/vda rw\n").version == 0


def test_spaces_in_a_mount_point_are_read() -> None:
    mounted = "30 25 0:26 / /sys/fs/c\\040group rw - cgroup2 cgroup2 rw\n"
    assert read_layout("0::/\n", mounted).bases["pids"] == Path("/sys/fs/c group")
