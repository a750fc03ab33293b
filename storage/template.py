"""The bytes of a new actor's database.

A new database is a copy of these, not the outcome of CREATE TABLE and a change of journal mode
for each actor: that took a third of the time of an actor's first write.
"""

from dataclasses import dataclass
from functools import cache

import apsw

# "perd". It marks a file as ours, in bytes 68 to 71 of the header (SQLite file format, 1.3.16).
APPLICATION_ID = 0x70657264
# "perN": of a file whose first commit the log does not know yet (storage/journal.py).
NEW_APPLICATION_ID = 0x7065724E
# Of our own tables, in the header's user_version. Raise it with each change of them.
SCHEMA_VERSION = 1
PAGE_SIZE_BYTES = 4096

# WITHOUT ROWID: a put must not change what last_insert_rowid() tells the actor's own SQL.
_SCHEMA = f"""
    PRAGMA page_size = {PAGE_SIZE_BYTES};
    PRAGMA application_id = {APPLICATION_ID};
    PRAGMA user_version = {SCHEMA_VERSION};
    CREATE TABLE _cf_KV (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
    CREATE TABLE _cf_METADATA (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
"""
READ_VERSION, WRITE_VERSION = 18, 19  # offsets in the header (SQLite file format, 1.3.3)
WAL = 2


@dataclass(frozen=True, slots=True)
class Template:
    """An empty actor's database.

    Attributes:
        data: The file's content; its journal mode is WAL.
    """

    data: bytes


@cache
def standard_template() -> Template:
    """Return the template that every actor starts from; built once."""
    connection = apsw.Connection(":memory:")
    try:
        connection.execute(_SCHEMA).fetchall()
        data = bytearray(connection.serialize("main"))
    finally:
        connection.close()
    # A database in memory cannot be switched to WAL; in a file the switch is these two bytes.
    data[READ_VERSION] = data[WRITE_VERSION] = WAL
    return Template(bytes(data))
