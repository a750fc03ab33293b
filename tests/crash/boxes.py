"""A server with sandboxes, in processes of its own, and all that may be left of it."""

import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from perdure.runtime.sandbox.keeper.walled import wall_name
from perdure.runtime.sandbox.wall.cgroups import ControlGroup, layout

ROOT = Path(__file__).parents[2]
ORDINARY = 65534
# As the sandbox's own promise says 2 s, and the machine has other tests to run.
GONE_WITHIN_S = 3.0
# Between two looks: what is more is time for which this machine stood still, or had other work.
STEP_S_MAX = 0.25
WAIT_S = 60.0
PROGRAM = """
from perdure import Response, Sandbox, WorkerEntrypoint, get_sandbox

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        name, call = request.url.rsplit("/", 2)[1:]
        sandbox, body = get_sandbox(self.env.SANDBOX, name), await request.text()
        if call == "exec":
            return Response((await sandbox.exec(body)).stdout)
        if call == "start":
            return Response(str((await sandbox.start_process(body)).pid))
        if call == "destroy":
            await sandbox.destroy()
        return Response("")
"""
CONFIG = """
name = "boxes"
main = "main.py"
durable_objects.bindings = [{ name = "SANDBOX", class_name = "Sandbox" }]
migrations = [{ tag = "v1", new_sqlite_classes = ["Sandbox"] }]
perdure.sandbox.sleep_after = "1h"
"""


