"""What differs between two states of an actor, by tables and keys: what a restore would change.

Rows are told apart by their primary key, or by their rowid; of a table whose columns differ all
rows count as other ones. Shadow tables of indexes follow from the tables they belong to, and are
left out.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from .errors import DatabaseFailed
from .immutable import immutable_uri, open_immutable
from .sqlite_errors import name_of

# So many keys are named of each kind of change.
KEYS_NAMED_MAX = 5
KEY_VALUE = "_cf_KV"
_TABLES = (
    "SELECT name FROM pragma_table_list WHERE schema = ? AND type = 'table'"
    " AND substr(name, 1, 7) <> 'sqlite_' AND name <> '_cf_METADATA' ORDER BY name"
)
_COLUMNS = "SELECT name, pk FROM pragma_table_xinfo(?, ?) WHERE hidden IN (0, 2, 3) ORDER BY cid"


@dataclass(frozen=True, slots=True)
class TableChange:
    """How a table would differ.

    Attributes:
        table: Its name; that of the key-value half is ``_cf_KV``.
        kind: ``created``, ``dropped`` or ``changed``.
        added: Rows that would be there and are not.
        removed: Rows that are there and would not be.
        changed: Rows that would have another content.
        keys: Some of the rows, as ("added", key) and so on.
    """

    table: str
    kind: str
    added: int
    removed: int
    changed: int
    keys: list[tuple[str, str]]


def compare(before: Path, after: Path) -> list[TableChange]:
    """Return how ``after`` differs from ``before``, both plain SQLite files; runs in a thread.

    Raises:
        DatabaseFailed: One of them cannot be read.
    """
    try:
        with contextlib.closing(open_immutable(before)) as connection:
            connection.execute("ATTACH ? AS after", (immutable_uri(after),))
            return _compare(connection)
    except apsw.Error as error:
        problem = f"cannot be compared: {error}"
        raise DatabaseFailed(before, problem, code=name_of(error)) from error


def _compare(connection: apsw.Connection) -> list[TableChange]:
    names = {
        schema: [name for (name,) in connection.execute(_TABLES, (schema,))]
        for schema in ("main", "after")
    }
    changes = []
    for table in sorted({*names["main"], *names["after"]}):
        if table not in names["after"]:
            rows = _count(connection, "main", table)
            changes.append(TableChange(table, "dropped", 0, rows, 0, []))
        elif table not in names["main"]:
            rows = _count(connection, "after", table)
            changes.append(TableChange(table, "created", rows, 0, 0, []))
        else:
            change = _compare_table(connection, table)
            if change.added or change.removed or change.changed:
                changes.append(change)
    return changes


def _compare_table(connection: apsw.Connection, table: str) -> TableChange:
    columns = connection.execute(_COLUMNS, (table, "main")).fetchall()
    if columns != connection.execute(_COLUMNS, (table, "after")).fetchall():
        removed = _count(connection, "main", table)
        added = _count(connection, "after", table)
        return TableChange(table, "changed", added, removed, 0, [])
    keys = [_quoted(str(name)) for name, place in columns if place] or ["rowid"]
    others = [_quoted(str(name)) for name, place in columns if not place]
    quoted = _quoted(table)
    same = " AND ".join(f"a.{key} IS b.{key}" for key in keys)
    differs = " OR ".join(f"a.{name} IS NOT b.{name}" for name in others) or "0"
    now, then = f"main.{quoted}", f"after.{quoted}"
    queries = {
        "added": f"FROM {then} a WHERE NOT EXISTS (SELECT 1 FROM {now} b WHERE {same})",  # noqa: S608  # all names are quoted
        "removed": f"FROM {now} a WHERE NOT EXISTS (SELECT 1 FROM {then} b WHERE {same})",  # noqa: S608  # as above
        "changed": f"FROM {then} a JOIN {now} b ON {same} WHERE {differs}",
    }
    counts, named = {}, []
    for kind, query in queries.items():
        counts[kind] = connection.execute(f"SELECT count(*) {query}").get
        selected = ", ".join(f"a.{key}" for key in keys)
        found = connection.execute(f"SELECT {selected} {query} LIMIT {KEYS_NAMED_MAX}").fetchall()
        named += [(kind, ", ".join(_shown(value) for value in row)) for row in found]
    return TableChange(
        table, "changed", counts["added"], counts["removed"], counts["changed"], named
    )


def _count(connection: apsw.Connection, schema: str, table: str) -> int:
    sql = f"SELECT count(*) FROM {schema}.{_quoted(table)}"  # noqa: S608  # it is quoted
    count: int = connection.execute(sql).get
    return count


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _shown(value: Any) -> str:
    return f"x'{value.hex()}'" if isinstance(value, bytes) else str(value)
