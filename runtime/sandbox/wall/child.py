"""What the new process does between its fork and the program: it gives up all that it had.

DANGEROUS TO EDIT. *Promise*: when the program starts, it has no descriptor but those asked for, no
uid of this server, no environment of it, no signal handling of it, and is in its cgroup; if one
step fails there is no program. *Assumes*: the parent had one thread. *Rules*: the order is part of
the promise, and each step says on what it depends; nothing here is tried again or passed over; the
parent has to be told of everything that is raised.
"""

import errno
import fcntl
import os
import signal
import stat
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import kernel
from .cgroups import ControlGroup
from .limits import set_rlimits
from .options import WallLimits

# While descriptors are put in their places, copies of all of them are up there.
ASIDE = 512
TUNNELS = Path("/dev/net/tun")
# Where folders are seen that bubblewrap could not reach as the user it runs as.
STAGES = ("/mnt", "/media", "/srv", "/opt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """All that a new process needs to know.

    Attributes:
        argv: The program that is executed: bubblewrap, or without a wall what was asked for.
        environment: All of that program's.
        descriptors: Number there to descriptor here.
        failure: A descriptor here, on which the parent is told what went wrong.
        parent: Its process id, whose end is the end of all.
        limits: rlimits to set; None without a wall.
        memory_of_one: See `rlimits`.
        group: To join.
        uid: Whom to become, also as the group; None is to stay who one is.
        staged: As ``uid`` only: path of what to bind to its name on the stage.
        tunnels: As ``uid`` only: whether it is to make a network interface.
        folder: Where to be.
    """

    argv: Sequence[str]
    environment: Mapping[str, str]
    descriptors: Mapping[int, int]
    failure: int
    parent: int
    limits: WallLimits | None = None
    memory_of_one: bool = False
    group: ControlGroup | None = None
    uid: int | None = None
    staged: Mapping[str, str] | None = None
    tunnels: bool = False
    folder: str = "/"


def become(start: Start) -> None:
    """Become the program. Returns never: a failure is told to the parent, and the process ends."""
    failure = start.failure
    try:
        failure = fcntl.fcntl(start.failure, fcntl.F_DUPFD_CLOEXEC, ASIDE)
        os.setsid()  # signals for the server's terminal are not for its sandboxes
        if start.group is not None:
            start.group.join()  # first of all that counts: what follows is limited already
        place_descriptors(start.descriptors, failure)
        if start.staged is not None and start.uid is not None:
            stage(start.staged)  # needs to be root
        if start.tunnels and start.uid is not None:
            allow_tunnels()  # needs to be root
        os.chdir(start.folder)
        os.umask(0o022)
        if start.limits is not None:
            set_rlimits(start.limits, memory_of_one=start.memory_of_one)
        if start.uid is not None:
            os.setgroups([])  # before the uid, which takes the right to do it
            os.setresgid(start.uid, start.uid, start.uid)
            os.setresuid(start.uid, start.uid, start.uid)
        kernel.drop_ambient_capabilities()  # a unit's; bubblewrap starts with none only
        kernel.die_with(start.parent)  # after the uid, whose change takes it back
        restore_signals()
        os.execve(start.argv[0], list(start.argv), dict(start.environment))  # noqa: S606 - no shell
    except BaseException as error:
        os.write(failure, f"{type(error).__name__}: {error}"[:4000].encode(errors="replace"))
    finally:
        os._exit(127)


def place_descriptors(wanted: Mapping[int, int], failure: int) -> None:
    """Have the descriptors ``wanted``, under their numbers, and no other but ``failure``."""
    aside = {
        number: fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, ASIDE)
        for number, descriptor in wanted.items()
    }
    assert max(wanted) < ASIDE
    for number, copy in aside.items():
        os.dup2(copy, number, inheritable=True)
    low = 0
    for number in sorted([*wanted, failure]):
        if low < number:  # an empty range that begins with 0 would close everything
            os.closerange(low, number)
        low = number + 1
    os.closerange(low, os.sysconf("SC_OPEN_MAX"))


def find_stage() -> str:
    """A folder that everybody can reach, for mounts that only this process and its own see."""
    there = (path for path in STAGES if Path(path).is_dir() and not Path(path).is_symlink())
    return next(there, tempfile.gettempdir())


def stage(staged: Mapping[str, str]) -> None:
    """Bind folders to places that everybody can reach, in mounts of this process's own.

    ``staged`` is path to path on the stage. Paths are opened before anything is covered.
    """
    kernel.unshare_mounts()
    opened = {path: os.open(path, os.O_PATH | os.O_NOFOLLOW) for path in staged}
    flags = kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount_tmpfs(find_stage(), flags, "mode=0755,size=64k")
    for path, descriptor in opened.items():
        if stat.S_ISLNK(os.fstat(descriptor).st_mode):
            raise OSError(errno.ELOOP, "it is a link, and was none when it was named", path)
    for path, target in staged.items():
        if Path(f"/proc/self/fd/{opened[path]}").is_dir():
            Path(target).mkdir()
        else:
            Path(target).touch()
        kernel.bind(f"/proc/self/fd/{opened[path]}", target)
        os.close(opened[path])


def allow_tunnels() -> None:
    """Have a /dev/net/tun that everybody may open, in mounts of this process's own.

    To open it is no right yet: an interface can be made only where one has a network of one's own.
    """
    kernel.unshare_mounts()
    number = TUNNELS.stat().st_rdev
    kernel.mount_tmpfs(str(TUNNELS.parent), kernel.MS_NOSUID, "mode=0755,size=4k")
    os.mknod(TUNNELS, stat.S_IFCHR, number)
    TUNNELS.chmod(0o666)


def restore_signals() -> None:
    """Ignore and block no signal: Python ignores two, nohup another, and programs inherit that."""
    for number in signal.valid_signals():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
