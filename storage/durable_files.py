"""Files and directories that are still there after the power has failed.

*Promise*: when a function returns, what it made survives a power loss, name and content.

A file's content is made durable by an fsync of the file, its name by an fsync of the directory
that holds the name, and that directory's name by one of its parent.
"""

import contextlib
import ctypes
import os
from pathlib import Path


def write_file(path: Path, data: bytes) -> None:
    """Write a file: after a crash there is all of ``data`` under this name, or what was before.

    Raises:
        OSError: Nothing changed under this name.
    """
    draft = path.with_name(path.name + ".new")
    try:
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    sync_directory(path.parent)


def make_directory(path: Path) -> None:
    """Make a directory, and those above it that are missing; no error if it is there.

    Raises:
        OSError: It cannot be made, or something else has its name.
    """
    if path.is_dir():
        return
    make_directory(path.parent)
    path.mkdir(exist_ok=True)
    sync_directory(path.parent)


def move_directory(source: Path, target: Path) -> None:
    """Give a directory another name in one step; ``target`` must not exist."""
    source.rename(target)
    sync_directory(target.parent)
    sync_directory(source.parent)


def sync_file(path: Path) -> None:
    """Make a file's content durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file_system(path: Path) -> None:
    """Make durable whatever lies on the file system of ``path``.

    Raises:
        OSError: It could not be written.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _syncfs is None:
            os.sync()
        elif _syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(descriptor)


# Linux's; Python has no name for it. Without it, all file systems are synced instead of one.
_syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
