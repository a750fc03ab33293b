"""Starts a program behind a wall, and ends it so that nothing of it is left."""

import contextlib
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Container
from pathlib import Path
from typing import Any

from ....storage.errors import InvalidArgument
from .bubblewrap import UID_INSIDE, Plan, arguments, environment
from .cgroups import ControlGroup, create
from .child import Start, become, find_stage
from .ending import Cause, Ending, Usage
from .errors import WallRefused, WallStands
from .limits import limit_processes
from .options import WORKSPACE, Isolation, Network, WallOptions
from .outbound import Outbound, find_slirp, open_way_out
from .seccomp import filter_program
from .system_folders import SystemFolders, files_of_etc, find_system

SAID_BYTES_MAX = 4096
STARTED_WITHIN_S = 5.0
SIGNAL_OF_A_SHELL = 128  # bubblewrap gives its program's end as a shell would
INSTALL = (
    "Install bubblewrap (Debian: apt-get install bubblewrap), "
    'or write isolation = "none" under [perdure.sandbox], which is no wall'
)


class Wall:
    """A program behind its wall, as the process that started it has it.

    That process may not wait for children that are not its own business (``waitpid(-1)``), and is
    to call ``end`` also when the program has ended by itself.

    Attributes:
        options: What it was started with.
        pid: The child of this process: bubblewrap, or with isolation "none" the program itself.
        pidfd: Readable once that child has ended (for a selector); ``end`` closes it.
    """

    def __init__(self, options: WallOptions, pid: int, group: ControlGroup | None) -> None:
        self.options = options
        self.pid = pid
        self.pidfd = os.pidfd_open(pid)
        self.group = group
        self.outbound: Outbound | None = None
        self._status: bytes = b""
        self._ending: Ending | None = None
        self._is_down = False
        self._descriptors: dict[str, int] = {"pidfd": self.pidfd}

    def keep(self, name: str, descriptor: int) -> None:
        """Have ``end`` close it."""
        self._descriptors[name] = descriptor

    def poll(self) -> Ending | None:
        """How it ended, or None while it runs. Never waits."""
        return self._reap(Cause.EXITED, os.WNOHANG)

    def usage(self) -> Usage:
        """What it uses and has used; fields that this machine cannot tell are None."""
        if self._ending is not None:
            return self._ending.usage
        return self.group.usage() if self.group is not None else Usage()

    def end(self, within_s: float = 2.0) -> Ending:
        """Kill all that is inside, wait for it, and remove the cgroup; a second time does nothing.

        Raises:
            WallStands: Something inside could not be ended within ``within_s`` seconds.
        """
        deadline = time.monotonic() + within_s
        ending = self.poll()
        while ending is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
                if self.options.isolation is Isolation.NONE:
                    os.killpg(self.pid, signal.SIGKILL)
            if not select.select([self.pidfd], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise WallStands(self.options.name, [self.pid])
            ending = self._reap(Cause.ENDED, 0)
        if not self._is_down:
            if self.outbound is not None:
                self.outbound.end()
                self.outbound = None
            if self.group is not None:
                self.group.remove(max(0.0, deadline - time.monotonic()))
            elif "inside" in self._descriptors:
                self._end_inside(deadline)
            self._is_down = True
            for descriptor in self._descriptors.values():
                os.close(descriptor)
        return ending

    def _end_inside(self, deadline: float) -> None:
        """End the first process inside, and with it all others, which the kernel ends before it.

        It ends with bubblewrap only once it has asked for that, which takes it some milliseconds.
        """
        inside = self._descriptors["inside"]
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(inside, signal.SIGKILL)
        if not select.select([inside], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise WallStands(self.options.name, [])

    def _reap(self, cause: Cause, how: int) -> Ending | None:
        if self._ending is not None:
            return self._ending
        pid, status = os.waitpid(self.pid, how)
        if pid == 0:
            return None
        code = os.waitstatus_to_exitcode(status)
        usage = self.group.usage() if self.group is not None else Usage()
        if cause is Cause.EXITED:
            killed = code in {-signal.SIGKILL, SIGNAL_OF_A_SHELL + signal.SIGKILL}
            if killed and usage.out_of_memory_kills:
                cause = Cause.OUT_OF_MEMORY
            elif code >= 0 and "status" in self._descriptors and not self._has_run():
                cause = Cause.NO_WALL
        self._ending = Ending(
            cause=cause,
            exit_code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            said=self._said(),
            usage=usage,
        )
        return self._ending

    def _has_run(self) -> bool:
        """Whether the program was started: bubblewrap tells its exit code only then."""
        self._status += read_now(self._descriptors["status"])
        return b'"exit-code"' in self._status

    def _said(self) -> str:
        if "said" not in self._descriptors:
            return ""
        return read_now(self._descriptors["said"])[-SAID_BYTES_MAX:].decode(errors="replace")

    def first_inside(self) -> int:
        """The process id, here, of the first process inside: once bubblewrap has told it.

        Raises:
            WallRefused: It has not, because it could not.
        """
        deadline = time.monotonic() + STARTED_WITHIN_S
        status = self._descriptors["status"]
        while (left := deadline - time.monotonic()) > 0:
            if select.select([status], [], [], left)[0]:
                piece = read_now(status)
                self._status += piece
                for line in self._status.splitlines():
                    with contextlib.suppress(ValueError):
                        return int(json.loads(line)["child-pid"])
                if not piece:
                    break
        raise WallRefused(f"bubblewrap made no sandbox: {self._said()}", INSTALL)


def read_now(descriptor: int) -> bytes:
    """What can be read of a pipe without waiting, 64 KiB at most."""
    try:
        return os.read(descriptor, 1 << 16)
    except BlockingIOError:
        return b""


def find_bubblewrap() -> str:
    """Where bubblewrap is.

    Raises:
        WallRefused: It is not installed.
    """
    path = shutil.which("bwrap")
    if path is None:
        raise WallRefused("bubblewrap is not here", INSTALL)
    return path


def start_wall(options: WallOptions) -> Wall:
    """Start ``options.command`` behind a wall. The caller must have one thread only.

    It returns once the program that makes the wall runs (about 3 ms; with network "outbound" once
    that works): what it finds wrong shows in ``Wall.poll``.

    Raises:
        WallRefused: This machine cannot give this wall; it says what is missing, and what to do.
    """
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "a fork would leave locks locked"
    walled, is_root = options.isolation is not Isolation.NONE, os.geteuid() == 0
    if walled and is_root != (options.uid is not None):
        raise InvalidArgument("a wall has a uid of its own if it is started by root, and only then")
    if options.workspace.is_symlink() or not options.workspace.is_dir():
        raise WallRefused(f"{options.workspace} is no folder", "Make it one, and no link to one")
    try:
        with contextlib.ExitStack() as closing:
            start = Preparation(options, closing)
            return start.with_wall() if walled else start.without_wall()
    except OSError as error:
        to_do = "See what the kernel says: a limit of this server, of processes or files, perhaps"
        raise WallRefused(f"it could not be started: {error}", to_do) from error


class Preparation:
    """The descriptors that a start needs, here and there; those of here are closed after it."""

    def __init__(self, options: WallOptions, closing: contextlib.ExitStack) -> None:
        self.options = options
        self.closing = closing
        self.kept: dict[str, int] = {}
        self.group: ControlGroup | None = None
        self.has_started = False
        closing.callback(self.clear_up)
        null = self.passing(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC))
        self.there = {0: null, 1: null, **options.descriptors}
        if 2 not in self.there:
            self.there[2] = self.pipe("said")

    def clear_up(self) -> None:
        """Leave nothing of a start that has failed."""
        if not self.has_started:
            for descriptor in self.kept.values():
                os.close(descriptor)
            if self.group is not None:
                self.group.remove(within_s=1.0)

    def passing(self, descriptor: int) -> int:
        """Have it closed here after the start."""
        self.closing.callback(os.close, descriptor)
        return descriptor

    def place(self, descriptor: int) -> int:
        """Give it the next free number there."""
        number = max(self.there) + 1
        self.there[number] = descriptor
        return number

    def pipe(self, name: str) -> int:
        """A pipe of which the wall keeps the end to read from; what is there writes to it."""
        here, there = os.pipe()
        os.set_blocking(here, False)
        self.kept[name] = here
        return self.passing(there)

    def file(self, content: bytes) -> int:
        """The number there of a file in memory."""
        descriptor = self.passing(os.memfd_create("perdure", os.MFD_CLOEXEC))
        os.write(descriptor, content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        return self.place(descriptor)

    def without_wall(self) -> Wall:
        options = self.options
        argv = tuple(options.seen_at(word) for word in options.command)
        return self.fork(
            argv=(shutil.which(argv[0]) or argv[0], *argv[1:]),
            environment=environment(options, find_system()),
            folder=str(options.workspace),
        )

    def with_wall(self) -> Wall:
        options = self.options
        program = find_bubblewrap()
        system = find_system()
        if options.network is Network.OUTBOUND:
            find_slirp()
        content = filter_program()
        self.group = create(options.name, options.limits, best_effort=options.best_effort)
        has = self.group.folders if self.group is not None else {}
        sources = outside(options, system)
        staged = None
        if options.uid is not None:
            where = {path: f"{find_stage()}/{at}" for at, path in enumerate(sources.values())}
            sources = {inside: where[path] for inside, path in sources.items()}
            staged = where
        waits = options.network is Network.OUTBOUND or "pids" not in has
        go = -1
        if waits:
            blocked, go = os.pipe()
            self.closing.callback(os.close, go)
        files = files_of_etc(options.network, UID_INSIDE)
        plan = Plan(
            sources=sources,
            files={path: self.file(text.encode()) for path, text in files.items()},
            seccomp=self.file(content),
            status=self.place(self.pipe("status")),
            block=self.place(self.passing(blocked)) if waits else None,
        )
        words = "".join(f"{word}\0" for word in arguments(options, system, plan))
        wall = self.fork(
            # Not on the command line, which all users of this machine can read: it has secrets.
            argv=(program, "--args", str(self.file(words.encode())), "--", *options.command),
            environment={},  # the first process inside is bubblewrap, and /proc shows it
            limits=options.limits,
            memory_of_one="memory" not in has,
            uid=options.uid,
            staged=staged,
        )
        if waits:
            self.finish(wall, go, has)
        return wall

    def finish(self, wall: Wall, go: int, has: Container[str]) -> None:
        """Do from outside what bubblewrap has not got, and have it start the program."""
        try:
            inside = wall.first_inside()
            wall.keep("inside", os.pidfd_open(inside))
            if self.options.network is Network.OUTBOUND:
                wall.outbound = open_way_out(inside, self.options.uid, wall.group)
            if "pids" not in has:
                limit_processes(inside, self.options.limits.processes, self.options.uid)
            os.write(go, b"!")
        except BaseException:
            wall.end()
            raise

    def fork(self, **how: Any) -> Wall:
        """Start the child, and return once it is the program that was named.

        Raises:
            WallRefused: It did not come that far.
        """
        failure, failure_there = os.pipe()
        parent = os.getpid()
        start = Start(
            descriptors=self.there, failure=failure_there, parent=parent, group=self.group, **how
        )
        try:
            pid = os.fork()
            if pid == 0:
                become(start)
        finally:
            os.close(failure_there)
        with open(failure, "rb") as pipe:  # noqa: PTH123 - it has no path
            said = pipe.read().decode(errors="replace")  # ends when the program begins
        if said:
            os.waitpid(pid, 0)
            raise WallRefused(f"a process for it could not be started: {said}", "See what it says")
        wall = Wall(self.options, pid, self.group)
        for name, descriptor in self.kept.items():
            wall.keep(name, descriptor)
        self.has_started = True
        return wall


def outside(options: WallOptions, system: SystemFolders) -> dict[str, str]:
    """Path inside to what is to be seen there."""
    return {
        **{path: str(Path(path).resolve()) for path in system.private},
        **{inside: str(path.resolve()) for inside, path in options.read_only.items()},
        WORKSPACE: str(options.workspace),
    }
