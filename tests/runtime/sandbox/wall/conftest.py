"""Those who start walls in tests, and what they need of this machine."""

import functools
import itertools
import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from perdure.runtime.sandbox.wall.cgroups import ControlGroup, layout
from perdure.runtime.sandbox.wall.machine import Level, examine_apart

ROOT = Path(__file__).parents[4]
ATTACKS = Path(__file__).with_name("attacks")
ORDINARY = 65534
UIDS = itertools.count(210_000)
PYTHON = f"{sys.base_prefix}/bin/python{sys.version_info.major}.{sys.version_info.minor}"
# An ordinary user's groups are those that somebody has given it.
GROUP = f"perdure-tests-{os.getpid()}"


class Warden:
    """A process that starts programs, behind walls or not, as root or not."""

    def __init__(self, who: str, folder: Path) -> None:
        self.who = who
        self.folder = folder
        self.canary = secrets.token_hex(12)
        self.uid = ORDINARY if who != "root" and os.geteuid() == 0 else 0
        outside = folder / "outside"
        outside.mkdir(mode=0o700)
        self.workspaces = folder / "workspaces"
        self.workspaces.mkdir(mode=0o711)
        self.own(outside)
        self.tools = folder / "tools"
        self.tools.mkdir()
        self.groups = self.delegated() if who == "ordinary" and self.uid else []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.runtime.sandbox.wall.warden", str(folder), str(self.uid)],
            cwd=ROOT,
            env=os.environ
            | {"CANARY": self.canary, "GROUPS_TO_JOIN": " ".join(map(str, self.groups))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.outside: dict[str, Any] = self.answer()

    def own(self, path: Path) -> None:
        if self.uid:
            os.chown(path, self.uid, self.uid)

    def delegated(self) -> list[Path]:
        """Control groups that belong to the ordinary user."""
        groups = [base / GROUP for base in dict.fromkeys(layout().bases.values())]
        for group in groups:
            group.mkdir()
            for path in (group, *group.iterdir()):
                self.own(path)
        return groups

    def answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the warden has ended"
        return json.loads(line)

    def workspace(self, uid: int | None) -> Path:
        workspace = Path(tempfile.mkdtemp(dir=self.workspaces))
        if uid is not None:
            os.chown(workspace, uid, uid)
        else:
            self.own(workspace)
        return workspace

    def run(self, *command: str, **options: Any) -> dict[str, Any]:
        """Run a program to its end: its output, how it ended, what it used."""
        walled = options.get("isolation", "bubblewrap") != "none"
        uid = next(UIDS) if walled and self.who == "root" else None
        workspace = self.workspace(uid)
        request = {
            "name": f"test-{os.getpid()}-{workspace.name.replace('_', '-').lower()}",
            "workspace": str(workspace),
            "command": command,
            "uid": uid,
            **options,
        }
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = self.answer()
        return answer

    def attack(self, name: str, **options: Any) -> dict[str, Any]:
        """What an attack says of itself, with how its program ended."""
        facts = self.outside | {"cores": 0.05, **options.pop("facts", {})}
        command = (PYTHON, "-I", "-S", "/attacks/run.py", name, json.dumps(facts))
        seen = {"/attacks": str(ATTACKS), "/tools": str(self.tools)}
        ran = self.run(*command, read_only=seen, **options)
        told = json.loads(ran["output"]) if ran.get("output", "").startswith("{") else {}
        return ran | {"told": told}

    def kill(self, pid: int) -> None:
        """End what a program has left behind, and wait for it."""
        pidfd = os.pidfd_open(pid)
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        select.select([pidfd], [], [], 60)
        os.close(pidfd)

    def end(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
        for group in self.groups:
            ControlGroup("tests", 1, {"tests": group}).remove(within_s=30.0)


def apart(source: str, **environment: str) -> Any:
    """Run statements in a process of one thread; what they give to ``tell`` comes back."""
    start = "import json, os\nfrom pathlib import Path\ntell = lambda x: print(json.dumps(x))\n"
    ran = subprocess.run(
        [sys.executable, "-c", start + textwrap.dedent(source)],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def needed() -> None:
    """Skip where there is nothing to make a wall of."""
    if shutil.which("bwrap") is None:
        pytest.skip("there is no bubblewrap here, to make a wall: apt-get install bubblewrap")
    if (why := what_is_missing()) is not None:
        pytest.skip(f"no wall can be had here: {why}")


@functools.cache
def what_is_missing() -> str | None:
    """Why this machine gives no full wall, and what to do; None if it does. CI allows no such skip."""
    found = examine_apart()
    if found.level is Level.FULL:
        return None
    return "; ".join(f"{f.what}: {f.detail} ({f.what_to_do})" for f in found.missing)


@pytest.fixture
def as_root() -> None:
    """Skip where this is not root."""
    if os.geteuid() != 0:
        pytest.skip("only root starts sandboxes as root")


@pytest.fixture
def bubblewrap() -> None:
    """Skip where there is nothing to make a wall of."""
    needed()


@pytest.fixture(scope="session", params=["root", "ordinary"])
def warden(request: pytest.FixtureRequest) -> Iterator[Warden]:
    """One who starts walls: root, and then an ordinary user."""
    yield from warden_of(request.param)


@pytest.fixture(scope="session")
def without_groups() -> Iterator[Warden]:
    """An ordinary user who may make no control groups."""
    if os.geteuid() != 0:
        pytest.skip("only root starts sandboxes as root, and as others who have nothing")
    yield from warden_of("undelegated")


def warden_of(who: str) -> Iterator[Warden]:
    needed()
    if who == "root" and os.geteuid() != 0:
        pytest.skip("only root starts sandboxes as root")
    folder = Path(tempfile.mkdtemp(prefix="perdure-wall-", dir="/var/tmp"))
    folder.chmod(0o711)
    warden = Warden(who, folder)
    yield warden
    warden.end()
    shutil.rmtree(folder)
