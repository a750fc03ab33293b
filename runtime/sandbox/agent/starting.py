"""Starts a command: a process in a session of its own, with pipes or a terminal.

``fork`` and ``exec`` by hand: this process has one thread, no secrets and little memory, so a
fork takes less than a millisecond; ``subprocess`` alone takes 15 ms to import, and ``posix_spawn``
cannot change the folder.
"""

import contextlib
import errno
import fcntl
import os
import signal
import struct
import termios
from collections.abc import Callable, Mapping

from ..streams import Refused
from .refusals import refusal

_STAGES = (b"folder", b"program")
_ERROR = struct.Struct(">iB")


class Command:
    """What is to be started. (No dataclass: to import them takes a quarter of the agent's start.)

    Attributes:
        arguments: The program, by its path or a name to be looked up, and what it gets.
        environment: All of its variables.
        folder: Where it starts.
        has_input: Whether its standard input is to be written to; else it is empty.
        terminal: Columns and rows, if it is to have one.
        inherited: Descriptors that it has, by the same numbers.
    """

    def __init__(
        self,
        arguments: list[str],
        environment: Mapping[str, str],
        folder: str,
        *,
        has_input: bool = False,
        terminal: tuple[int, int] | None = None,
        inherited: tuple[int, ...] = (),
    ) -> None:
        self.arguments = arguments
        self.environment = environment
        self.folder = folder
        self.has_input = has_input
        self.terminal = terminal
        self.inherited = inherited


class Started:
    """A process, and our ends of what it reads and writes; -1 where there is none."""

    def __init__(self) -> None:
        self.pid = -1
        self.stdin = -1
        self.stdout = -1
        self.stderr = -1

    def ends(self) -> set[int]:
        """Return our ends."""
        return {self.stdin, self.stdout, self.stderr} - {-1}


class _Ends:
    """Descriptors of both sides, until one is closed in each process."""

    def __init__(self) -> None:
        self.ours = Started()
        self.theirs = (-1, -1, -1)
        self.opened: list[int] = []

    def pipe(self) -> tuple[int, int]:
        ends = os.pipe()
        self.opened += ends
        return ends


def start(command: Command, before_exec: Callable[[], None]) -> Started:
    """Start it.

    Args:
        command: What.
        before_exec: Called in the new process.

    Raises:
        Refused: There is no such folder or program, or no more processes are allowed.
    """
    ends = _Ends()
    try:
        _open(ends, command)
        reader, writer = ends.pipe()
        pid = os.fork()
        if pid == 0:
            _become(command, ends, writer, before_exec)
        ends.ours.pid = pid
    except OSError as error:
        _close(ends.opened)
        raise Refused(
            "COMMAND_EXECUTION_ERROR", f"Cannot start: {os.strerror(error.errno or 0)}"
        ) from None
    kept = {*ends.ours.ends(), reader}
    _close(set(ends.opened) - kept)
    said = os.read(reader, _ERROR.size)
    os.close(reader)
    if not said:
        for descriptor in ends.ours.ends():
            os.set_blocking(descriptor, False)  # takes no keywords
        return ends.ours
    _close(ends.ours.ends())
    os.waitpid(pid, 0)
    raise _why(command, *_ERROR.unpack(said))


def resize(descriptor: int, columns: int, rows: int) -> None:
    """Give a terminal another size."""
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def unread_bytes(descriptor: int) -> int:
    """Return how much can be read from a pipe at once."""
    data = fcntl.ioctl(descriptor, termios.FIONREAD, b"\0\0\0\0")
    size: int = struct.unpack("i", data)[0]
    return size


def _open(ends: _Ends, command: Command) -> None:
    if command.terminal is not None:
        master, slave = os.openpty()
        ends.opened += (master, slave)
        resize(slave, *command.terminal)
        ends.ours.stdin = ends.ours.stdout = master
        ends.theirs = slave, slave, slave
        return
    if command.has_input:
        stdin, ends.ours.stdin = ends.pipe()
    else:
        stdin = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        ends.opened.append(stdin)
    ends.ours.stdout, stdout = ends.pipe()
    ends.ours.stderr, stderr = ends.pipe()
    ends.theirs = stdin, stdout, stderr


def _become(command: Command, ends: _Ends, writer: int, before_exec: Callable[[], None]) -> None:
    """Be the new program. Nothing returns from here."""
    stage = 0
    try:
        os.setsid()
        before_exec()
        for number, theirs in enumerate(ends.theirs):
            os.dup2(theirs, number)
        for descriptor in command.inherited:
            os.set_inheritable(descriptor, True)  # noqa: FBT003  # it takes no keywords
        if command.terminal is not None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        # Python ignores these, and what is ignored stays so.
        for name in ("SIGPIPE", "SIGXFSZ", "SIGCHLD"):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
        os.chdir(command.folder)
        stage = 1
        os.execvpe(command.arguments[0], command.arguments, command.environment)  # noqa: S606  # what it is for
    except OSError as error:
        os.write(writer, _ERROR.pack(error.errno or 0, stage))
    finally:
        os._exit(127)


def _why(command: Command, number: int, stage: int) -> Refused:
    if stage == 0:
        return refusal(OSError(number, ""), command.folder)
    codes = {2: "COMMAND_NOT_FOUND", 13: "COMMAND_PERMISSION_DENIED"}
    if number == errno.E2BIG:
        text = "The command and its variables are more than the system hands to a program: write"
        return Refused("COMMAND_EXECUTION_ERROR", f"{text} what is long to a file, and read that")
    text = f"{os.strerror(number)}: {command.arguments[0]}"
    return Refused(codes.get(number, "COMMAND_EXECUTION_ERROR"), text, command=command.arguments[0])


def _close(descriptors: list[int] | set[int]) -> None:
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
