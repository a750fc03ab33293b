"""Children of a supervisor that begin with the framework loaded already.

To load it takes most of a second of processor time, and a server of several processes starts four
or five of them; hundreds of tests start one. So one process loads it, once for each process of
tests, and forks the children. A child is its supervisor's own all the same (CLONE_PARENT): it is
that which reaps it, and with which it ends. A command that was forked itself (tests/cli/forks.py)
has its children forked by a process of its own. With PERDURE_TEST_WITHOUT_FORKS all begin as
interpreters.
"""

import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from perdure.runtime import router_process, worker_process
from perdure.runtime.shards.supervisor import process
from tests.chaos import router as chaos_router
from tests.chaos import worker as chaos_worker
from tests.forker import REQUEST_BYTES_MAX, about_to_fork, channel, forker, run_and_end
from tests.runtime.shards.supervisor import program

DESCRIPTORS_MAX = 16
# By the arguments of the interpreter.
MAINS: dict[tuple[str, ...], Callable[[], int]] = {
    ("-m", "perdure.runtime.router_process"): router_process.main,
    ("-m", "perdure.runtime.worker_process"): worker_process.main,
    ("-m", "tests.chaos.router"): chaos_router.main,
    ("-m", "tests.chaos.worker"): chaos_worker.main,
    (program.__file__, "asyncio"): partial(program.main, "asyncio"),
    (program.__file__, "uvloop"): partial(program.main, "uvloop"),
}
_NUMBER = struct.Struct("i")
_CLONE_PARENT = 0x8000
_SYS_CLONE = {"x86_64": 56, "aarch64": 220}
_DESCRIPTORS_FROM = 500  # out of the way of those that a child is to have


class ForkedPopen:
    """What a supervisor's ``Process`` wants of a ``subprocess.Popen``."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def wait(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def can_fork() -> bool:
    """Whether this machine's kernel is asked in a way that stands here."""
    is_known = sys.platform == "linux" and os.uname().machine in _SYS_CLONE
    return is_known and "PERDURE_TEST_WITHOUT_FORKS" not in os.environ


def fork_children(patch: pytest.MonkeyPatch) -> None:
    """Have supervisors of this process start what they start as forks, until it is undone."""
    patch.setattr(process, "subprocess", _forking(lambda: forker("tests.child_forks")))


def fork_own_children() -> None:
    """Likewise, for good, and from what this process, which is itself a fork, has loaded.

    It has neither threads nor a loop yet.
    """
    ours, theirs = channel()
    if os.fork() == 0:
        ours.close()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        run_and_end(_become_a_child(theirs))
    theirs.close()
    setattr(process, "subprocess", _forking(lambda: ours))  # noqa: B010  # mypy knows a module


def _forking(server: Callable[[], socket.socket]) -> type:
    def popen(
        command: Sequence[str], *, env: Mapping[str, str], pass_fds: Sequence[int], **options: Any
    ) -> "ForkedPopen | subprocess.Popen[bytes]":
        arguments = tuple(command[1:])
        if arguments not in MAINS or command[0] != sys.executable:
            return subprocess.Popen(command, env=env, pass_fds=pass_fds, **options)
        request = json.dumps([arguments, os.getcwd(), dict(env), list(pass_fds)]).encode()
        assert len(request) <= REQUEST_BYTES_MAX
        socket.send_fds(server(), [request], [1, 2, *pass_fds])
        [pid] = _NUMBER.unpack(server().recv(_NUMBER.size))
        return ForkedPopen(pid)

    class Subprocess:
        DEVNULL = subprocess.DEVNULL
        Popen = staticmethod(popen)

    return Subprocess


# ---- the process that forks


def _become_a_child(control: socket.socket) -> Callable[[], int]:
    """Fork when asked to; return in each fork what it is to do.

    What asked is gone when nothing comes any more, and so is this process then.
    """
    while True:
        request, descriptors, *_ = socket.recv_fds(control, REQUEST_BYTES_MAX, DESCRIPTORS_MAX)
        if not request:
            os._exit(0)
        if (pid := _fork_for_parent()) == 0:
            control.close()
            return _begin(json.loads(request), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        control.send(_NUMBER.pack(pid))


def _fork_for_parent() -> int:
    """Fork a child of this process's parent, as os.fork() does with children of its own."""
    python = ctypes.pythonapi  # keeps the interpreter's lock over each of these calls
    syscall = ctypes.PyDLL(None).syscall
    python.PyOS_BeforeFork()
    number = _SYS_CLONE[os.uname().machine]
    pid = syscall(number, _CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        python.PyOS_AfterFork_Child()
    else:
        python.PyOS_AfterFork_Parent()
    return int(pid)


def _begin(
    request: tuple[list[str], str, dict[str, str], list[int]], got: list[int]
) -> Callable[[], int]:
    arguments, directory, environment, numbers = request
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    high = [fcntl.fcntl(one, fcntl.F_DUPFD, _DESCRIPTORS_FROM) for one in got]
    for one in got:
        os.close(one)
    for one, number in zip(high, [1, 2, *numbers], strict=True):
        os.dup2(one, number)
        os.close(one)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[0] = directory  # as with python -m
    sys.argv[:] = arguments[-1:]
    # Its command line is that of what forked it.
    Path("/proc/self/comm").write_text(arguments[-1].rpartition(".")[2])
    return MAINS[tuple(arguments)]


if __name__ == "__main__":
    import uvloop  # noqa: F401  # what both load when they start

    about_to_fork()
    run_and_end(_become_a_child(socket.socket(fileno=int(sys.argv.pop(1)))))
