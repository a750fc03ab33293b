"""Which wall this machine can give, found by trying, with what is missing and what to do about it.

As a program (``python -m perdure.runtime.sandbox.wall.machine``) it says it in JSON: that is how a
process with several threads asks, for a wall may be started from one thread only.
"""

import dataclasses
import enum
import json
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .cgroups import create
from .child import TUNNELS
from .errors import WallRefused
from .options import WallLimits, WallOptions
from .outbound import find_slirp
from .seccomp import filter_program
from .start import find_bubblewrap, start_wall

UID = 199_999  # as root: whom a trial runs as; those of sandboxes begin above it
WITHIN_S = 10.0
OLDEST = (0, 7)  # the first bubblewrap that can limit a file system in memory (--size)
LIMITS = WallLimits(memory_bytes=64 << 20, processes=32)
IN_A_CONTAINER = (
    "In a container, allow it to make user namespaces and to mount /proc (Docker: --security-opt "
    "seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined)"
)
# Settings of kernels that forbid user namespaces: where, what forbids, what to do.
FORBIDDING = (
    ("user/max_user_namespaces", "0", "Set it: sysctl user.max_user_namespaces=15000"),
    ("kernel/unprivileged_userns_clone", "0", "Set it: sysctl kernel.unprivileged_userns_clone=1"),
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        (
            "Give bubblewrap a profile (Ubuntu: apt-get install apparmor-profiles, and link "
            "bwrap-userns-restrict from /usr/share/apparmor/extra-profiles into /etc/apparmor.d), "
            "or set sysctl kernel.apparmor_restrict_unprivileged_userns=0"
        ),
    ),
)


class Level(enum.StrEnum):
    """What a sandbox on this machine is kept in by."""

    FULL = "full"  # the wall, and limits for all its programs together
    BEST_EFFORT = "best-effort"  # the wall; limits for single processes only
    NONE = "none"  # no wall: a sandbox is refused, unless isolation = "none" is written


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked for.

    Attributes:
        what: It.
        is_there: Whether it works here.
        detail: Which one it is, or why it does not work.
        what_to_do: If it does not work.
    """

    what: str
    is_there: bool
    detail: str
    what_to_do: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """What this machine gives to the user who asked."""

    findings: tuple[Finding, ...]

    @property
    def level(self) -> Level:
        """The best wall that can be had."""
        has = {finding.what: finding.is_there for finding in self.findings}
        if not (has["bubblewrap"] and has["namespaces"] and has["system call filter"]):
            return Level.NONE
        return Level.FULL if has["control groups"] else Level.BEST_EFFORT

    @property
    def has_outbound(self) -> bool:
        """Whether sandboxes can have network = "outbound"."""
        return any(f.what == "slirp4netns" and f.is_there for f in self.findings)

    @property
    def missing(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if not finding.is_there)


def examine() -> Machine:
    """Try it all out, in some tenths of a second. The caller must have one thread only."""
    return Machine(tuple(findings()))


def examine_apart() -> Machine:
    """Try it all out in a process of its own, for a caller that may have threads.

    Raises:
        subprocess.CalledProcessError: That process failed, which is a mistake of ours.
    """
    command = [sys.executable, "-m", __spec__.name if __spec__ else __name__]
    told = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603 - no input
    return Machine(tuple(Finding(**finding) for finding in json.loads(told.stdout)))


def findings() -> Iterator[Finding]:
    try:
        yield judge_bubblewrap(version(find_bubblewrap()))
    except WallRefused as refused:
        yield missing("bubblewrap", refused)
    try:
        size = len(filter_program()) // 8
        yield found("system call filter", f"{size} instructions")
    except WallRefused as refused:
        yield missing("system call filter", refused)
    try:
        group = create(f"trial-{os.getpid()}", LIMITS, best_effort=False)
        assert group is not None
        group.remove(within_s=1.0)
        controllers = ", ".join(sorted(group.folders))
        yield found("control groups", f"version {group.version}: {controllers}")
    except WallRefused as refused:
        yield missing("control groups", refused)
    yield try_namespaces()
    try:
        path = find_slirp()
        if TUNNELS.exists():
            yield found("slirp4netns", version(path))
        else:
            needed = "Have the kernel's module tun loaded: modprobe tun"
            yield not_found("slirp4netns", f"there is no {TUNNELS}", needed)
    except WallRefused as refused:
        yield missing("slirp4netns", refused)


def judge_bubblewrap(its_version: str) -> Finding:
    """Whether it has the options that a wall is made with; what says no version is new enough."""
    numbers = re.search(r"(\d+)\.(\d+)", its_version)
    if numbers is None or (int(numbers[1]), int(numbers[2])) >= OLDEST:
        return found("bubblewrap", its_version)
    to_do = (
        f"Install version {OLDEST[0]}.{OLDEST[1]} or newer, as Debian 12 and Ubuntu 24.04 have it"
    )
    return not_found("bubblewrap", f"{its_version} is too old", to_do)


def found(what: str, detail: str) -> Finding:
    return Finding(what=what, is_there=True, detail=detail)


def not_found(what: str, detail: str, what_to_do: str) -> Finding:
    return Finding(what=what, is_there=False, detail=detail, what_to_do=what_to_do)


def missing(what: str, refused: WallRefused) -> Finding:
    return not_found(what, refused.missing, refused.what_to_do)


def version(path: str) -> str:
    """The first line of what a program says about itself, and where it is."""
    told = subprocess.run([path, "--version"], capture_output=True, check=False, text=True)  # noqa: S603 - no input
    return f"{(told.stdout.splitlines() or ['of unknown version'])[0]} ({path})"


def try_namespaces() -> Finding:
    """Start a program that does nothing behind a wall."""
    what = "namespaces"
    folder = Path(tempfile.mkdtemp(prefix="perdure-trial-"))
    try:
        uid = UID if os.geteuid() == 0 else None
        if uid is not None:
            os.chown(folder, uid, uid)
        wall = start_wall(
            WallOptions(
                name=f"trial-{os.getpid()}",
                workspace=folder,
                command=("/bin/sh", "-c", "exit 7"),
                uid=uid,
                limits=LIMITS,
                best_effort=True,
            )
        )
        select.select([wall.pidfd], [], [], WITHIN_S)
        ending = wall.end()
    except WallRefused as refused:
        return missing(what, refused)
    finally:
        shutil.rmtree(folder)
    if ending.exit_code == 7:
        return found(what, "a trial started and ended")
    return not_found(what, ending.said.strip() or f"it ended: {ending.cause}", why_not())


def why_not() -> str:
    """What to do where bubblewrap cannot make namespaces."""
    for setting, forbids, what_to_do in FORBIDDING:
        path = Path("/proc/sys", setting)
        if path.exists() and path.read_text().strip() == forbids:
            return what_to_do
    return IN_A_CONTAINER


if __name__ == "__main__":
    print(json.dumps([dataclasses.asdict(finding) for finding in examine().findings]))  # noqa: T201 - what it is for
