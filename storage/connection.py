"""Opens an actor's file with SQLite, and sets SQLite up for it.

*Promise*: a connection that is returned commits durably, unless somebody else sees to that, holds
its file alone, and refuses what exceeds the limits. Only files made from our template are opened.
*Considered and refused*: locking_mode=NORMAL (one more file and one more descriptor for each
actor, for a second opener that the directory's lock forbids); synchronous=NORMAL (loses
acknowledged writes when the power fails: 444 of 93,720 in our measurement).
"""

import contextlib
from pathlib import Path

import apsw

from .limits import StorageLimits
from .template import APPLICATION_ID, NEW_APPLICATION_ID, PAGE_SIZE_BYTES

# Small allocations of each connection come from the heap instead of a block of its own of 48 KiB
# (docs/decisions/0011, which says what that costs). It can only be set while SQLite is idle, so
# not if the program uses apsw already.
if not apsw.connections():
    apsw.shutdown()
    apsw.config(apsw.SQLITE_CONFIG_LOOKASIDE, 0, 0)
    # apsw's SQLite is built without automatic initialization: without this call it has no mutexes,
    # and two connections in two threads destroy the heap that they share.
    apsw.initialize()

# EXCLUSIVE first: set before the first access, SQLite keeps its index of the WAL in memory
# instead of a file.
# Then the cache. With the first page SQLite allocates room for twenty, 86 KiB, unless its cache is
# to hold no more than two. Setting that reads the first page already, so that what it took is given
# back before the page is read once more; with a page in the cache it allocates them one by one.
_SET_UP_FIRST = """
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA cache_size = 2;
"""
_SET_UP = """
    PRAGMA synchronous = {synchronous};
    PRAGMA foreign_keys = ON;
    PRAGMA journal_size_limit = 4194304;
    PRAGMA max_page_count = {page_count_max};
    PRAGMA application_id;
    PRAGMA cache_size = -2000;
"""
# Beyond a value's own bytes and its key's: SQLite's record header.
_ROW_OVERHEAD_BYTES = 1024
# Below these our own statements and tables would not work; storage/sql.py and storage/kv.py
# hold the user to lower ones.
_STATEMENT_SIZE_BYTES_MIN = 10_000
_ROW_SIZE_BYTES_MIN = 100_000
_COUNT_MIN = 10


def open_connection(
    path: Path,
    limits: StorageLimits,
    is_logged: bool = False,  # noqa: FBT001, FBT002  # its one caller has an attribute of this name
) -> apsw.Connection:
    """Open the database at ``path``, which must exist.

    Args:
        path: The file.
        limits: What may be stored.
        is_logged: The commit log makes commits durable; SQLite syncs nothing.

    Raises:
        apsw.Error: It cannot be opened, is damaged, or is none of ours.
    """
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        _set_up(connection, limits, is_logged=is_logged)
    except apsw.Error:
        with contextlib.suppress(apsw.Error):
            connection.close()
        raise
    return connection


def _set_up(connection: apsw.Connection, limits: StorageLimits, *, is_logged: bool) -> None:
    if is_logged:  # first: one that is refused below is closed as well
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    # User SQL cannot write the schema, nor the tables below a full-text index.
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    pages = max(limits.database_size_bytes_max // PAGE_SIZE_BYTES, 1)
    synchronous = "OFF" if is_logged else "FULL"
    set_up = _SET_UP.format(page_count_max=pages, synchronous=synchronous)
    # These statements are not run again: remembered, they would take 14 KiB.
    connection.execute(_SET_UP_FIRST, can_cache=False).fetchall()
    connection.release_memory()
    ((found,),) = connection.execute(set_up, can_cache=False).fetchall()[-1:]
    if found != APPLICATION_ID and not (is_logged and found == NEW_APPLICATION_ID):
        raise apsw.NotADBError("it was not made by perdure")
    for limit, value in _sqlite_limits(limits):
        connection.limit(limit, value)


def _sqlite_limits(limits: StorageLimits) -> list[tuple[int, int]]:
    value_max = limits.value_size_bytes_max + limits.key_size_bytes_max + _ROW_OVERHEAD_BYTES
    row_max = max(limits.sql_row_size_bytes_max, value_max, _ROW_SIZE_BYTES_MIN)
    statement_max = max(limits.sql_statement_size_bytes_max, _STATEMENT_SIZE_BYTES_MIN)
    return [
        (apsw.SQLITE_LIMIT_LENGTH, row_max),
        (apsw.SQLITE_LIMIT_SQL_LENGTH, statement_max),
        (apsw.SQLITE_LIMIT_COLUMN, max(limits.sql_columns_max, _COUNT_MIN)),
        (apsw.SQLITE_LIMIT_VARIABLE_NUMBER, max(limits.sql_variables_max, _COUNT_MIN)),
        (apsw.SQLITE_LIMIT_FUNCTION_ARG, max(limits.sql_function_arguments_max, _COUNT_MIN)),
        (apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, limits.sql_like_pattern_size_bytes_max),
        # workerd's, which follow https://www.sqlite.org/security.html
        (apsw.SQLITE_LIMIT_EXPR_DEPTH, 100),
        (apsw.SQLITE_LIMIT_COMPOUND_SELECT, 5),
        (apsw.SQLITE_LIMIT_VDBE_OP, 25_000),
        (apsw.SQLITE_LIMIT_TRIGGER_DEPTH, 10),
        (apsw.SQLITE_LIMIT_ATTACHED, 0),
    ]
