"""Removes a folder that a stranger has filled, when nobody changes it any more.

``shutil.rmtree`` calls itself for each folder within another, and a stranger can make more of them
than Python can follow, with names too long together for the system. Here a folder that is not
empty is moved to the top first, so that all are at most two deep.
"""

import contextlib
import os
import stat
from collections import deque
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_tree(folder: Path) -> None:
    """Remove a folder and all in it; nothing happens if it is gone already.

    Raises:
        OSError: Something cannot be removed.
    """
    try:
        top = os.open(folder, _FOLDER)
    except FileNotFoundError:
        return
    try:
        _clear(top)
    finally:
        os.close(top)
    folder.rmdir()


def _clear(top: int) -> None:
    count = 0
    waiting = deque[str]()
    for name in os.listdir(top):
        if not _remove_entry(top, name):
            waiting.append(name)
    while waiting:
        name = waiting.popleft()
        with contextlib.suppress(PermissionError):
            os.chmod(name, stat.S_IRWXU, dir_fd=top)
        below = os.open(name, _FOLDER, dir_fd=top)
        try:
            for inner in os.listdir(below):  # noqa: PTH208  # of a descriptor
                if _remove_entry(below, inner):
                    continue
                # Its owner must be able to write to it for that, the system says.
                os.chmod(inner, stat.S_IRWXU, dir_fd=below)
                while True:
                    count += 1
                    fresh = f".removed-{count}"
                    if not _exists(top, fresh):
                        break
                os.rename(inner, fresh, src_dir_fd=below, dst_dir_fd=top)
                waiting.append(fresh)
        finally:
            os.close(below)
        os.rmdir(name, dir_fd=top)


def _remove_entry(folder: int, name: str) -> bool:
    """Remove it if it is no folder, or an empty one."""
    facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if not stat.S_ISDIR(facts.st_mode):
        os.unlink(name, dir_fd=folder)
        return True
    try:
        os.rmdir(name, dir_fd=folder)
    except OSError:
        return False
    return True


def _exists(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
