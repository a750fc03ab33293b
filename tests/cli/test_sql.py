"""``perdure sql``: reading by default, writing when it is meant."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.town import Town

Invoke = Callable[..., Result]


@pytest.fixture
def ask(tmp_path: Path, invoke: Invoke) -> Callable[..., Result]:
    """Run SQL on a stopped directory with a room."""

    async def prepare() -> None:
        async with Town(tmp_path / "data") as town:
            await town.room().sql("CREATE TABLE t (a INTEGER PRIMARY KEY, b, c)")
            await town.room().sql("INSERT INTO t VALUES (1, NULL, x'00ff'), (20, 'x\ny', 1.5)")

    asyncio.run(prepare())
    return lambda *words: invoke("sql", "Room", "lobby", "--data", tmp_path / "data", *words)


def test_rows_are_a_table(ask: Invoke) -> None:
    result = ask("SELECT * FROM t")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        " a  b     c",
        " 1  NULL  x'00ff'",
        "20  x\\ny  1.5",
    ]
    assert result.stderr.startswith("2 rows; ")


def test_a_limit_says_that_there_are_more(ask: Invoke) -> None:
    result = ask("SELECT a FROM t", "--limit", 1)
    assert result.stdout.split() == ["a", "1"]
    assert "1 row shown, and there are more (--limit); " in result.stderr


def test_nothing_is_written_without_saying_so(ask: Invoke) -> None:
    result = ask("DELETE FROM t")
    assert result.exit_code == 2
    assert "error: The statement would write; only reading is allowed here." in result.stderr
    assert "Say --write" in result.stderr
    assert ask("SELECT count(*) AS n FROM t", "--json").stdout == '{"n": 2}\n'


def test_what_was_written_is_counted(ask: Invoke) -> None:
    assert ask("UPDATE t SET b = 1", "--write").stderr.startswith("2 rows written; ")
    assert ask("DELETE FROM t", "--write", "--json").stdout == '{"rows_written": 2}\n'
    result = ask("INSERT INTO t VALUES (5, 5, 5) RETURNING a", "--write")
    assert result.stdout.split() == ["a", "5"]
    assert result.stderr.startswith("1 row, 1 row written; ")
