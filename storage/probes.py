"""What the promise rests on, measured: the disk, its file system, SQLite.

Nothing is judged here; runtime/host/operations/doctoring.py does.
"""

import fcntl
import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import apsw

from . import connection as _connection  # noqa: F401  # as servers do, it sets SQLite up

_SYNCS = 32
_BLOCK_SIZE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class FileSystem:
    """Where a directory lies.

    Attributes:
        kind: As the kernel calls it, for instance ``ext4``.
        mount_point: Where it is mounted.
    """

    kind: str
    mount_point: str


@dataclass(frozen=True, slots=True)
class Room:
    """What is left of a file system, for this user.

    Attributes:
        free_size_bytes: Bytes.
        size_bytes: Of all.
        free_files: How many more files; None where there is no such limit.
        is_read_only: Nothing can be written.
    """

    free_size_bytes: int
    size_bytes: int
    free_files: int | None
    is_read_only: bool


@dataclass(frozen=True, slots=True)
class SqliteFacts:
    """The SQLite that is used.

    Attributes:
        version: Its version.
        apsw_version: That of the binding.
        has_lookaside: Each connection takes a block of memory of its own for small things.
        is_thread_safe: It was built to be used from several threads.
    """

    version: str
    apsw_version: str
    has_lookaside: bool
    is_thread_safe: bool


def file_system(path: Path) -> FileSystem | None:
    """Return the file system of a directory; None where the kernel does not tell."""
    try:
        lines = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return None
    where = str(path.resolve())
    best: FileSystem | None = None
    for line in lines:
        before, _, after = line.partition(" - ")
        mount_point = before.split()[4].encode().decode("unicode_escape")
        is_above = where == mount_point or where.startswith(mount_point.rstrip("/") + "/")
        if is_above and (best is None or len(mount_point) >= len(best.mount_point)):
            best = FileSystem(after.split()[0], mount_point)
    return best


def room(path: Path) -> Room:
    """Return what is left where a directory lies.

    Raises:
        OSError: The system does not tell.
    """
    found = os.statvfs(path)
    return Room(
        found.f_bavail * found.f_frsize,
        found.f_blocks * found.f_frsize,
        found.f_favail if found.f_files else None,
        bool(found.f_flag & os.ST_RDONLY),
    )


def sync_latency_us(directory: Path) -> float:
    """Return how long it takes to have 4 KiB on the disk, as the log does it; the median, in us.

    Raises:
        OSError: It cannot be done there.
    """
    path = directory / f".probe-{os.getpid()}"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    times = []
    try:
        os.pwrite(descriptor, bytes(_BLOCK_SIZE_BYTES * _SYNCS), 0)
        os.fsync(descriptor)
        for number in range(_SYNCS):
            os.pwrite(descriptor, os.urandom(_BLOCK_SIZE_BYTES), number * _BLOCK_SIZE_BYTES)
            started = time.perf_counter()
            os.fdatasync(descriptor)
            times.append(time.perf_counter() - started)
    finally:
        os.close(descriptor)
        path.unlink(missing_ok=True)
    return statistics.median(times) * 1e6


def lock_holder(lock_file: Path) -> tuple[bool, int | None]:
    """Return whether a process holds a data directory's lock, and the process id in it."""
    try:
        descriptor = os.open(lock_file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False, None
    try:
        text = os.pread(descriptor, 32, 0).strip()
        pid = int(text) if text.isdigit() else None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True, pid
        return False, pid
    finally:
        os.close(descriptor)


def sqlite_facts() -> SqliteFacts:
    """Return what SQLite is used, and how it is set up."""
    connection = apsw.Connection(":memory:")
    try:
        connection.execute("CREATE TABLE t (a); INSERT INTO t VALUES (1)").fetchall()
        used = connection.status(apsw.SQLITE_DBSTATUS_LOOKASIDE_HIT)[1]
    finally:
        connection.close()
    return SqliteFacts(
        apsw.sqlite_lib_version(),
        apsw.apsw_version(),
        used > 0,
        "THREADSAFE=0" not in apsw.compile_options,
    )
