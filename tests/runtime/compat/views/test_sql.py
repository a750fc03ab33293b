"""``storage.sql`` in the platform's spelling."""

from typing import Any

import pytest

from perdure.runtime.compat.js.buffers import Uint8Array
from perdure.runtime.compat.js.proxies import JsException, jsnull
from tests.world import World


async def test_rows_are_objects_arrays_and_steps(workers: World) -> None:
    def script(lab: Any) -> None:
        sql = lab.ctx.storage.sql
        sql.exec("CREATE TABLE t (n, s)")
        sql.exec("INSERT INTO t VALUES (?, ?), (?, ?)", 1, "a", 2, "b")
        query = "SELECT n, s FROM t ORDER BY n"
        assert [(row["n"], row.s) for row in sql.exec(query)] == [(1, "a"), (2, "b")]
        assert sql.exec(query).toArray().to_py() == [{"n": 1, "s": "a"}, {"n": 2, "s": "b"}]
        assert sql.exec("SELECT n FROM t WHERE n = ?", 1).one().n == 1
        cursor = sql.exec(query)
        assert cursor.columnNames.to_py() == ["n", "s"]
        first = cursor.next()
        assert (first.done, first.value.n) == (False, 1)
        assert cursor.raw().toArray() == [[2, "b"]]
        assert cursor.next().done is True
        assert list(sql.exec(query).raw()) == [[1, "a"], [2, "b"]]
        assert sql.exec(query).raw().next().value.to_py() == [1, "a"]
        assert sql.exec(query).raw().columnNames.length == 2

    await workers.inside(script)


async def test_figures_are_those_of_now(workers: World) -> None:
    """The SDK keeps the first ones it has read."""

    def script(lab: Any) -> None:
        sql = lab.ctx.storage.sql
        before = sql.databaseSize
        written = sql.exec("CREATE TABLE t (n)").rowsWritten
        assert sql.databaseSize > before
        assert written == 0
        assert sql.exec("INSERT INTO t VALUES (1), (2)").rowsWritten == 2
        cursor = sql.exec("SELECT n FROM t")
        assert cursor.rowsRead == 0
        cursor.toArray()
        assert cursor.rowsRead == 2

    await workers.inside(script)


async def test_an_integer_stays_one(workers: World) -> None:
    """The original binds every number as a floating one."""

    def script(lab: Any) -> None:
        row = lab.ctx.storage.sql.exec(
            "SELECT typeof(?1) AS a, typeof(?2) AS b, ?3 AS c, ?4 AS d, ?5 AS e",
            1,
            1.5,
            2**53 + 1,
            jsnull,
            Uint8Array([1, 2]),
        ).one()
        assert (row.a, row.b, row.c, row.d) == ("integer", "real", 2**53 + 1, None)
        assert row.e.to_bytes() == b"\x01\x02"

    await workers.inside(script)


@pytest.mark.parametrize(
    ("query", "bindings", "message"),
    [
        ("SELECT * FROM none", (), "no such table: none: SQLITE_ERROR"),
        ("SELECT ?", (), "Wrong number of parameter bindings for SQL query."),
        ("", (), "SQL code did not contain a statement."),
        (5, (), 'near "5": syntax error at offset 0: SQLITE_ERROR'),
    ],
)
async def test_errors_are_javascripts_with_the_platforms_texts(
    query: Any, bindings: Any, message: str, workers: World
) -> None:
    def script(lab: Any) -> None:
        with pytest.raises(JsException) as raised:
            lab.ctx.storage.sql.exec(query, *bindings)
        assert raised.value.message == message
        assert raised.value.name == "Error"

    await workers.inside(script)


async def test_one_says_how_many_there_were_instead(workers: World) -> None:
    def script(lab: Any) -> None:
        with pytest.raises(JsException, match="but got no results"):
            lab.ctx.storage.sql.exec("SELECT 1 WHERE 0").one()

    await workers.inside(script)
