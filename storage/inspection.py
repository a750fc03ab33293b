"""What is in an actor's database, for people: its tables, and how much is in each."""

from dataclasses import dataclass
from typing import Literal

from .authorizer import RESERVED_PREFIX
from .engine import ActorDatabase
from .errors import SqlError

Kind = Literal["table", "virtual", "view"]

_TABLES = (
    "SELECT name, type FROM pragma_table_list WHERE schema = 'main'"
    " AND type IN ('table', 'virtual', 'view')"
    " AND substr(name, 1, 7) <> 'sqlite_' AND lower(substr(name, 1, ?)) <> ? ORDER BY name"
)
_KEYS = "SELECT count(*) FROM (SELECT 1 FROM _cf_KV LIMIT ?)"


@dataclass(frozen=True, slots=True)
class TableInfo:
    """A table, or a view.

    Attributes:
        name: Its name.
        kind: ``virtual`` for a full-text or spatial index.
        rows: How many rows it has; None for a view, and where SQLite cannot read it.
        is_exact: There are not more than ``rows``.
    """

    name: str
    kind: Kind
    rows: int | None
    is_exact: bool = True


def table_names(database: ActorDatabase) -> list[tuple[str, Kind]]:
    """Return the names and kinds of the actor's own tables and views, sorted."""
    return database.rows(_TABLES, (len(RESERVED_PREFIX), RESERVED_PREFIX))


def look_at_table(
    database: ActorDatabase, name: str, kind: Kind, rows_max: int | None
) -> TableInfo:
    """Count the rows of a table, up to ``rows_max``; None for all, however long it takes."""
    if kind == "view":
        return TableInfo(name, kind, None)
    quoted = name.replace('"', '""')
    wanted = -1 if rows_max is None else rows_max + 1
    sql = f'SELECT count(*) FROM (SELECT 1 FROM "{quoted}" LIMIT ?)'  # noqa: S608  # it is quoted
    try:
        rows: int = database.value(sql, (wanted,))
    except SqlError:  # a virtual table of a module that is not there
        return TableInfo(name, kind, None)
    if rows_max is not None and rows > rows_max:
        return TableInfo(name, kind, rows_max, is_exact=False)
    return TableInfo(name, kind, rows)


def count_keys(database: ActorDatabase, keys_max: int | None) -> tuple[int, bool]:
    """Return how many keys the key-value half has, and whether there are not more."""
    wanted = -1 if keys_max is None else keys_max + 1
    keys: int = database.value(_KEYS, (wanted,)) or 0
    if keys_max is not None and keys > keys_max:
        return keys_max, False
    return keys, True
