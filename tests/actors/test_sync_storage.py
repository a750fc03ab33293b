"""``storage.kv`` and ``storage.sql``: synchronous, and checked for their place at each call."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from perdure.actors.errors import StorageAccess
from perdure.storage.errors import SqlError, UsageError
from tests.world import Lab, World, turns


async def test_kv_has_the_keys_of_the_asynchronous_calls(world: World) -> None:
    async def script(lab: Lab) -> None:
        storage = lab.ctx.storage
        storage.kv.put("a", [1])
        assert await storage.get("a") == [1]
        await storage.put("b", 2)
        assert storage.kv.get("b") == 2
        assert storage.kv.get("missing") is None
        assert storage.kv.delete("a") is True
        assert storage.kv.delete("a") is False
        assert await storage.list() == {"b": 2}

    await world.inside(script)


async def test_kv_lists_as_it_is_asked(world: World) -> None:
    def script(lab: Lab) -> None:
        kv = lab.ctx.storage.kv
        for key in "edcba":
            kv.put(key, key.upper())
        assert list(kv.list(start="b", end="d")) == [("b", "B"), ("c", "C")]
        assert [key for key, _ in kv.list(start_after="b", reverse=True, limit=2)] == ["e", "d"]
        assert list(kv.list(prefix="x")) == []
        rows = kv.list()
        assert next(rows) == ("a", "A")
        kv.put("b", "changed ahead of it")
        assert next(rows) == ("b", "changed ahead of it")
        kv.list()
        with pytest.raises(UsageError, match=r"Only one kv\.list"):
            next(rows)

    await world.inside(script)


async def test_sql_runs_statements_and_reads_rows(world: World) -> None:
    def script(lab: Lab) -> None:
        sql = lab.ctx.storage.sql
        sql.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)")
        sql.exec("INSERT INTO t (text) VALUES (?), (?)", "a", "b")
        assert sql.exec("SELECT text FROM t WHERE id = ?", 2).one() == {"text": "b"}
        assert sql.exec("SELECT * FROM t").column_names == ["id", "text"]
        with pytest.raises(SqlError, match="no such table: nope"):
            sql.exec("SELECT * FROM nope")
        assert sql.database_size > 0
        assert [row["text"] for row in sql.exec("SELECT text FROM t ORDER BY id")] == ["a", "b"]

    await world.inside(script)


CALLS: dict[str, Callable[[Any], Any]] = {
    "kv.get": lambda storage: storage.kv.get("a"),
    "kv.put": lambda storage: storage.kv.put("a", "written"),
    "kv.delete": lambda storage: storage.kv.delete("a"),
    "kv.list": lambda storage: storage.kv.list(),
    "sql.exec": lambda storage: storage.sql.exec("CREATE TABLE written (x)"),
    "sql.database_size": lambda storage: storage.sql.database_size,
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_each_call_asks_whether_its_actor_is_running(
    world: World, call: Callable[[Any], Any]
) -> None:
    storage = await world.inside(lambda lab: lab.ctx.storage)
    await world.inside(lambda lab: lab.ctx.storage.kv.put("a", "before"))
    with pytest.raises(StorageAccess):
        call(storage)

    def check(lab: Lab) -> None:
        assert lab.ctx.storage.kv.get("a") == "before"
        tables = lab.ctx.storage.sql.exec("SELECT name FROM sqlite_schema WHERE name = 'written'")
        assert tables.to_array() == []

    await world.inside(check)


async def test_a_list_that_was_begun_in_a_handler_cannot_be_read_on_elsewhere(
    world: World,
) -> None:
    def begin(lab: Lab) -> Any:
        for key in "abc":
            lab.ctx.storage.kv.put(key, 1)
        begun, untouched = lab.ctx.storage.kv.list(), lab.ctx.storage.kv.list()
        return begun, untouched

    for rows in await world.inside(begin):
        with pytest.raises(StorageAccess):
            next(rows)


async def test_callbacks_of_the_loop_are_refused(world: World) -> None:
    errors: list[Exception] = []

    async def script(lab: Lab) -> None:
        def callback() -> None:
            try:
                lab.ctx.storage.kv.put("a", 1)
            except StorageAccess as error:
                errors.append(error)

        asyncio.get_running_loop().call_soon(callback)
        await turns(2)
        assert lab.ctx.storage.kv.get("a") is None

    await world.inside(script)
    assert len(errors) == 1
