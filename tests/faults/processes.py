"""Writers as processes: started, listened to, stopped for a moment, killed.

A writer is forked off a server that has everything imported already, so that a round of "start,
recover, write, die" costs a few hundredths of a second; or it is started afresh under strace.
"""

import contextlib
import multiprocessing
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.faults.writer import Script, run

ROOT = Path(__file__).parents[2]
_PATIENCE_S = 60.0
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.faults.writer"])

Hear = Callable[[str], object]


class Writing:
    """A writer, and the pipe on which it speaks.

    Attributes:
        pid: Its process id; strace's, under strace.
    """

    def __init__(
        self,
        hear: Hear,
        script: Script,
        *,
        wrapper: Sequence[str] = (),
    ) -> None:
        """Start it.

        Args:
            hear: Given each line.
            script: What it does.
            wrapper: A command that starts it, and its arguments; without one it is forked.
        """
        self._hear = hear
        self._rest = b""
        self._read, write = os.pipe()
        os.set_blocking(self._read, False)
        self._child: BaseProcess | subprocess.Popen[bytes]
        try:
            if wrapper:
                program = [sys.executable, "-m", "tests.faults.writer", script.to_json()]
                # In a group of their own: a killed strace lets go of what it traced.
                self._child = subprocess.Popen(
                    [*wrapper, *program], stdout=write, cwd=ROOT, start_new_session=True
                )
            else:
                self._child = _fork(script, write)
        finally:
            os.close(write)
        assert self._child.pid is not None
        self.pid: int = self._child.pid

    def __enter__(self) -> "Writing":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def hear_until(self, is_enough: Callable[[], bool]) -> bool:
        """Listen until ``is_enough``; return False if the process ends before."""
        while not is_enough():
            select.select([self._read], [], [], _PATIENCE_S)
            if not self._hear_some():
                return is_enough()
        return True

    def wait(self) -> int:
        """Listen to its end; return the exit code, below 0 for a signal."""
        self.hear_until(lambda: False)
        return self._exit_code()

    def kill(self) -> None:
        """SIGKILL; what it could still say before is listened to. Killing twice does nothing."""
        if self._read < 0:
            return
        if isinstance(self._child, BaseProcess):
            self._child.kill()
        else:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        self.wait()
        os.close(self._read)
        self._read = -1
        if isinstance(self._child, BaseProcess):
            self._child.close()

    def stop(self) -> None:
        """SIGSTOP: when this returns no thread of it runs, and all it said was listened to."""
        os.kill(self.pid, signal.SIGSTOP)
        until = time.monotonic() + _PATIENCE_S
        while _states(self.pid) != {"T"}:
            assert time.monotonic() < until, "a thread hangs in a call"
        while self._hear_some():
            pass

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def _hear_some(self) -> bool:
        """Listen to what is there; return whether there was anything."""
        try:
            data = os.read(self._read, 1 << 16)
        except BlockingIOError:
            return False
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._hear(line.decode())
        return bool(data)

    def _exit_code(self) -> int:
        if isinstance(self._child, subprocess.Popen):
            return self._child.wait(_PATIENCE_S)
        self._child.join(_PATIENCE_S)
        code = self._child.exitcode
        assert code is not None, "the writer does not end"
        return code


def _fork(script: Script, write: int) -> BaseProcess:
    # A connection is what multiprocessing knows how to hand on; it closes what it is given.
    out = multiprocessing.connection.Connection(os.dup(write), readable=False)
    child = _CONTEXT.Process(target=_be_writer, args=(script, out))
    child.start()
    out.close()
    return child


def _be_writer(script: Script, out: "multiprocessing.connection.Connection") -> None:
    # As a process ends that was killed: no thread is waited for.
    os._exit(run(script, out.fileno()))


def _states(pid: int) -> set[str]:
    """The states of all threads of a process: R, S, D, T and so on."""
    found = set()
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        found.add(stat.read_text().rpartition(")")[2].split()[0])
    return found
