"""Runs SQL on one actor: reading it, unless the operator has said that it may write."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ....storage.engine import ActorDatabase
from ....storage.errors import PerdureError, SqlError
from ....storage.reader import READ_ONLY, Answer, read
from ....storage.sql import Sql
from .errors import WouldWrite
from .house import House, Told, Values
from .naming import existing

# More rows than this are for an export: they are in memory at once.
ROWS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class SqlArguments:
    """What is to be run, and where.

    Attributes:
        namespace: A class, binding or unique key.
        query: One statement that reads; with ``write`` any number of any.
        name: The actor's name, or None.
        id: Its id, or None.
        write: It may write.
        bindings: For the parameters of the query.
        limit: So many rows are given.
    """

    namespace: str
    query: str
    name: str | None = None
    id: str | None = None
    write: bool = False
    bindings: Sequence[Any] = ()
    limit: int = ROWS_MAX


async def run_sql(house: House, arguments: SqlArguments, told: Told) -> Values:
    """Tell of each row as an item, the columns' names first.

    Everything that was written, and everything that was read, is durable when it is told.

    Returns:
        ``rows``, ``has_more``, ``rows_written`` (None if it only read), ``duration_ms``.
    """
    found = await existing(house, arguments.namespace, arguments.name, arguments.id)
    key = (found.unique_key, found.id.raw)
    await house.quiet(*key)
    with house.host.custody.borrow(*key) as database:
        started = time.perf_counter()
        written: int | None = None
        try:
            if arguments.write:
                answer, written = _write(database, arguments)
            else:
                answer = read(
                    database, arguments.query, tuple(arguments.bindings), rows_max=arguments.limit
                )
        except PerdureError as error:
            await _leave(house, key, database)
            if isinstance(error, SqlError) and error.message == READ_ONLY:
                raise WouldWrite(READ_ONLY, "Say --write, if that is meant") from error
            raise
        duration_ms = (time.perf_counter() - started) * 1000
        await house.commit(*key, database)
    await told.item({"columns": list(answer.columns)})
    for row in answer.rows:
        await told.item({"row": list(row)})
    return {
        "rows": len(answer.rows),
        "has_more": answer.has_more,
        "rows_written": written,
        "duration_ms": round(duration_ms, 3),
    }


async def _leave(house: House, key: tuple[str, bytes], database: ActorDatabase) -> None:
    """End the transaction in which a statement was refused; nothing of that is in it."""
    if database.failure is None:
        await house.commit(*key, database)


def _write(database: ActorDatabase, arguments: SqlArguments) -> tuple[Answer, int]:
    """Run all statements, or have nothing of them done."""
    database.savepoint()
    try:
        cursor = Sql(database).exec(arguments.query, *arguments.bindings)
        columns = tuple(cursor.column_names)
        rows = cursor.raw().to_array()
    except PerdureError:
        if database.failure is None:
            database.rollback_to()
        raise
    database.release()
    limit = arguments.limit
    return Answer(columns, rows[:limit], len(rows) > limit), cursor.rows_written
