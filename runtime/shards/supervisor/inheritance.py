"""What a child process inherits from its supervisor, and how it is bound to it.

*Promise*: no process stays behind when its supervisor dies, not even one that hangs: the kernel
kills it (PR_SET_PDEATHSIG). The end of the control connection says the same to one that does not
hang, on systems that have no such call.
*Assumes*: the thread that launched the child lives as long as the supervisor does. The kernel
means that thread when it says parent, so children are launched on the event loop's thread only.
*Considered and refused*: descriptors as arguments of the command (a program would have to know
them); asking for the signal between fork and exec (``preexec_fn`` is not safe with threads, and
slow). The variable is taken out of the environment, so that the programs which user code starts
do not have it.
"""

import ctypes
import os
import signal
import socket
import sys
from collections.abc import MutableMapping
from dataclasses import dataclass

from ....storage.errors import UsageError

VARIABLE = "PERDURE_SUPERVISOR"
_PR_SET_PDEATHSIG = 1
# Of a process that has lost its supervisor, or never had it; sysexits.h: EX_UNAVAILABLE.
ORPHAN_STATUS = 69


class NoSupervisor(UsageError):
    """A program that is the child of a supervisor was started by somebody else."""

    def __str__(self) -> str:
        return "this program is started by perdure serve and perdure dev only"


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What a child finds in its environment.

    Attributes:
        control: The descriptor of its end of the control connection.
        stacks: The descriptor that its stack is written to.
        supervisor_pid: Its supervisor.
    """

    control: int
    stacks: int
    supervisor_pid: int

    def leave(self) -> dict[str, str]:
        """Return the variable that says so."""
        return {VARIABLE: f"{self.control} {self.stacks} {self.supervisor_pid}"}

    @classmethod
    def take(cls, environment: MutableMapping[str, str]) -> "Inheritance":
        """Read the variable, and take it and the descriptors away from programs started later.

        Raises:
            NoSupervisor: There is none.
        """
        try:
            control, stacks, pid = map(int, environment.pop(VARIABLE, "").split())
            for descriptor in (control, stacks):
                os.set_inheritable(descriptor, False)  # noqa: FBT003  # the function's second
        except (ValueError, OSError) as error:
            raise NoSupervisor from error
        return cls(control, stacks, pid)

    def open_control(self) -> socket.socket:
        """Return the child's end of the control connection."""
        return socket.socket(fileno=self.control)

    def bind(self) -> None:
        """Let this process end when its supervisor does."""
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self.supervisor_pid:  # it died before the kernel was told
            os._exit(ORPHAN_STATUS)
