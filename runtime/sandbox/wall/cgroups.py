"""The control group of one sandbox: how much all its processes may use, and their common end.

*Promise*: what joined it is limited from then on with all that it starts, and none of it can leave
without a cgroup file system to write to, which a wall has not got.
"""

import contextlib
import errno
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .cgroup_layout import CONTROLLERS, SERVER_GROUP, CgroupLayout, read_layout
from .ending import Usage
from .errors import WallRefused, WallStands
from .options import WallLimits

PERIOD_US = 100_000  # the kernel's own default: a tenth of a second in which a share is used up
QUOTA_US_MIN = 1_000  # less the kernel refuses
LOOK_AGAIN_S = 0.002
DELEGATE = (
    "Start perdure as root, or in a group that is delegated to its user "
    "(systemd: Delegate=yes in the unit, or systemd-run --user --scope -p Delegate=yes), "
    'or write limits = "best-effort" under [perdure.sandbox]: then rlimits do what they can'
)


@dataclass(frozen=True, slots=True)
class ControlGroup:
    """One group, which with version 1 is a folder in each of several hierarchies.

    Attributes:
        name: Of the sandbox.
        version: Of control groups.
        folders: Controller to folder; those controllers that could be had.
    """

    name: str
    version: int
    folders: dict[str, Path]

    def join(self) -> None:
        """Move the calling process into it; in a child, before it does anything else."""
        for folder in self.each():
            (folder / "cgroup.procs").write_text("0")

    def each(self) -> list[Path]:
        return list(dict.fromkeys(self.folders.values()))

    def limit(self, limits: WallLimits) -> None:
        for controller, files in settings(self.version, limits).items():
            folder = self.folders.get(controller)
            for file, value in files.items() if folder else ():
                assert folder is not None
                # A kernel that accounts no swap has no file for it.
                if "sw" not in file or (folder / file).exists():
                    (folder / file).write_text(value)

    def pids(self) -> list[int]:
        """Its processes, with numbers as they are here."""
        try:
            return [int(pid) for pid in (self.each()[0] / "cgroup.procs").read_text().split()]
        except FileNotFoundError:
            return []

    def usage(self) -> Usage:
        """What it uses and has used."""
        if self.version == 1:
            nanoseconds = self.number("cpuacct", "cpuacct.usage")
            return Usage(
                memory_bytes=self.number("memory", "memory.usage_in_bytes"),
                memory_peak_bytes=self.number("memory", "memory.max_usage_in_bytes"),
                processes=self.number("pids", "pids.current"),
                cpu_s=None if nanoseconds is None else nanoseconds / 1e9,
                cpu_throttled=self.field("cpu", "cpu.stat", "nr_throttled"),
                out_of_memory_kills=self.field("memory", "memory.oom_control", "oom_kill"),
                forks_refused=self.field("pids", "pids.events", "max"),
            )
        microseconds = self.field("cpu", "cpu.stat", "usage_usec")
        return Usage(
            memory_bytes=self.number("memory", "memory.current"),
            memory_peak_bytes=self.number("memory", "memory.peak"),
            processes=self.number("pids", "pids.current"),
            cpu_s=None if microseconds is None else microseconds / 1e6,
            cpu_throttled=self.field("cpu", "cpu.stat", "nr_throttled"),
            out_of_memory_kills=self.field("memory", "memory.events", "oom_kill"),
            forks_refused=self.field("pids", "pids.events", "max"),
        )

    def number(self, controller: str, file: str) -> int | None:
        text = self.text(controller, file)
        return int(text) if text else None

    def field(self, controller: str, file: str, name: str) -> int | None:
        """A number of a file whose lines are a name and a number each."""
        for line in (self.text(controller, file) or "").splitlines():
            if line.startswith(f"{name} "):
                return int(line.split()[1])
        return None

    def text(self, controller: str, file: str) -> str | None:
        """What a file says; None if this kernel has no such file, or the group is gone."""
        if controller not in self.folders:
            return None
        try:
            return (self.folders[controller] / file).read_text()
        except FileNotFoundError:
            return None

    def kill(self) -> None:
        """Kill what is in it now. It can no longer start anything, so a few rounds reach all."""
        kill_file = self.each()[0] / "cgroup.kill"
        if kill_file.exists():
            kill_file.write_text("1")
            return
        if "pids" in self.folders:
            with contextlib.suppress(FileNotFoundError):
                (self.folders["pids"] / "pids.max").write_text("0")
        for pid in self.pids():
            assert pid > 0, "0 is what a process of another pid namespace is seen as, and us all"
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def remove(self, within_s: float) -> None:
        """Kill what is in it until nothing is left, and remove it.

        Raises:
            WallStands: Something did not end in time.
        """
        deadline = time.monotonic() + within_s
        left = self.each()
        while True:
            if any(folder.exists() for folder in left):
                self.kill()
            left = [folder for folder in left if not removed(folder)]
            if not left:
                return
            if time.monotonic() > deadline:
                raise WallStands(self.name, self.pids())
            time.sleep(LOOK_AGAIN_S)  # the kernel tells nobody when a group of version 1 is empty


def removed(folder: Path) -> bool:
    """Remove the folder of a group; False while there are processes in it."""
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return False
    return True


