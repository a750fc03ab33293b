"""A process of the operating system that this one has started, and will have reaped.

*Promise*: a process is reaped when it ends, whoever ended it, and its group with it: what user
code has started and left behind ends with the worker that it belonged to. Signals reach this
process and never another that has got its number.
``subprocess.Popen`` and a pidfd, not ``asyncio.create_subprocess_exec``: asyncio reaps in a thread
for each child (Python 3.11), uvloop through its own SIGCHLD handler, and both take the number of
a process for the process. A pidfd becomes readable on every loop when its process has ended.
Each child leads a process group of its own: Ctrl-C in a terminal is for the supervisor, which
then ends its children in good order.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Program:
    """What a child runs.

    Attributes:
        command: The executable and its arguments.
        environment: All of its variables; None for those of this process.
    """

    command: Sequence[str]
    environment: Mapping[str, str] | None = field(default=None, repr=False)


class Process:
    """One process.

    Attributes:
        pid: Its number.
    """

    def __init__(
        self,
        program: Program,
        loop: asyncio.AbstractEventLoop,
        *,
        variables: Mapping[str, str],
        descriptors: Sequence[int],
        on_end: Callable[[str], None],
    ) -> None:
        """Start it.

        Args:
            program: What it runs.
            loop: Where its end is noticed.
            variables: More of its environment.
            descriptors: What it inherits, beside standard output and error; its standard input
                is empty.
            on_end: Told how it ended, for people: ``status 1`` or ``SIGKILL``.

        Raises:
            OSError: It cannot be started.
        """
        environment = os.environ if program.environment is None else program.environment
        self._popen = subprocess.Popen(  # noqa: S603  # the composition root says what
            program.command,
            stdin=subprocess.DEVNULL,
            env={**environment, **variables},
            pass_fds=descriptors,
            process_group=0,
        )
        self.pid = self._popen.pid
        self._loop = loop
        self._on_end = on_end
        # It cannot have been reaped yet, so the number is its own.
        self._pidfd = os.pidfd_open(self.pid)
        loop.add_reader(self._pidfd, self._reap)

    @property
    def has_ended(self) -> bool:
        """Whether it was reaped."""
        return self._pidfd < 0

    def send_signal(self, number: int) -> None:
        """Send a signal; to one that has ended, nothing happens."""
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    def kernel_state(self) -> str:
        """Return the letter that the kernel has for what it does: ``T`` for stopped, as ps(1)."""
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text()
        except OSError:
            return ""
        return stat.rpartition(")")[2].split()[0]

    def _reap(self) -> None:
        # While its leader is not reaped, no other group can have this number.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        status = self._popen.wait()
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._pidfd = -1
        self._on_end(_name(status))


def _name(status: int) -> str:
    if status >= 0:
        return f"status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
