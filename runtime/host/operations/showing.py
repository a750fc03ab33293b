"""Shows one actor: what it has stored, and what it is doing."""

import asyncio
from dataclasses import asdict, dataclass

from ....storage.engine import ActorDatabase
from ....storage.inspection import TableInfo, count_keys, look_at_table, table_names
from ....storage.metadata import Metadata
from .house import House, Told, Values
from .naming import Address, existing

# On a running server no table is counted further than this, which takes some milliseconds.
ROWS_COUNTED_MAX = 200_000


@dataclass(frozen=True, slots=True)
class ShowArguments:
    """Which actor is wanted.

    Attributes:
        namespace: A class, binding or unique key.
        name: Its name, or None.
        id: Its id, or None.
        exact: Count all rows, though it may hold up a running server.
    """

    namespace: str
    name: str | None = None
    id: str | None = None
    exact: bool = False


@dataclass(frozen=True, slots=True)
class ActorDetails:
    """What there is to know of an actor.

    Attributes:
        namespace: Its class.
        unique_key: Of its namespace.
        id: 64 hexadecimal digits.
        name: The name its id was made from; None if it is not known.
        path: Its file.
        size_bytes: Bytes its database uses.
        keys: How many keys the key-value half has.
        keys_are_exact: There are not more.
        tables: Its tables and views.
        alarm_ms: When it is to be woken, or None.
        bookmark: Of its state now.
        quarantine: Why it is not served, or None.
        is_live: It is in memory.
        sessions: WebSockets it holds.
        events: Events it is handling.
    """

    namespace: str
    unique_key: str
    id: str
    name: str | None
    path: str
    size_bytes: int
    keys: int
    keys_are_exact: bool
    tables: list[TableInfo]
    alarm_ms: int | None
    bookmark: str
    quarantine: str | None
    is_live: bool
    sessions: int
    events: int


async def show_actor(house: House, arguments: ShowArguments, told: Told) -> Values:
    """Return the ActorDetails of an actor."""
    del told
    found = await existing(house, arguments.namespace, arguments.name, arguments.id)
    rows_max = None if arguments.exact or not house.is_serving else ROWS_COUNTED_MAX
    key = (found.unique_key, found.id.raw)
    with house.host.custody.borrow(*key) as database:
        names = table_names(database)
    tables = []
    for name, kind in names:
        await asyncio.sleep(0)  # the house goes on between two of them
        with house.host.custody.borrow(*key) as database:
            tables.append(look_at_table(database, name, kind, rows_max))
    with house.host.custody.borrow(*key) as database:
        return asdict(_details(house, found, database, tables, rows_max))


def _details(
    house: House,
    found: Address,
    database: ActorDatabase,
    tables: list[TableInfo],
    rows_max: int | None,
) -> ActorDetails:
    metadata = Metadata(database)
    keys, keys_are_exact = count_keys(database, rows_max)
    key = (found.unique_key, found.id.raw)
    actor = house.host.custody.find_actor(*key)
    mark = house.store.marks.get("quarantine", *key)
    return ActorDetails(
        found.namespace.class_name,
        found.unique_key,
        str(found.id),
        metadata.get_name() or found.id.name,
        str(found.path),
        database.size_bytes,
        keys,
        keys_are_exact,
        tables,
        metadata.get_alarm_ms(),
        str(house.store.history.current(*key)),
        None if mark is None else str(mark.get("problem")),
        actor is not None,
        0 if actor is None else len(actor.sessions),
        0 if actor is None else len(actor.replies_due),
    )
