"""SQLite's errors, and which of ours they become."""

from pathlib import Path

import apsw

from .errors import DatabaseFailed, SqlError
from .limits import StorageLimits

# After these nobody knows what the file holds. BUSY is among them as no one else may have the
# file open; the other codes concern one statement only.
CRITICAL_CODES = frozenset(
    {
        apsw.SQLITE_BUSY,
        apsw.SQLITE_CANTOPEN,
        apsw.SQLITE_CORRUPT,
        apsw.SQLITE_FULL,
        apsw.SQLITE_IOERR,
        apsw.SQLITE_NOMEM,
        apsw.SQLITE_NOTADB,
        apsw.SQLITE_PERM,
        apsw.SQLITE_PROTOCOL,
        apsw.SQLITE_READONLY,
    }
)


def is_critical(error: apsw.Error) -> bool:
    """Say whether the database's state is in doubt after ``error``."""
    if _is_damaged_index(error):
        return False
    return getattr(error, "result", 0) in CRITICAL_CODES


def _is_damaged_index(error: Exception) -> bool:
    """A damaged full-text index is not a damaged file: its owner can drop or rebuild it."""
    return getattr(error, "extendedresult", 0) == apsw.SQLITE_CORRUPT_VTAB


def name_of(error: Exception) -> str:
    """Return SQLite's name of the primary result code, for instance ``SQLITE_FULL``."""
    # storage/connection.py raises one itself, which has no code; nor have the system's.
    unsaid = apsw.SQLITE_NOTADB if isinstance(error, apsw.NotADBError) else apsw.SQLITE_ERROR
    unsaid = apsw.SQLITE_IOERR if isinstance(error, OSError) else unsaid
    code = getattr(error, "result", unsaid)
    return str(apsw.mapping_result_codes.get(code, f"SQLITE_{code}"))


def sql_error(error: apsw.Error, refusal: str | None, limits: StorageLimits) -> SqlError:
    """Return ``error`` as the user sees it.

    Args:
        error: What apsw raised.
        refusal: What the authorizer says about it, if it was the authorizer.
        limits: The limits in force.
    """
    if refusal is not None and isinstance(error, apsw.AuthError):
        return SqlError(refusal)
    if isinstance(error, apsw.InterruptError):
        seconds = limits.sql_time_budget_s
        text = f"the statement ran longer than {seconds} s (perdure.limits.sql_time_budget_s)"
        return SqlError(text, name_of(error))
    extended = getattr(error, "extendedresult", 0)
    offset = getattr(error, "error_offset", -1)
    extended_name = apsw.mapping_extended_result_codes.get(extended)
    return SqlError(
        str(error),
        name_of(error),
        str(extended_name) if extended_name else None,
        offset if offset >= 0 else None,
    )


def database_failure(
    path: Path, error: Exception, problem: str | None = None, code: str | None = None
) -> DatabaseFailed:
    """Return ``error``, after which the database at ``path`` is given up, as others see it."""
    hint = ""
    if isinstance(error, apsw.FullError):
        hint = "Make room on the disk, or raise perdure.limits.database_size_bytes_max"
    problem = problem or f"the database failed: {error}"
    code = code or ("SQLITE_CORRUPT_VTAB" if _is_damaged_index(error) else name_of(error))
    return DatabaseFailed(path, problem, hint, code=code)
