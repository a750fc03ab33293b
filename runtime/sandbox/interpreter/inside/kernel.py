"""What runs the code of one context, whatever its language; and what can be wrong with it.

*Rules for editing*: all of this folder runs inside the sandbox, where there is no perdure: nothing
but the standard library, each other, and what the extra ``interpreter`` brings.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Mapping
from typing import Any, Protocol

# While nothing comes of a process, it is looked at so often.
LOOK_EVERY_S = 0.25

Json = dict[str, Any]
Emit = Callable[[Json], None]


class Refused(Exception):
    """A request cannot be fulfilled.

    Attributes:
        code: What programs look at, such as CONTEXT_NOT_FOUND.
        message: For people.
        context: What it is about.
    """

    def __init__(self, code: str, message: str, **context: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.context = context

    def as_json(self) -> Json:
        """Return what is sent."""
        return {"error": {"code": self.code, "message": self.message, "context": self.context}}


class KernelDied(Exception):
    """The process that runs the code has ended. ``str`` says how."""

    def __init__(self, status: int | None) -> None:
        if status is None:
            text = "has ended"
        elif status < 0:
            try:
                name = signal.Signals(-status).name
            except ValueError:
                name = f"signal {-status}"
            text = f"was killed by {name}"
            if -status == signal.SIGKILL:
                text += ", as happens when the sandbox has no more memory"
        else:
            text = f"has ended with exit code {status}"
        super().__init__(f"The process of the context {text}")


class Kernel(Protocol):
    """A process that runs code, and remembers what the code before has made."""

    async def start(self, timeout_s: float) -> None:
        """Start it, and wait until it can run something.

        Raises:
            Refused: It does not start.
        """
        ...

    async def execute(self, code: str, emit: Emit) -> int | None:
        """Run code to its end; events go to ``emit`` meanwhile. Return how many runs there were.

        Raises:
            KernelDied: The process ended.
        """
        ...

    async def interrupt(self) -> None:
        """Ask the code that runs to end."""
        ...

    async def kill(self) -> None:
        """End the process, and what it has left behind. Twice is once."""
        ...


class Surroundings:
    """What a kernel is started with.

    Attributes:
        packages: Folders in which the server's Python packages are seen.
        folder: Its own, for what nobody else needs; it is there.
        is_short: Whether that folder's path leaves room for addresses of sockets.
        cwd: Where it starts.
        environment: All of its variables.
    """

    def __init__(
        self,
        *,
        packages: list[str],
        folder: str,
        is_short: bool,
        cwd: str,
        environment: Mapping[str, str],
    ) -> None:
        self.packages = packages
        self.folder = folder
        self.is_short = is_short
        self.cwd = cwd
        self.environment = environment


def status_of(pid: int) -> int | None:
    """Return how a child has ended, as ``subprocess`` has it, or None while it runs.

    It is not reaped: as long as it is not, nobody else has its number, nor that of its group.
    """
    found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if found is None:
        return None
    return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status


def kill_group(leader: int) -> None:
    """Kill a child that leads a group, and its group, also if only that is left.

    Args:
        leader: Its number. It was not reaped, see ``status_of``.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if leader > 1 and os.getpgid(leader) == leader:
            os.killpg(leader, signal.SIGKILL)
