"""Addresses of Unix sockets that stand in folders with long names."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

# sun_path of Linux has 108 bytes, the last of which is a zero.
SIZE_BYTES_MAX: Final = 107


@contextmanager
def socket_address(folder: Path, name: str) -> Iterator[str]:
    """Give the address of a socket in a folder, good for as long as this is open.

    A path that is too long for an address is shortened with the help of the kernel, which has a
    name for every folder that a process has open.
    """
    path = folder / name
    if len(os.fsencode(path)) <= SIZE_BYTES_MAX:
        yield str(path)
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)
