"""A child of a supervisor that does what its settings, and then the supervisor, tell it.

Settings are JSON: ``{"prepare": "fail"}`` and the like. What it says to the supervisor is JSON,
too. With ``journal`` it writes a line there for each thing that happens to it, and with ``lock``
it holds a lock while it serves that two processes can never have.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

from perdure.runtime.shards.supervisor.parent import Assignment, Parent, run_child
from perdure.runtime.shards.supervisor.places import Identity
from perdure.storage.errors import UsageError


def blocking_user_code() -> None:
    time.sleep(3600)


def spinning_user_code() -> None:
    while True:
        pass


class ProgramDuty:
    def __init__(self, parent: Parent) -> None:
        self.parent = parent
        self.loop = asyncio.get_running_loop()
        self.settings: dict[str, Any] = {}
        self.identity: Identity | None = None
        self.sockets: list[socket.socket] = []
        self.links: dict[str, socket.socket] = {}
        self.lock: IO[str] | None = None
        self.drained = asyncio.Event()

    def say(self, what: str, value: object = None) -> None:
        self.parent.tell(json.dumps([what, value]).encode())

    def note(self, what: str) -> None:
        if "journal" in self.settings:
            with Path(self.settings["journal"]).open("a") as journal:
                journal.write(f"{what} {self.identity}\n")

    async def prepare(self, assignment: Assignment) -> bytes:
        self.settings = json.loads(assignment.settings or b"{}")
        self.identity = assignment.identity
        self.sockets = list(assignment.sockets)
        match self.settings.get("prepare"):
            case "fail":
                exec(compile("import no_such_module", "main.py", "exec"))
            case "refuse":
                raise UsageError("main.py has no class Room") from ValueError("the cause")
            case "system_exit":
                raise SystemExit(3)
            case "exit":
                os._exit(7)
            case "sleep":
                blocking_user_code()
            case "wait":
                await asyncio.Event().wait()
        self.note("ready")
        variables = [name for name in os.environ if name.startswith("PERDURE_SUP")]
        return json.dumps({"pid": os.getpid(), "variables": variables}).encode()

    async def serve(self) -> None:
        if self.settings.get("serve") == "fail":
            raise UsageError("the log is damaged")
        if "lock" in self.settings:
            self.lock = Path(self.settings["lock"]).open("w")  # noqa: SIM115  # stop() closes it
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.note("serving")

    async def drain(self, left_s: float, *, together: bool) -> None:
        self.note("draining together" if together else "draining")
        if self.settings.get("drain") == "never":
            await self.drained.wait()
        self.note("drained")

    def adopt(self, end: socket.socket) -> None:
        end.close()

    def relay(self, left_s: float, end: socket.socket) -> None:
        end.close()
        self.note(f"relaying for {left_s:g} s")
        if self.settings.get("relay") != "silent":
            self.parent.relaying(3, 4)
        if self.settings.get("relay") == "through":
            self.parent.is_through()

    async def stop(self) -> None:
        if self.settings.get("stop") == "hang":
            blocking_user_code()
        self.note("stopped")
        for end in (*self.links.values(), *self.sockets):
            self.loop.remove_reader(end.fileno())
            end.close()
        if self.lock is not None:
            self.lock.close()

    def link(self, peer: Identity, end: socket.socket) -> None:
        end.setblocking(False)
        self.links[str(peer)] = end
        self.loop.add_reader(end.fileno(), self.heard, str(peer), end)
        with contextlib.suppress(OSError):  # the other may be gone before this one hears of it
            end.send(str(self.identity).encode())

    def heard(self, peer: str, end: socket.socket) -> None:
        try:
            data = end.recv(1000)
        except ConnectionResetError:
            data = b""
        if not data:
            self.loop.remove_reader(end.fileno())
        else:
            assert data.decode() == peer
            self.say("linked", peer)

    def unlink(self, peer: Identity) -> None:
        end = self.links.pop(str(peer))
        self.loop.remove_reader(end.fileno())
        end.close()
        self.say("unlinked", str(peer))

    def statistics(self) -> bytes:
        return json.dumps({"links": sorted(self.links)}).encode()

    def told(self, data: bytes) -> None:
        match data.decode():
            case "sleep":
                blocking_user_code()
            case "spin":
                spinning_user_code()
            case "segfault":
                signal.raise_signal(signal.SIGSEGV)
            case "exit":
                os._exit(7)
            case "fail":
                self.parent.fail("the disk is full")
            case "fail at length":
                self.parent.fail("x" * 10**6 + "the disk is full")
            case "raise":
                raise ValueError("told badly")
            case "grandchild":
                child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
                child.returncode = 0  # nobody here waits for it
                self.say("grandchild", child.pid)
            case "descriptors":
                opened = [one for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
                self.say("descriptors", [os.readlink(one) for one in opened])
            case "hang up":
                self.parent._control.close()
            case said:
                self.say("told", said)


def main(loop: str) -> int:
    factory = asyncio.new_event_loop
    if loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    return run_child(ProgramDuty, factory)


if __name__ == "__main__":
    sys.exit(main(sys.argv[-1]))
