"""Processes that begin as ``python -m perdure`` with its modules loaded already.

To load them takes most of a second, and the tests start hundreds of processes. So one process
loads them, and each command is a fork of it: it has arguments, environment, directory, streams
and an end of its own, but not an interpreter of its own. .ci/run has one of its runs with
interpreters of their own, by PERDURE_TEST_WITHOUT_FORKS.
"""

import asyncio
import contextlib
import fcntl
import io
import json
import os
import runpy
import signal
import socket
import struct
import sys
import termios
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from tests.child_forks import can_fork, fork_own_children
from tests.forker import REQUEST_BYTES_MAX, about_to_fork, forker, run_and_end

_NUMBER = struct.Struct("i")
# What an interpreter, or the linker, looks at before the first line of ours runs.
_TOO_EARLY = ("PYTHON", "LD_")
_SERVES = {"serve", "dev"}  # what may start processes itself


def can_be_forked(environment: Mapping[str, str]) -> bool:
    """Tell whether a process with these variables added would be the same when forked."""
    if "PERDURE_TEST_WITHOUT_FORKS" in os.environ:
        return False
    return not any(name.startswith(_TOO_EARLY) for name in environment)


class _Request(NamedTuple):
    arguments: list[str]
    directory: str
    environment: dict[str, str]
    in_terminal: bool


class Forked:
    """A command that runs, with the interface of ``asyncio.subprocess.Process``."""

    def __init__(self, pid: int, channel: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdout, self.stderr = asyncio.StreamReader(), asyncio.StreamReader()
        self._transports: list[asyncio.ReadTransport] = []
        self._end = asyncio.ensure_future(self._wait(channel))

    @classmethod
    async def start(
        cls, arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdin: int, stdout: int
    ) -> Self:
        """Start ``python -m perdure`` with ``arguments`` and no environment but ``env``."""
        out, out_end = os.pipe()
        err, err_end = os.pipe()
        null = os.open(os.devnull, os.O_RDONLY)
        source, sink = null if stdin == DEVNULL else stdin, out_end if stdout == PIPE else stdout
        request = _Request(list(arguments), str(cwd), dict(env), in_terminal=False)
        forked = await cls._ask(request, [source, sink, err_end])
        for descriptor in (null, out_end, err_end):
            os.close(descriptor)
        await forked._read(out, forked.stdout)
        await forked._read(err, forked.stderr)
        return forked

    @classmethod
    async def start_in_terminal(
        cls, arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], terminal: int
    ) -> Self:
        """Likewise, with a terminal as all of its streams, and as its own."""
        request = _Request(list(arguments), str(cwd), dict(env), in_terminal=True)
        return await cls._ask(request, [terminal] * 3)

    @classmethod
    async def _ask(cls, request: "_Request", streams: list[int]) -> Self:
        ours, theirs = socket.socketpair()
        data = json.dumps(request).encode()
        assert len(data) <= REQUEST_BYTES_MAX
        socket.send_fds(forker("tests.cli.forks"), [data], [*streams, theirs.fileno()])
        theirs.close()
        ours.setblocking(False)
        return cls(await _number(ours), ours)

    async def _read(self, descriptor: int, reader: asyncio.StreamReader) -> None:
        pipe = open(descriptor, "rb", buffering=0)  # noqa: SIM115  # the transport closes it
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        self._transports.append(transport)

    async def _wait(self, channel: socket.socket) -> int:
        with channel:
            self.returncode = os.waitstatus_to_exitcode(await _number(channel))
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it has ended; that is on its way here
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        return await asyncio.shield(self._end)

    async def communicate(self) -> tuple[bytes, bytes]:
        """Read what is left, and wait for the end."""
        out, err = await asyncio.gather(self.stdout.read(), self.stderr.read())
        await self._end
        for transport in self._transports:
            transport.close()
        return out, err


async def _number(channel: socket.socket) -> int:
    data = await asyncio.get_running_loop().sock_recv(channel, _NUMBER.size)
    (number,) = _NUMBER.unpack(data)
    return int(number)


# ---- the process that forks


def _become_a_command(control: socket.socket) -> None:
    """Fork when asked to; return in each fork, which is then the command.

    What asked is gone when nothing comes any more, and so is this process then.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait below
    while True:
        request, descriptors, *_ = socket.recv_fds(control, REQUEST_BYTES_MAX, 4)
        if not request:
            os._exit(0)
        if os.fork() == 0:
            control.close()
            return _begin(_Request(*json.loads(request)), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _begin(request: _Request, descriptors: list[int]) -> None:
    """Fork once more: this process tells how the other one ends, which is the command."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *streams, channel = descriptors
    if pid := os.fork():
        for stream in streams:
            os.close(stream)
        os.write(channel, _NUMBER.pack(pid))
        os.write(channel, _NUMBER.pack(os.waitpid(pid, 0)[1]))
        os._exit(0)
    os.close(channel)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    if request.in_terminal:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # what runs the tests may ignore it, as nohup does
    os.chdir(request.directory)
    os.environ.clear()
    os.environ.update(request.environment)
    sys.stdin, sys.stdout = _stream(0, "r", "strict"), _stream(1, "w", "strict")
    sys.stderr = _stream(2, "w", "backslashreplace")
    sys.argv[1:] = request.arguments
    sys.path[0] = request.directory


def _stream(number: int, mode: str, errors: str) -> io.TextIOWrapper:
    stream = open(number, mode, errors=errors, closefd=False)  # noqa: SIM115  # for ever
    assert isinstance(stream, io.TextIOWrapper)
    if mode == "w":
        stream.reconfigure(line_buffering=number == 2 or stream.isatty())
    return stream


def _run() -> None:
    runpy.run_module("perdure", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    import uvloop  # noqa: F401  # what a server loads when it starts

    import perdure.cli.main  # noqa: F401  # the modules that all of this is about

    about_to_fork()
    _become_a_command(socket.socket(fileno=int(sys.argv.pop(1))))
    if can_fork() and _SERVES & set(sys.argv):
        fork_own_children()
    run_and_end(_run)
