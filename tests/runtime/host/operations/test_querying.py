"""SQL of the operator on one actor, live or not."""

import asyncio

import pytest

from perdure.runtime.host.operations.errors import WouldWrite
from perdure.storage.errors import SqlError
from tests.town import KEY, Room, Town
from tests.world import turns


async def rows(town: Town, query: str, *bindings: object) -> list[list[object]]:
    items = await town.items(
        "sql", namespace="Room", name="lobby", query=query, bindings=list(bindings)
    )
    return [item["row"] for item in items[1:]]


@pytest.fixture
async def room(town: Town) -> None:
    await town.room().sql("CREATE TABLE t (a UNIQUE, b); INSERT INTO t VALUES (1, 'x'), (2, NULL)")


@pytest.mark.usefixtures("room")
async def test_rows_of_a_live_and_of_an_evicted_actor(town: Town) -> None:
    for evicted in (False, True):
        if evicted:
            town.evict()
        assert await rows(town, "SELECT * FROM t WHERE a > ?", 0) == [[1, "x"], [2, None]]
    assert not town.is_live()


@pytest.mark.usefixtures("room")
async def test_columns_come_first_and_a_summary_last(town: Town) -> None:
    query = {"namespace": "Room", "name": "lobby", "query": "SELECT a, b FROM t", "limit": 1}
    items = await town.items("sql", **query)
    assert items == [{"columns": ["a", "b"]}, {"row": [1, "x"]}]
    result = await town.ask("sql", **query)
    assert result.pop("duration_ms") >= 0
    assert result == {"rows": 1, "has_more": True, "rows_written": None}


@pytest.mark.usefixtures("room")
async def test_nothing_is_written_unless_that_is_meant(town: Town) -> None:
    before = town.store.log.appended_lsn
    with pytest.raises(WouldWrite, match="would write"):
        await rows(town, "DELETE FROM t")
    assert await rows(town, "SELECT count(*) FROM t") == [[2]]
    assert town.store.log.appended_lsn == before


@pytest.mark.usefixtures("room")
async def test_what_is_written_is_durable_and_the_actor_reads_it(town: Town) -> None:
    for evicted in (False, True):
        if evicted:
            town.evict()
        query = f"INSERT INTO t VALUES ({10 + evicted}, 'new')"
        result = await town.ask("sql", namespace="Room", name="lobby", query=query, write=True)
        assert result["rows_written"] == 1
        assert town.store.log.durable_lsn == town.store.log.appended_lsn
    assert len(await town.room().sql("SELECT * FROM t")) == 4


@pytest.mark.usefixtures("room")
async def test_several_statements_are_done_or_none_of_them(town: Town) -> None:
    query = "DELETE FROM t; INSERT INTO t VALUES (1, 1), (1, 1)"
    for evicted in (False, True):
        if evicted:
            town.evict()
        with pytest.raises(SqlError, match="UNIQUE"):
            await town.ask("sql", namespace="Room", name="lobby", query=query, write=True)
        assert await rows(town, "SELECT count(*) FROM t") == [[2]]


@pytest.mark.usefixtures("room")
async def test_rows_that_a_write_returns_are_told(town: Town) -> None:
    query = "UPDATE t SET b = 'z' RETURNING a"
    items = await town.items("sql", namespace="Room", name="lobby", query=query, write=True)
    assert items == [{"columns": ["a"]}, {"row": [1]}, {"row": [2]}]


async def test_a_transaction_of_the_actor_is_waited_for(town: Town) -> None:
    over = Room.over = asyncio.Event()
    call = asyncio.ensure_future(town.room().in_transaction())
    await turns()
    asked = asyncio.ensure_future(rows(town, "SELECT 1"))
    await turns()
    assert not asked.done()
    over.set()
    await call
    assert await asked == [[1]]
    assert town.host.custody.find_actor(KEY, town.id_of().raw) is not None
