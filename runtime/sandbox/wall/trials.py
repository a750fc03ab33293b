"""Finds out by trying which wall this machine can give, what is missing and what to do about it.

As a program (``python -m perdure.runtime.sandbox.wall.trials``) it says it in JSON: that is how a
process with several threads asks, for a wall may be started from one thread only.
"""

import dataclasses
import json
import os
import re
import select
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .cgroups import create
from .child import TUNNELS
from .errors import WallRefused
from .machine import Finding, Machine
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


def examine() -> Machine:
    """Try it all out, in some tenths of a second. The caller must have one thread only."""
    return Machine(tuple(findings()))


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