def settings(version: int, limits: WallLimits) -> dict[str, dict[str, str]]:
    """Controller to what is written in which of its files, in this order."""
    memory = str(limits.memory_bytes)
    quota = str(max(QUOTA_US_MIN, round(limits.cpu_cores * PERIOD_US)))
    pids = {"pids.max": str(limits.processes)}
    if version == 1:
        return {
            "memory": {
                "memory.limit_in_bytes": memory,
                "memory.memsw.limit_in_bytes": memory,
                "memory.swappiness": "0",  # where swap is there and not accounted
            },
            "pids": pids,
            "cpu": {"cpu.cfs_period_us": str(PERIOD_US), "cpu.cfs_quota_us": quota},
        }
    return {
        "memory": {"memory.max": memory, "memory.swap.max": "0"},
        "pids": pids,
        "cpu": {"cpu.max": f"{quota} {PERIOD_US}"},
    }


def layout() -> CgroupLayout:
    """Where this process is."""
    return read_layout(
        Path("/proc/self/cgroup").read_text(), Path("/proc/self/mountinfo").read_text()
    )


def folder_name(name: str) -> str:
    return f"perdure-{name}"


def create(name: str, limits: WallLimits, *, best_effort: bool) -> ControlGroup | None:
    """Make the group of a sandbox, with its limits set.

    Raises:
        WallRefused: It cannot be had here; with ``best_effort`` there is None then, or a group
            that limits what it can.
    """
    here = layout()
    folders: dict[str, Path] = {}
    problems: list[str] = []
    if here.version == 2:
        problems += delegate(next(iter(here.bases.values())))
    for controller, base in here.bases.items():
        folder = base / folder_name(name)
        try:
            if folder not in folders.values():
                removed(folder)  # its counters are those of an earlier sandbox of this name
                folder.mkdir(mode=0o755)
        except FileExistsError:
            raise WallRefused(
                f"a sandbox {name} is running already, in {folder}", "End that one first"
            ) from None
        except OSError as error:
            problems.append(f"{controller}: {error}")
            continue
        folders[controller] = folder
    group = ControlGroup(name, here.version, usable(folders))
    try:
        group.limit(limits)
    except OSError as error:
        problems.append(str(error))
    problems += [f"there is no controller {c}" for c in CONTROLLERS if c not in group.folders]
    if problems and not best_effort:
        for folder in set(folders.values()):
            removed(folder)
        raise WallRefused(f"control groups cannot be had ({'; '.join(problems)})", DELEGATE)
    return group if group.folders else None


def usable(folders: dict[str, Path]) -> dict[str, Path]:
    """Those controllers that there are files of: a delegated group may have some of them only."""
    probes = {"memory": ("memory.max", "memory.limit_in_bytes"), "pids": ("pids.max",)}
    probes |= {"cpu": ("cpu.max", "cpu.cfs_quota_us"), "cpuacct": ("cpuacct.usage",)}
    return {
        controller: folder
        for controller, folder in folders.items()
        if any((folder / probe).exists() for probe in probes[controller])
    }


def delegate(base: Path) -> Iterator[str]:
    """Have subgroups of ``base`` limit something: what this server's own group does not allow yet.

    A group of version 2 has processes or limits for subgroups, so what is in it moves to one of
    them: this server and what was started with it, all of which stay under the limits of ``base``.
    """
    control = base / "cgroup.subtree_control"
    for controller in CONTROLLERS:
        try:
            if controller in control.read_text().split():
                continue
            try:
                control.write_text(f"+{controller}")
            except OSError as error:
                if error.errno != errno.EBUSY:
                    raise
                move_into_subgroup(base)
                control.write_text(f"+{controller}")
        except OSError as error:
            yield f"{controller}: {error}"


def move_into_subgroup(base: Path) -> None:
    server = base / SERVER_GROUP
    server.mkdir(exist_ok=True)
    for pid in (base / "cgroup.procs").read_text().split():
        with contextlib.suppress(ProcessLookupError):
            (server / "cgroup.procs").write_text(pid)


def hasten_joining() -> int | None:
    """Have the kernel begin now with what the next process to join a group would wait for.

    Before it moves one, it waits until nobody can be in the middle of a fork (a grace period of
    RCU: 5 ms, 30 where there is much to do), once for all moves that follow each other closely. So
    a shell moves itself to where it is, while others prepare what is to be moved.

    Only with version 1: in version 2 a server's group may be about to hand its processes down to
    another one, and nobody may come back.

    Returns:
        The shell's process id, a child of this process; None if there is nothing to be hastened.
    """
    here = layout()
    if here.version != 1:
        return None
    # What it says is nobody's business: who cannot hasten waits.
    nothing = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
    group = next(iter(here.bases.values())) / "cgroup.procs"
    words = ("sh", "-c", 'echo 0 > "$0"', str(group))
    return os.posix_spawn("/bin/sh", words, {}, file_actions=nothing)


def remove_leftovers(name: str, within_s: float = 2.0) -> bool:
    """Kill and remove what is left of a sandbox whose keeper was killed; whether there was any.

    Raises:
        WallStands: Something of it does not end.
    """
    here = layout()
    folders = {c: base / folder_name(name) for c, base in here.bases.items()}
    there = {c: folder for c, folder in folders.items() if folder.exists()}
    if there:
        ControlGroup(name, here.version, there).remove(within_s)
    return bool(there)
