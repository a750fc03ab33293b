"""System calls by number, for what Python has no function."""

import ctypes
import os
import platform

libc = ctypes.CDLL(None, use_errno=True)
IS_X86 = platform.machine() == "x86_64"
NUMBERS = {  # x86_64, aarch64
    "clone": (56, 220),
    "ptrace": (101, 117),
    "personality": (135, 92),
    "mount": (165, 40),
    "add_key": (248, 217),
    "keyctl": (250, 219),
    "unshare": (272, 97),
    "setns": (308, 268),
    "process_vm_readv": (310, 270),
    "io_uring_setup": (425, 425),
    "open_tree": (428, 428),
    "pidfd_open": (434, 434),
    "clone3": (435, 435),
    "pidfd_getfd": (438, 438),
}
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000


def call(name: str, *arguments: object) -> int:
    """Call it; raise what it answers."""
    number = NUMBERS[name][0 if IS_X86 else 1]
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = int(libc.syscall(ctypes.c_long(number), *words))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), name)
    return result


def may_mount() -> None:
    """Become one who may mount, in mounts of one's own: as root, or in a user namespace."""
    call("unshare", CLONE_NEWNS if os.geteuid() == 0 else CLONE_NEWUSER | CLONE_NEWNS)
