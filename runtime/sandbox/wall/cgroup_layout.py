"""Where the control groups of a process are: both versions, read from two files of /proc."""

# Pure: it reads text, no files.

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

# What a wall limits by; with version 1 what counts CPU time has a hierarchy that may be its own.
CONTROLLERS = ("memory", "pids", "cpu")
COUNTING = "cpuacct"
# Where a server moves to with version 2, which wants no process in a group that has subgroups.
SERVER_GROUP = "perdure-server"


@dataclass(frozen=True, slots=True)
class CgroupLayout:
    """The groups of this process, below which those of sandboxes are made.

    Attributes:
        version: 1 or 2; 0 if there is none that has controllers.
        bases: Which folder has which controller; with version 2 all have the same.
    """

    version: int
    bases: Mapping[str, Path]


def read_layout(own: str, mounts: str) -> CgroupLayout:
    """``own`` is what /proc/self/cgroup says, ``mounts`` what /proc/self/mountinfo does."""
    paths: dict[str, str] = {}  # controller to path; "" is version 2
    for line in own.splitlines():
        _, controllers, path = line.split(":", 2)
        paths.update(dict.fromkeys(controllers.split(","), path))
    first: dict[str, Path] = {}
    second: Path | None = None
    for kind, options, root, point in cgroup_mounts(mounts):
        if kind == "cgroup2" and "" in paths:
            second = below(point, root, paths[""])
        for controller in (*CONTROLLERS, COUNTING):
            if kind == "cgroup" and controller in options and controller in paths:
                first[controller] = below(point, root, paths[controller])
    if first:
        return CgroupLayout(1, first)
    if second is None:
        return CgroupLayout(0, {})
    base = second.parent if second.name == SERVER_GROUP else second
    return CgroupLayout(2, dict.fromkeys(CONTROLLERS, base))


def cgroup_mounts(mounts: str) -> Iterator[tuple[str, list[str], str, str]]:
    """(kind of file system, its options, what of it is mounted, where)."""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind in {"cgroup", "cgroup2"}:
            root, point = (unescape(field) for field in before.split(" ")[3:5])
            yield kind, options.split(","), root, point


def unescape(field: str) -> str:
    """A field of mountinfo without its octal escapes."""
    for escaped, plain in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(escaped, plain)
    return field


def below(point: str, root: str, path: str) -> Path:
    """Where the group ``path`` is seen, of a hierarchy of which ``root`` is mounted at ``point``.

    A container may see less of a hierarchy than its processes' paths say: what it sees is its own.
    """
    seen, group = PurePosixPath(root), PurePosixPath(path)
    if ".." in group.parts or not group.is_relative_to(seen):
        return Path(point)
    return Path(point, group.relative_to(seen))
