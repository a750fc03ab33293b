"""Files of sandboxes whose objects are gone for good.

A class that is deleted leaves its objects in the trash, and for as long the files of their
sandboxes stay, too: whoever takes the objects back finds them. With the objects they go.
"""

import contextlib
import fcntl
import logging
import os
import time
from pathlib import Path
from typing import Final

from .keeper.launcher import LOCK_NAME
from .keeper.removing import remove_tree

log = logging.getLogger("perdure.sandbox")

# Keepers of a server that was killed end within 2 s.
_KEEPER_ENDS_WITHIN_S: Final = 5.0
_LOOK_AGAIN_S: Final = 0.05


def remove_with(trash_entry: Path, sandboxes_dir: Path) -> bool:
    """Remove the files of all sandboxes whose objects are in an entry of the trash.

    Args:
        trash_entry: Has the objects' files, whose names are their ids.
        sandboxes_dir: Where the sandboxes lie.

    Returns:
        Whether all are gone: one that runs keeps its files, and one that cannot be removed, which
        is logged.
    """
    is_gone = True
    for file in sorted(trash_entry.glob("*/*.db")):
        folder = sandboxes_dir / file.stem
        try:
            if folder.is_dir():
                _remove(folder)
        except OSError as error:
            is_gone = False
            log.warning(
                "The files of a deleted sandbox stay in %s until the next start: %s",
                folder,
                error.strerror or error,
            )
    return is_gone


def _remove(folder: Path) -> None:
    """Remove a sandbox, with the lock that tells its keeper's life.

    Raises:
        OSError: It runs, or something cannot be removed.
    """
    lock = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + _KEEPER_ENDS_WITHIN_S
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            if time.monotonic() > deadline:
                raise BlockingIOError(None, "it runs")
            time.sleep(_LOOK_AGAIN_S)
        remove_tree(folder)
    finally:
        os.close(lock)
