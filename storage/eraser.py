"""Empties an actor's database inside its transaction: what ``delete_all`` does."""

import apsw

from .authorizer import RESERVED_PREFIX

# Virtual tables before tables: they take their shadow tables with them. What an object takes
# with it (a table its indexes and triggers) is not found any more when its turn comes.
_OBJECTS = """
    SELECT type, name FROM sqlite_schema
    WHERE type IN ('view', 'trigger', 'table')
      AND lower(substr(name, 1, ?)) <> ?
      AND substr(name, 1, 7) <> 'sqlite_'
    ORDER BY type = 'table', substr(sql, 1, 14) <> 'CREATE VIRTUAL'
"""
_EXISTS = "SELECT 1 FROM sqlite_schema WHERE type = ? AND name = ?"
# The actor's name stays: it says who this is.
_OURS = """
    DELETE FROM _cf_KV;
    DELETE FROM _cf_METADATA WHERE key = 'alarm';
"""
# SQLite made these for AUTOINCREMENT and ANALYZE; the first cannot be dropped.
_STATISTICS = ("sqlite_sequence", "sqlite_stat1", "sqlite_stat4")


def erase(connection: apsw.Connection) -> None:
    """Drop all the user's objects, and delete all keys and the alarm.

    Raises:
        apsw.Error: SQLite could not; some of it is done, which the caller undoes.
    """
    # Tables may refer to each other in a circle; with all of them gone no reference dangles.
    connection.execute("PRAGMA defer_foreign_keys = ON")
    found = connection.execute(_OBJECTS, (len(RESERVED_PREFIX), RESERVED_PREFIX)).fetchall()
    for kind, name in found:
        if connection.execute(_EXISTS, (kind, name)).get:
            quoted = str(name).replace('"', '""')
            connection.execute(f'DROP {kind} "{quoted}"')
    for name in _STATISTICS:
        if connection.execute(_EXISTS, ("table", name)).get:
            connection.execute(f"DELETE FROM {name}")  # noqa: S608  # a name of our own
    connection.execute(_OURS).fetchall()
    connection.execute("PRAGMA defer_foreign_keys = OFF")
