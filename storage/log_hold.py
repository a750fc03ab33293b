"""Keeps the logs of a directory as they are while somebody reads them whole: a backup, a check.

*Promise*: while ``hold_logs`` holds, no log of the directory lets a segment go, whatever process it
is in; what CHECKPOINT says is needed, then or later, is there. A hold ends with its process.
*Assumes*: all of them are on one machine. Several may hold at once.
*Rules for editing*: who lets segments go asks once, and does not wait: it comes again after the
next checkpoint.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .layout import Layout

_NAME = "HELD"


@contextmanager
def hold_logs(layout: Layout) -> Iterator[None]:
    """Let no segment of any log be used again meanwhile.

    Raises:
        OSError: The directory of a log cannot be written.
    """
    with ExitStack() as held:
        for directory in sorted(path for path in layout.logs_dir.glob("*") if path.is_dir()):
            lock = _open(directory)
            held.callback(os.close, lock)
            fcntl.flock(lock, fcntl.LOCK_SH)  # who lets go is done in a moment
        yield


@contextmanager
def nobody_holds(directory: Path) -> Iterator[bool]:
    """Say whether segments of a log may be let go meanwhile; not if that cannot be found out."""
    with ExitStack() as held:
        try:
            lock = _open(directory)
            held.callback(os.close, lock)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_free = True
        except OSError:  # it is locked, or the disk fails: the segments can stay
            is_free = False
        yield is_free


def _open(directory: Path) -> int:
    return os.open(directory / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
