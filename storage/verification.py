"""Looks for damage: in an actor's file, in a log, in what SQLite alone looks after."""

import contextlib
from pathlib import Path

import apsw

from .errors import LogCorrupt
from .immutable import open_immutable
from .log_directory import LogDirectory
from .log_scan import scan

# So many of SQLite's findings of one file are told.
_FINDINGS_MAX = 5
# A log that is written to while it is read may look damaged at its very end, once.
_LOOKS = 3


def check_database(path: Path) -> str | None:
    """Read all of a SQLite file; return what is wrong with it, or None; in any thread.

    Nothing is locked: a file that is written to meanwhile may look damaged.
    """
    try:
        with contextlib.closing(open_immutable(path)) as connection:
            found = connection.execute(f"PRAGMA integrity_check({_FINDINGS_MAX})").fetchall()
    except apsw.Error as error:
        return str(error)
    verdicts = [str(verdict) for (verdict,) in found]
    return None if verdicts == ["ok"] else "; ".join(verdicts).replace("\n", " ")


def check_log(path: Path) -> tuple[int, LogCorrupt | None]:
    """Read a log, which is held if it is in use; return how many records, and what is wrong.

    Raises:
        OSError: It cannot be read.
    """
    failure: LogCorrupt | None = None
    for _ in range(_LOOKS):
        try:
            # Only read: whoever writes it has the lock.
            found = scan(path, LogDirectory(path).read_checkpoint())
        except LogCorrupt as error:
            failure = error
        else:
            return len(found.records), None
    return 0, failure
