"""Brings data directories of earlier formats to the present one.

    1, "sqlite-full"   each actor's file with its own, synced -wal
    2, "commit-log"    no -wal counts; what the files lack is in log/ (docs/storage-format.md)

*Promise*: an upgrade that was killed is done again from its beginning, and loses nothing: FORMAT
changes last.
"""

from pathlib import Path

import apsw

from .connection import open_connection
from .durable_files import sync_file_system
from .errors import DatabaseFailed
from .limits import StorageLimits
from .sqlite_errors import database_failure

_WAL = "-wal"


def from_own_wals(actors_dir: Path) -> int:
    """Put into each actor's file what is in its ``-wal``; return how many there were.

    Raises:
        DatabaseFailed: A file cannot be read or written; its ``-wal`` is still there.
        OSError: The disk failed.
    """
    wals = sorted(actors_dir.rglob("*" + _WAL))
    for wal in wals:
        path = wal.with_name(wal.name.removesuffix(_WAL))
        if not path.exists():
            problem = f"{wal.name} is there, and the database it belongs to is not"
            raise DatabaseFailed(path, problem, "Restore it from a backup", code="SQLITE_CORRUPT")
        _checkpoint(path)
        wal.unlink(missing_ok=True)
    sync_file_system(actors_dir)
    return len(wals)


def _checkpoint(path: Path) -> None:
    try:
        connection = open_connection(path, StorageLimits())
    except apsw.Error as error:
        raise database_failure(path, error) from error
    try:
        frames, done = connection.wal_checkpoint("main", apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.Error as error:
        raise database_failure(path, error) from error
    finally:
        connection.close()
    assert frames == done, "nobody else has the file open"
