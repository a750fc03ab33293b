"""One at a time works on an archive, whichever log of its directory it is for.

*Promise*: what ``alone`` holds is given back when its process dies, however that happens.
*Assumes*: whoever writes into the archive, or looks at more of it than one file, does it in there.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..durable_files import make_directory


@contextmanager
def alone(root: Path, wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Wait until nobody else works on the archive at ``root``, in this process or in another.

    Args:
        root: The archive; made if it is not there.
        wait: Called again and again while somebody does, who may stand still; takes a moment, or
            raises. None to be woken, and never give up.

    Raises:
        OSError: The directory cannot be made, or not be locked.
    """
    make_directory(root)
    lock = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if wait is None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        else:
            while not _try(lock):
                wait()
        yield
    finally:
        os.close(lock)


def _try(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
