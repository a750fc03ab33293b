"""The file system under a data directory: all of it to disk in one call, and the room it has.

*Considered and refused*: an fsync of each file that a checkpoint wrote. 1000 of them took 350 ms
where one syncfs took 20 (design/STORAGE.md section 2).
"""

import ctypes
import os
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)


def sync_file_system(path: Path) -> None:
    """Make everything durable that was written to the file system on which ``path`` lies.

    Raises:
        OSError: Something of it could not be written (Linux 5.8 and later tell).
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    finally:
        os.close(descriptor)


def free_size_bytes(path: Path) -> int:
    """Return how much an ordinary user may still write there."""
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize
