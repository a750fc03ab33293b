"""A process with one thread that starts walls for tests, as root or as an ordinary user.

``python -m tests.runtime.sandbox.wall.warden FOLDER UID``: UID is 0, or whom it becomes. It starts
a victim (victim.py) as itself, says in a line of JSON what is known of it, and then answers each
line of JSON that asks for a program to be run with a line that says how that went.
"""

import dataclasses
import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from perdure.runtime.sandbox.wall import kernel
from perdure.runtime.sandbox.wall.child import TUNNELS, allow_tunnels
from perdure.runtime.sandbox.wall.errors import WallRefused
from perdure.runtime.sandbox.wall.options import Isolation, Network, WallLimits, WallOptions
from perdure.runtime.sandbox.wall.seccomp import filter_program
from perdure.runtime.sandbox.wall.start import start_wall

ROOT = Path(__file__).parents[4]
OUTPUT_BYTES_MAX = 1 << 16
WITHIN_S = 60.0


def main() -> None:
    folder, uid = Path(sys.argv[1]), int(sys.argv[2])
    filter_program()  # imports what it needs while it can be reached
    for group in os.environ["GROUPS_TO_JOIN"].split():
        Path(group, "cgroup.procs").write_text("0")
    if uid:
        become_ordinary(uid, [Path(sys.base_prefix), Path(sys.prefix), ROOT, folder])
    victim = start_victim(folder / "outside")
    os.set_inheritable(os.open(folder / "outside", os.O_RDONLY), True)
    assert victim.stdout is not None
    tell(victim.stdout.readline().strip())
    for line in sys.stdin:
        tell(json.dumps(run(json.loads(line))))
    assert victim.stdin is not None
    victim.stdin.close()
    victim.wait()


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def start_victim(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", f"{__spec__.parent}.victim", str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def become_ordinary(uid: int, needed: list[Path]) -> None:
    """Become a user without rights, for whom ``needed`` can be reached all the same.

    Those that lie in folders of root's are bound, in mounts of this process's own.
    """
    kernel.unshare_mounts()
    opened = {path: os.open(path, os.O_PATH) for path in map(Path.resolve, needed)}
    covered: set[Path] = set()
    for path in opened:
        closed = [p for p in reversed(path.parents) if not p.stat().st_mode & 0o001]
        if closed and not any(c in path.parents for c in covered):
            kernel.mount_tmpfs(str(closed[0]), 0, "mode=0755")
            covered.add(closed[0])
    for path, descriptor in opened.items():
        if any(c in path.parents for c in covered):
            path.mkdir(parents=True, exist_ok=True)
            kernel.bind(f"/proc/self/fd/{descriptor}", str(path))
        os.close(descriptor)
    if TUNNELS.exists():
        allow_tunnels()  # as most systems do for everybody
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    kernel.libc.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: /proc/self is its own again
    os.environ["HOME"] = "/nonexistent"


def run(asked: dict[str, Any]) -> dict[str, Any]:
    """Run a program, and tell what it wrote and how it ended."""
    here, there = os.pipe()
    descriptors = {1: there}
    master = slave = -1
    if asked.pop("terminal", False):
        master, slave = pty.openpty()
        descriptors[0] = slave
    asked["isolation"] = Isolation(asked.get("isolation", "bubblewrap"))
    asked["network"] = Network(asked.get("network", "none"))
    asked["limits"] = WallLimits(**asked.get("limits", {}))
    asked["workspace"] = Path(asked["workspace"])
    asked["command"] = tuple(asked["command"])
    asked["read_only"] = {inside: Path(p) for inside, p in asked.get("read_only", {}).items()}
    try:
        wall = start_wall(WallOptions(descriptors=descriptors, **asked))
    except WallRefused as refused:
        os.close(here)
        return {"refused": refused.missing, "what_to_do": refused.what_to_do}
    finally:
        os.close(there)
        for descriptor in {master, slave} - {-1}:
            os.close(descriptor) if descriptor == slave else None
    output = b""
    deadline = time.monotonic() + WITHIN_S
    while len(output) < OUTPUT_BYTES_MAX and (left := deadline - time.monotonic()) > 0:
        readable = select.select([here, wall.pidfd], [], [], left)[0]
        piece = os.read(here, 4096) if here in readable else b""
        output += piece
        if not piece and (readable == [here] or wall.pidfd in readable):
            break
    select.select([wall.pidfd], [], [], max(0.0, deadline - time.monotonic()))
    usage = wall.usage()
    ending = wall.end()
    os.close(here)
    if master >= 0:
        os.close(master)
    return {
        "output": output.decode(errors="replace"),
        "usage": dataclasses.asdict(usage),
        **dataclasses.asdict(ending),
    }


if __name__ == "__main__":
    main()
