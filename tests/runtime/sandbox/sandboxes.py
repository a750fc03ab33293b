"""Real sandboxes for tests: a launcher, keepers, agents, and what becomes of them."""

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from perdure.runtime.sandbox.asking import Output, SandboxStream
from perdure.runtime.sandbox.connection import SandboxConnection
from perdure.runtime.sandbox.keeper.launching import LauncherProcess

WAIT_S = 60
# How long a command has that is to run out of time, and is to say something before: the first is
# enough but for a machine that is slow, or has much else to do.
TIMES_S = (0.3, 3.0, 30.0)


class Sandboxes:
    """A launcher, and connections to the sandboxes of one test."""

    def __init__(self, folder: Path, launcher: LauncherProcess, isolation: str) -> None:
        self.folder = folder
        self.launcher = launcher
        self.isolation = isolation
        self.ids: set[str] = set()
        self.connections: list[SandboxConnection] = []

    async def open(self, name: str | None = None, **settings: Any) -> SandboxConnection:
        name = name or secrets.token_hex(32)
        settings = {"isolation": self.isolation, **settings}
        connection = await SandboxConnection.open(self.folder, name, settings)
        self.ids.add(name)
        self.connections.append(connection)
        return connection

    async def close(self) -> None:
        """End what the test has opened, and see that nothing is left of it but files."""
        for connection in self.connections:
            connection.close()
        for name in self.ids:
            connection = await SandboxConnection.open(
                self.folder, name, {"isolation": self.isolation}
            )
            await connection.ask("destroy")
            connection.close()
            until(lambda name=name: not processes_with(name))
            assert not (self.folder / name).exists()


def until(is_true: Any) -> None:
    """Wait, without asyncio, for something that other processes do."""
    deadline = time.monotonic() + WAIT_S
    while not is_true():
        assert time.monotonic() < deadline, "it does not come true"
        time.sleep(0.005)


async def stalled(count: Callable[[], int]) -> int:
    """What a count is when it does not grow any more."""
    last, same = -1, 0
    while same < 30:
        await asyncio.sleep(0.01)
        same = same + 1 if count() == last else 0
        last = count()
    return last


def processes_with(text: str) -> list[int]:
    """All living processes whose command, folder or environment has a text."""
    found = []
    for path in Path("/proc").iterdir():
        if not path.name.isdigit() or int(path.name) == os.getpid():
            continue
        try:
            told = (path / "cmdline").read_bytes() + (path / "environ").read_bytes()
            told += os.fsencode(os.readlink(path / "cwd"))
        except OSError:
            continue
        if text.encode() in told:
            found.append(int(path.name))
    return found


def parent_of(pid: int) -> int:
    """Whose child a process is."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def children_of(pid: int) -> set[int]:
    """The children of a process."""
    found = set()
    for path in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if path.name.isdigit() and parent_of(int(path.name)) == pid:
                found.add(int(path.name))
    return found


def open_files(pid: int) -> list[str]:
    """What a process has open, which may change meanwhile; nothing if it has ended."""
    found = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for path in list(Path(f"/proc/{pid}/fd").iterdir()):
            with contextlib.suppress(FileNotFoundError):
                found.append(os.readlink(path))
    return found


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}


async def output_of(stream: SandboxStream) -> tuple[bytes, bytes, dict[str, Any]]:
    """All that a command writes, and how it ended."""
    whole = {"stdout": b"", "stderr": b"", "data": b""}
    async for item in stream:
        if isinstance(item, Output):
            whole[item.name] += item.data
    return whole["stdout"] + whole["data"], whole["stderr"], await stream.answer()


async def run(connection: SandboxConnection, command: str, **fields: Any) -> Any:
    """Run a command; return what it writes, and how it ended."""
    async with connection.stream("exec", command=command, **fields) as stream:
        return await output_of(stream)


async def run_out_of_time(connection: SandboxConnection, command: str) -> tuple[bytes, Any]:
    """Run a command that says it is ready, and does not end by itself, until its time is over."""
    for timeout_s in TIMES_S:
        stdout, _, answer = await run(connection, command, timeout_s=timeout_s)
        assert answer["timed_out"] is True
        if stdout:
            return stdout, answer
    raise AssertionError("it does not get ready")


async def text_of(connection: SandboxConnection, command: str) -> str:
    """Run a command that goes well; return what it writes."""
    stdout, stderr, answer = await run(connection, command)
    assert answer["exit_code"] == 0, stderr
    return str(stdout.decode()).strip()


async def next_output(items: AsyncIterator[Any]) -> bytes:
    """The next raw bytes of a stream."""
    async for item in items:
        if isinstance(item, Output):
            return item.data
    raise AssertionError("the stream has ended")


async def output_until(items: AsyncIterator[Any], text: bytes) -> bytes:
    """What a stream says up to a text: what a terminal is written at once may come in pieces."""
    whole = b""
    while text not in whole:
        whole += await next_output(items)
    return whole
