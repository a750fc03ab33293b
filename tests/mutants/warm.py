"""pytest, loaded already, in a process that forks for each run: that saves most of a second of each.

What is loaded before is others' code only: what a copy of the sources holds is read by each fork
anew. ``Warm`` is the side of the one who asks.
"""

import contextlib
import importlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

REQUEST_BYTES_MAX = 2**18
_NUMBER = struct.Struct("i")
# Loads what it is quicker to have: pytest's plugins, and what the framework and its tests import.
# One that is not there is what the tests tell of, if they need it.
BEFORE = (
    "pytest_asyncio.plugin",
    "pytest_aiohttp.plugin",
    "xdist.plugin",
    "pytest_timeout",
    "anyio.pytest_plugin",
    "pytest_cov.plugin",
    "hypothesis.strategies",
    "hypothesis.internal.conjecture.engine",
    "hypothesis.stateful",
    "_pytest.junitxml",
    "aiohttp.web",
    "aiohttp.pytest_plugin",
    "aiosqlite",
    "apsw",
    "cryptography.x509",
    "jwt",
    "msgpack",
    "prometheus_client",
    "rich.console",
    "rich.progress",
    "rich.table",
    "trustme",
    "uvloop",
    "watchfiles",
    "websockets.asyncio.client",
)


class Warm:
    """Runs pytest in a directory, again and again; one run at a time."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (self._channel, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * REQUEST_BYTES_MAX)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.mutants.warm", str(theirs.fileno())],
            cwd=directory,
            env=environment,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )
        theirs.close()

    def run(self, arguments: Sequence[str], output: Path, timeout_s: float) -> int:
        """Run pytest; what it prints goes into the file ``output``.

        Returns:
            Its exit code; -9 if it had to be killed, because ``timeout_s`` was not enough.
        """
        request = json.dumps([list(arguments), str(output)]).encode()
        assert len(request) <= REQUEST_BYTES_MAX
        self._channel.settimeout(None)
        self._channel.send(request)
        pid = self._number()
        self._channel.settimeout(timeout_s)
        try:
            return self._number()
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)  # nobody else has its number: it is waited for below
            self._channel.settimeout(None)
            return self._number()

    def _number(self) -> int:
        data = self._channel.recv(_NUMBER.size)
        if not data:
            raise RuntimeError(f"what forks has ended with {self._process.wait()}")
        (number,) = _NUMBER.unpack(data)
        return int(number)

    def close(self) -> None:
        self._channel.close()
        self._process.wait()


# ---- the process that forks


class FirstCase:
    """Passes over the further cases of a test of which one has failed: one is enough.

    A case that waits for what never comes takes until its time is up, and some have dozens.
    """

    def __init__(self) -> None:
        self._failed: set[str] = set()

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if item.nodeid.split("[")[0] in self._failed:
            pytest.skip("another case of this test has failed")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed.add(report.nodeid.split("[")[0])


def _become_a_run(control: socket.socket) -> list[str]:
    """Fork when asked to; return in each fork the arguments of pytest.

    What asked is gone when nothing comes any more, and so is this process then.
    """
    while request := control.recv(REQUEST_BYTES_MAX):
        arguments, output = json.loads(request)
        pid = os.fork()
        if pid == 0:
            control.close()
            sink = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(sink, 1)
            os.dup2(sink, 2)
            os.close(sink)
            return [str(argument) for argument in arguments]
        control.send(_NUMBER.pack(pid))
        control.send(_NUMBER.pack(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])))
    sys.exit()


if __name__ == "__main__":
    for module in BEFORE:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    wanted = _become_a_run(socket.socket(fileno=int(sys.argv.pop(1))))
    sys.exit(pytest.main(wanted, plugins=[FirstCase()]))
