"""The limits of single processes, which are there on every machine."""

import errno
import os
import resource

from .options import WallLimits

# Not 0: a core file as small as this is not written either, and it is only by exactly this that the
# kernel spares a core_pattern that is a pipe, which it feeds whatever other limit there is.
NO_CORE = 1


def rlimits(limits: WallLimits, *, memory_of_one: bool) -> dict[int, int]:
    """Resource to its soft and hard limit.

    ``memory_of_one``: have each process limited to what all together may use, for want of better.
    """
    files = min(limits.open_files, hard_limit(resource.RLIMIT_NOFILE))
    chosen = {
        resource.RLIMIT_CORE: NO_CORE,
        resource.RLIMIT_FSIZE: min(limits.file_bytes, hard_limit(resource.RLIMIT_FSIZE)),
        resource.RLIMIT_NOFILE: files,
    }
    if hard_limit(resource.RLIMIT_CORE) < NO_CORE:
        chosen[resource.RLIMIT_CORE] = 0
    if memory_of_one:
        chosen[resource.RLIMIT_AS] = min(limits.memory_bytes, hard_limit(resource.RLIMIT_AS))
    return chosen


def hard_limit(kind: int) -> int:
    """What this process may set at most, as a number that can be compared."""
    hard = resource.getrlimit(kind)[1]
    return 1 << 62 if hard == resource.RLIM_INFINITY else hard


def set_rlimits(limits: WallLimits, *, memory_of_one: bool) -> None:
    """Limit this process, and what it starts from now on."""
    for kind, value in rlimits(limits, memory_of_one=memory_of_one).items():
        resource.setrlimit(kind, (value, value))


def limit_processes(pid: int, count: int, uid: int | None) -> None:
    """Let the user of process ``pid`` have ``count`` processes in its user namespace.

    Set from outside once that namespace is there: set earlier it would count all processes that
    this user has on this machine. Kernels before 5.14 count these anyway.

    Args:
        pid: The first process inside.
        count: Of processes and threads.
        uid: Who that user is, if it is not this process's: one sets limits of one's own processes
            without any right, and root may not have the one to set those of others.

    Raises:
        OSError: It could not be done.
    """
    if uid is None:
        resource.prlimit(pid, resource.RLIMIT_NPROC, (count, count))
        return
    child = os.fork()
    if child == 0:
        code = errno.EPERM
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            resource.prlimit(pid, resource.RLIMIT_NPROC, (count, count))
            code = 0
        except OSError as error:
            code = error.errno or code
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        raise OSError(code, os.strerror(code), "prlimit(RLIMIT_NPROC)")
