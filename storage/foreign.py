"""Makes an actor's database of a SQLite file from elsewhere.

*Promise*: the source is only read, in one consistent state, whatever its journal mode and whoever
writes to it. The draft that comes out passes SQLite's check, has our tables and our page size, and
knows no name and no alarm but those that are wanted.
*Considered and refused*: taking over tables that begin with ``_cf_`` and are not ours: workerd has
such ones, with values in a form of its own.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import apsw

from .authorizer import RESERVED_PREFIX
from .errors import DatabaseFailed, StorageError
from .sqlite_errors import name_of
from .template import APPLICATION_ID, PAGE_SIZE_BYTES, SCHEMA_VERSION

_PAGES_AT_ONCE = 1024
_RESERVED = (
    "SELECT name FROM sqlite_schema WHERE lower(substr(name, 1, ?)) = ?"
    " AND type IN ('table', 'view', 'trigger', 'index') ORDER BY name"
)
_SCHEMA = f"""
    PRAGMA application_id = {APPLICATION_ID};
    PRAGMA user_version = {SCHEMA_VERSION};
    CREATE TABLE IF NOT EXISTS _cf_KV (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS _cf_METADATA (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
"""
_SET_NAME = "INSERT OR REPLACE INTO _cf_METADATA (key, value) VALUES ('name', ?)"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an actor's file is to be.

    Attributes:
        name: The name its id was made from; None if that is not known.
        keeps_alarm: The alarm that is in the file stays.
    """

    name: str | None
    keeps_alarm: bool


def take_in(source: Path, draft: Path, identity: Identity) -> None:
    """Make at ``draft`` an actor's database of the SQLite file ``source``; runs in a thread.

    Raises:
        DatabaseFailed: The source is no SQLite file, is damaged, or has tables in our place.
        StorageError: The draft cannot be written.
    """
    uri = f"file:{quote(str(source))}?mode=ro"
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    try:
        with contextlib.closing(apsw.Connection(uri, flags=flags)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
            _copy(connection, draft)
    except apsw.Error as error:
        problem = f"cannot be read: {error}"
        raise DatabaseFailed(source, problem, code=name_of(error)) from error
    try:
        with contextlib.closing(apsw.Connection(str(draft))) as connection:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()  # no -shm
            connection.execute("PRAGMA journal_mode = DELETE").fetchall()
            connection.execute("PRAGMA synchronous = OFF").fetchall()  # it is a draft
            _check(source, connection)
            _make_ours(connection, identity)
    except apsw.Error as error:
        raise StorageError(draft, f"cannot be written: {error}", "Make room on the disk") from error


def rename(draft: Path, identity: Identity) -> None:
    """Have a copy of an actor's database be another actor's; runs in a thread.

    Raises:
        StorageError: It cannot be written.
    """
    try:
        with contextlib.closing(apsw.Connection(str(draft))) as connection:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()  # no -shm
            _set_identity(connection, identity)
    except apsw.Error as error:
        raise StorageError(draft, f"cannot be written: {error}", "Make room on the disk") from error


def _copy(source: apsw.Connection, draft: Path) -> None:
    with (
        contextlib.closing(apsw.Connection(str(draft))) as target,
        target.backup("main", source, "main") as backup,
    ):
        while not backup.done:
            backup.step(_PAGES_AT_ONCE)


def _check(source: Path, connection: apsw.Connection) -> None:
    try:
        verdicts = [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)")]
    except apsw.CorruptError as error:
        verdicts = [str(error)]
    if verdicts != ["ok"]:
        problem = f"is damaged: {'; '.join(verdicts)}"
        raise DatabaseFailed(source, problem, "Mend it, or take a backup", code="SQLITE_CORRUPT")
    reserved = connection.execute(_RESERVED, (len(RESERVED_PREFIX), RESERVED_PREFIX)).fetchall()
    names = [name for (name,) in reserved]
    application_id = connection.execute("PRAGMA application_id").get
    version = connection.execute("PRAGMA user_version").get
    if application_id != APPLICATION_ID:
        if names:
            problem = f"has {names[0]}, and names with {RESERVED_PREFIX} are perdure's"
            raise DatabaseFailed(source, problem, "Drop it from a copy of the file")
    elif version != SCHEMA_VERSION or not {"_cf_KV", "_cf_METADATA"} <= set(names):
        problem = f"is of version {version}; {SCHEMA_VERSION} is known"
        raise DatabaseFailed(source, problem, "Use the version of perdure that wrote it")


def _make_ours(connection: apsw.Connection, identity: Identity) -> None:
    if connection.execute("PRAGMA page_size").get != PAGE_SIZE_BYTES:
        connection.execute(f"PRAGMA page_size = {PAGE_SIZE_BYTES}").fetchall()
        connection.execute("VACUUM").fetchall()
    connection.execute(_SCHEMA).fetchall()
    _set_identity(connection, identity)


def _set_identity(connection: apsw.Connection, identity: Identity) -> None:
    with connection:
        if identity.name is None:
            connection.execute("DELETE FROM _cf_METADATA WHERE key = 'name'")
        else:
            connection.execute(_SET_NAME, (identity.name,))
        if not identity.keeps_alarm:
            connection.execute("DELETE FROM _cf_METADATA WHERE key = 'alarm'")