class Boxes:
    """``perdure serve`` with sandboxes.

    Attributes:
        folder: The project's, which everybody can reach.
        pid: Of the server, or its supervisor.
    """

    def __init__(self, *, workers: int, is_ordinary: bool) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="perdure-boxes-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        (self.folder / "main.py").write_text(PROGRAM)
        (self.folder / "wrangler.toml").write_text(CONFIG)
        self.sandboxes = self.folder / ".perdure" / "sandboxes"
        self.groups: list[Path] = []
        self._seen = set[tuple[int, int]]()
        words = ["serve", "--workers", str(workers), "--port", "0"]
        command = [sys.executable, "-m", "perdure", *words]
        if is_ordinary:
            self._delegate()
            os.chown(self.folder, ORDINARY, ORDINARY)
            groups = ":".join(map(str, self.groups))
            who = [str(ORDINARY), str(self.folder), groups]
            command = [sys.executable, "-m", "tests.crash.as_ordinary", *who, *words]
        self._log = (self.folder / "log").open("wb")
        self._process = subprocess.Popen(
            command,
            cwd=ROOT if is_ordinary else self.folder,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,
        )
        self.pid = self._process.pid
        self.url = self._ready()

    def _delegate(self) -> None:
        for base in dict.fromkeys(layout().bases.values()):
            group = base / f"perdure-tests-{self.folder.name.rpartition('-')[2].lower()}"
            group.mkdir()
            self.groups.append(group)
            for path in (group, *group.iterdir()):
                os.chown(path, ORDINARY, ORDINARY)

    def _ready(self) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(b"Ready on "):
                return line.decode().removeprefix("Ready on ").strip()
        raise AssertionError((self.folder / "log").read_text())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill(self.pid)
        self._process.wait()
        until(lambda: not self.processes())
        for group in self.groups:
            ControlGroup("tests", 1, {"tests": group}).remove(within_s=30.0)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()
        shutil.rmtree(self.folder)

    # ---- what it is asked

    def call(self, name: str, call: str, body: str = "") -> str:
        request = urllib.request.Request(f"{self.url}/{name}/{call}", body.encode())
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            return str(answer.read().decode())

    def calls(self, names: list[str], call: str, body: str = "") -> list[str]:
        """The same of many at once."""
        with ThreadPoolExecutor(len(names)) as pool:
            return list(pool.map(lambda name: self.call(name, call, body), names))

    def kill(self, *pids: int) -> None:
        """As kill -9 does, and wait for their end. Those are this server's processes, or gone."""
        for pid in pids:
            assert pid in {self.pid, *self.processes()} or not Path(f"/proc/{pid}").exists()
        descriptors = [os.pidfd_open(pid) for pid in pids if Path(f"/proc/{pid}").exists()]
        for descriptor in descriptors:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        for descriptor in descriptors:
            select.select([descriptor], [], [], WAIT_S)
            os.close(descriptor)

    def wait(self) -> int:
        return self._process.wait(WAIT_S)

    # ---- what there is of it

    def processes(self, words: str = "") -> list[int]:
        """Its living processes whose command lines have these words, by their parents.

        Who was seen once is known, also when all of its parents have ended.
        """
        known = commands()
        self._seen &= {(pid, began) for pid, (_, began, _) in known.items()}
        mine = {pid for pid, _ in self._seen} | ({self.pid} & known.keys())
        mine |= {pid for pid, (_, _, told) in known.items() if str(self.folder) in told}
        while below := {pid for pid, (parent, _, _) in known.items() if parent in mine} - mine:
            mine |= below
        self._seen |= {(pid, known[pid][1]) for pid in mine}
        return sorted(pid for pid in mine if words in known[pid][2])

    def inside(self) -> list[str]:
        """What sandboxes consist of: launcher, keepers, walls, and all that runs in them."""
        found, known = self.processes(), commands()
        told = (f"{pid} {known[pid][2]}" for pid in found if pid in known and pid != self.pid)
        return [line for line in told if "r_process" not in line]

    def launcher(self) -> int:
        """The one that is there now, which is the server's child."""
        found, known = self.processes("launcher_program"), commands()
        (launcher,) = (pid for pid in found if pid in known and known[pid][0] == self.pid)
        return launcher

    def keepers(self) -> list[int]:
        launcher = self.launcher()
        return [pid for pid in self.processes("launcher_program") if pid != launcher]

    def control_groups(self) -> list[Path]:
        names = {f"perdure-{wall_name(path)}" for path in self.sandboxes.glob("?" * 64)}
        roots = {Path("/sys/fs/cgroup"), *layout().bases.values()}
        # Not Path.rglob, which fails where a folder is removed meanwhile.
        below = (step for root in roots for step in os.walk(root))
        return [Path(path, name) for path, folders, _ in below for name in names & set(folders)]

    def sockets(self) -> list[str]:
        """Those that listen, or whose files are still there."""
        listening = Path("/proc/net/unix").read_text().splitlines()
        files = [str(path) for path in self.sandboxes.rglob("*.sock")]
        return [*files, *(line for line in listening if str(self.sandboxes) in line)]

    def mounts(self) -> list[str]:
        """As any process sees them."""
        found = set[str]()
        for path in Path("/proc").glob("[0-9]*/mountinfo"):
            try:
                found.update(path.read_text().splitlines())
            except OSError:
                continue
        return [line for line in found if str(self.folder.name) in line]

    def files(self) -> set[str]:
        """Names of what lies beside the sandboxes' own files, each kind once."""
        found = {path.name for path in self.sandboxes.iterdir()}
        found |= {path.name for path in self.sandboxes.glob("?" * 64 + "/*")}
        return {re.sub(r"[0-9a-f]{64}", "ID", re.sub(r"agent-\w+\.", "agent.", f)) for f in found}

    def left(self) -> dict[str, Collection[object]]:
        """All that should not be there after its end, without what is empty.

        Workers and routers, which end by themselves when they have lost their supervisor, are not
        counted: sandboxes do not wait for them.
        """
        found: dict[str, Collection[object]] = {
            "processes": self.inside(),
            "control groups": self.control_groups(),
            "sockets": self.sockets(),
            "mounts": self.mounts(),
            "files": self.files()
            - {"agent.pyc", "next_uid", "ID", "keeper.lock", "uid", "workspace"},
        }
        return {kind: left for kind, left in found.items() if left}


def commands() -> dict[int, tuple[int, int, str]]:
    """Every living process: its parent, when it began, and its command line."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
            told = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if fields[0] not in {"Z", "X"}:
            found[int(path.name)] = (int(fields[1]), int(fields[19]), told)
    return found


def until(is_true: Callable[[], object], within_s: float = WAIT_S) -> None:
    left_s, before_s = within_s, time.monotonic()
    while not is_true():
        assert left_s > 0, "it does not come true"
        time.sleep(0.02)
        now_s = time.monotonic()
        left_s -= min(now_s - before_s, STEP_S_MAX)
        before_s = now_s
