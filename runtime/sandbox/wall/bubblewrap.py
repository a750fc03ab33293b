"""The command line of bubblewrap for one wall."""

# Pure: it imports nothing that does anything.

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .options import WORKSPACE, Network, WallOptions
from .system_folders import SystemFolders

UID_INSIDE = 1000  # and the group; outside it is another
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a command line is made of, besides the options and the system.

    Attributes:
        sources: Path inside to where bubblewrap finds what is to be there, with all of
            ``/workspace``, ``read_only`` and ``SystemFolders.private``.
        files: Path inside to the number of a descriptor that says what the file holds.
        seccomp: Number of the descriptor that has the filter.
        status: Number of the descriptor that bubblewrap tells the program's start and end on.
        block: Number of a descriptor that bubblewrap waits for before it starts the program.
    """

    sources: Mapping[str, str]
    files: Mapping[str, int]
    seccomp: int
    status: int
    block: int | None = None


def environment(options: WallOptions, system: SystemFolders) -> dict[str, str]:
    """All that the program finds in its environment."""
    first = (options.seen_at(folder) for folder in options.path)
    path = ":".join([*first, PATH, *(f"{prefix}/bin" for prefix in system.private)])
    home = options.seen_at(WORKSPACE)
    return {"PATH": path, "HOME": home, "PWD": home, **options.environment}


def arguments(options: WallOptions, system: SystemFolders, plan: Plan) -> list[str]:
    """What bubblewrap is told, without the program that it is to start. The order counts."""
    return [
        *namespaces(options),
        *(
            word
            for name, value in environment(options, system).items()
            for word in ("--setenv", name, value)
        ),
        *root(options, system, plan),
        *("--seccomp", str(plan.seccomp)),
        *("--json-status-fd", str(plan.status)),
        *(("--block-fd", str(plan.block)) if plan.block is not None else ()),
        *("--chdir", WORKSPACE),
    ]


def namespaces(options: WallOptions) -> Iterator[str]:
    yield "--unshare-all"
    if options.network is Network.HOST:
        yield "--share-net"
    yield from ("--uid", str(UID_INSIDE), "--gid", str(UID_INSIDE), "--cap-drop", "ALL")
    yield from ("--hostname", "sandbox", "--die-with-parent", "--new-session", "--clearenv")


def root(options: WallOptions, system: SystemFolders, plan: Plan) -> Iterator[str]:
    """What is mounted, from the root on."""
    temporary = str(options.limits.temporary_bytes)
    for folder in system.folders:
        yield from ("--ro-bind", folder, folder)
    for path, target in system.links.items():
        yield from ("--symlink", target, path)
    yield from ("--perms", "0755", "--dir", "/etc")
    for path, descriptor in plan.files.items():
        yield from ("--perms", "0644", "--file", str(descriptor), path)
    yield from ("--proc", "/proc")
    for path in system.hidden:
        yield from ("--ro-bind", "/dev/null", path)
    for path in system.hidden_folders:
        yield from ("--perms", "0555", "--size", "4096", "--tmpfs", path, "--remount-ro", path)
    yield from ("--dev", "/dev")
    yield from ("--perms", "1777", "--size", temporary, "--tmpfs", "/dev/shm")  # noqa: S108 - inside
    yield from ("--remount-ro", "/dev")
    yield from ("--perms", "1777", "--size", temporary, "--tmpfs", "/tmp")  # noqa: S108 - inside
    yield from ("--dir", "/run", "--dir", "/var", "--symlink", "../tmp", "/var/tmp")  # noqa: S108
    for path in (*system.private, *options.read_only):
        yield from ("--ro-bind", plan.sources[path], path)
    yield from ("--bind", plan.sources[WORKSPACE], WORKSPACE)
    yield from ("--remount-ro", "/")
