"""A data directory: whose it is, what format it has, and its trash.

*Promise*: while a ``DataDirectory`` is open, no other process has the same directory open, and
everything in it is of a format that this version reads. Nothing is changed in a directory that
is not ours, or not of a known format.
The process id in LOCK is removed when the directory is closed. Found at an opening, it says that
its writer died: what that left may be in the kernel's memory only, be it read by others as if it
were on the disk. So it is written there first, all of it, before anything is read.
*Considered and refused*: a file with a process id as the lock (a crash leaves it behind, and the
id may by then be another's). The kernel gives an flock back whatever becomes of its holder; the
process id inside only helps the reader of the error.
"""

import contextlib
import errno
import fcntl
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from .durable_files import make_directory, move_directory, sync_file_system, write_file
from .errors import DirectoryInUse, StorageError, UnknownFormat
from .layout import Layout, trash_time_ms
from .template import PAGE_SIZE_BYTES
from .upgrade import from_own_wals

FORMAT = 2
ENGINE = "commit-log"  # one SQLite file for each actor, one log under all of them
_BEFORE_THE_LOG = (1, "sqlite-full")  # each file with a synced WAL of its own
# What an interrupted first opening leaves behind: not ours yet, but no one else's either.
_OURS_BEFORE_FORMAT = frozenset({"LOCK", "FORMAT.new"})
_IN_USE = frozenset({errno.EWOULDBLOCK, errno.EACCES})


class DataDirectory:
    """An open data directory; close it, or use it in a ``with``.

    Attributes:
        layout: Where things lie in it.
    """

    __slots__ = ("_lock", "layout")

    def __init__(self, layout: Layout, lock: int) -> None:
        self.layout = layout
        self._lock: int | None = lock

    @classmethod
    def open(cls, root: Path) -> "DataDirectory":
        """Open the data directory at ``root``, which is made if it is not there.

        Raises:
            DirectoryInUse: Another server has it open.
            UnknownFormat: It was written by another version, or holds something else.
            StorageError: It cannot be made, read or written.
        """
        layout = Layout(root)
        try:
            make_directory(root)
            _refuse_foreign(layout)
            lock = _lock(layout.lock_file)
        except OSError as error:
            raise _unusable(root, error) from error
        try:
            _check_format(layout)
            for directory in (layout.actors_dir, layout.trash_dir):
                make_directory(directory)
        except OSError as error:
            os.close(lock)
            raise _unusable(root, error) from error
        except StorageError:
            os.close(lock)
            raise
        return cls(layout, lock)

    def __enter__(self) -> "DataDirectory":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let others open it; closing twice does nothing."""
        lock, self._lock = self._lock, None
        if lock is not None:
            with contextlib.suppress(OSError):  # the next opening then takes us for dead
                os.truncate(lock, 0)
            os.close(lock)

    def move_to_trash(self, unique_key: str, time_ms: int) -> Path | None:
        """Put all data of a namespace, none of whose actors is open, into the trash.

        Args:
            unique_key: The namespace.
            time_ms: Now, in Unix milliseconds; the retention counts from here.

        Returns:
            Where it lies, or None if there was nothing (any more).
        """
        source = self.layout.namespace_dir(unique_key)
        if not source.is_dir():
            return None
        target = self.layout.trash_entry(unique_key, time_ms)
        while target.exists():
            time_ms += 1
            target = self.layout.trash_entry(unique_key, time_ms)
        try:
            make_directory(self.layout.trash_dir)
            move_directory(source, target)
        except OSError as error:
            raise _unusable(source, error) from error
        return target

    def purge_trash(
        self,
        now_ms: int,
        retention_ms: int,
        may_go: Callable[[Path], bool] = lambda _: True,
    ) -> list[Path]:
        """Delete for good what has been in the trash for ``retention_ms`` or longer.

        Args:
            now_ms: Unix time in milliseconds.
            retention_ms: See above.
            may_go: Asked of each entry before it goes; what may not stays until the next time.

        Returns:
            What was deleted.
        """
        purged = []
        for entry in sorted(self.layout.trash_dir.iterdir()):
            since_ms = trash_time_ms(entry.name)
            if since_ms is not None and since_ms + retention_ms <= now_ms and may_go(entry):
                try:
                    shutil.rmtree(entry)
                except OSError as error:
                    raise _unusable(entry, error) from error
                purged.append(entry)
        return purged


def _refuse_foreign(layout: Layout) -> None:
    """Raise unless the directory is ours or empty."""
    if layout.format_file.exists():
        return
    strangers = sorted({path.name for path in layout.root.iterdir()} - _OURS_BEFORE_FORMAT)
    if strangers:
        raise UnknownFormat(
            layout.root,
            f"is no data directory of perdure: it has no FORMAT file, but holds {strangers[0]!r}",
            "Name an empty directory, or one that does not exist yet",
        )


def _lock(path: Path) -> int:
    """Return the descriptor that holds the lock; closing it lets go."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_size:
            sync_file_system(path)
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
    except OSError as error:
        pid = _pid_in(descriptor)
        os.close(descriptor)
        if error.errno not in _IN_USE:
            raise
        who = "another process" if pid is None else f"process {pid}"
        problem = f"is in use by {who}"
        hint = "Stop that server, or name another directory with --data"
        raise DirectoryInUse(path.parent, problem, hint, pid=pid) from error
    return descriptor


def _pid_in(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else None


def _check_format(layout: Layout) -> None:
    """Raise unless this version can work with what is there; write FORMAT into a new one."""
    wanted = {"format": FORMAT, "engine": ENGINE, "page_size_bytes": PAGE_SIZE_BYTES}
    path = layout.format_file
    if not path.exists():
        write_file(path, json.dumps(wanted).encode() + b"\n")
        return
    found: Any = None
    with contextlib.suppress(ValueError):
        found = json.loads(path.read_text())
    if not isinstance(found, dict) or "format" not in found:
        raise UnknownFormat(path, "cannot be read", "Restore it from a backup")
    if (found["format"], found.get("engine")) == _BEFORE_THE_LOG:
        from_own_wals(layout.actors_dir)
        write_file(path, json.dumps(wanted).encode() + b"\n")
    elif (found["format"], found.get("engine")) != (FORMAT, ENGINE):
        raise UnknownFormat(
            layout.root,
            f"has format {found['format']} of engine {found.get('engine')!r}; this version "
            f"reads format {FORMAT} of engine {ENGINE!r}",
            "Use the version of perdure that wrote it, or a later one",
        )


def _unusable(path: Path, error: OSError) -> StorageError:
    reason = error.strerror or str(error)
    hint = "Check that it is a directory this user may write to, and that the disk has room"
    return StorageError(path, f"cannot be used as data directory: {reason}", hint)
