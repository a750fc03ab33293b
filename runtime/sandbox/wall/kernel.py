"""The system calls that make a wall and that Python 3.11 has no function for."""

import ctypes
import os
import signal

# linux/sched.h, linux/mount.h, linux/prctl.h: the same on all architectures
CLONE_NEWNS = 0x00020000
MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
PR_SET_PDEATHSIG = 1
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4

libc = ctypes.CDLL(None, use_errno=True)
libc.mount.argtypes = (
    *(ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p),
    *(ctypes.c_ulong, ctypes.c_char_p),
)
libc.prctl.argtypes = (ctypes.c_int, *[ctypes.c_ulong] * 4)


def check(result: int, what: str) -> None:
    """Raise what the last call through ctypes has left in errno."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def unshare_mounts() -> None:
    """Give this process mounts of its own: none of those it makes are seen outside."""
    check(libc.unshare(CLONE_NEWNS), "unshare(CLONE_NEWNS)")
    check(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "mount --make-rprivate /")


def mount_tmpfs(target: str, flags: int, data: str) -> None:
    """A new, empty file system in memory."""
    call = libc.mount(b"perdure", os.fsencode(target), b"tmpfs", flags, data.encode())
    check(call, f"mount -t tmpfs {target}")


def bind(source: str, target: str) -> None:
    """Have the file or folder ``source`` at ``target`` as well."""
    call = libc.mount(os.fsencode(source), os.fsencode(target), None, MS_BIND | MS_REC, None)
    check(call, f"mount --bind {source} {target}")


def join_namespace(descriptor: int) -> None:
    """Be in the namespace that ``descriptor`` is of."""
    check(libc.setns(descriptor, 0), "setns")


def drop_ambient_capabilities() -> None:
    """Have no right pass to the program that is executed: not those of systemd's units either."""
    check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "prctl(PR_CAP_AMBIENT)")


def die_with(parent: int) -> None:
    """Have the kernel kill this process when ``parent`` ends; leave now if it already has.

    To be called after the last change of uid, which takes it back.
    """
    check(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        os._exit(1)
