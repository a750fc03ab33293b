"""SQL: cursors, bindings, several statements, and what becomes of rows not yet read."""

import enum
import gc
import math
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from perdure.storage import sql as sql_module
from perdure.storage.engine import ActorDatabase
from perdure.storage.errors import DatabaseFailed, InvalidArgument, SqlError, UsageError
from perdure.storage.limits import StorageLimits
from perdure.storage.sql import Sql

MakeDatabase = Callable[..., ActorDatabase]
COUNT = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < {}) "


@pytest.fixture
def three(sql: Sql) -> Sql:
    sql.exec("CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 'x'), (2, 'y'), (3, 'z')")
    return sql


# --- cursors ---------------------------------------------------------------------------------


def test_a_row_is_a_dict(three: Sql) -> None:
    cursor = three.exec("SELECT * FROM t")
    assert cursor.column_names == ["a", "b"]
    assert iter(cursor) is cursor
    assert next(cursor) == {"a": 1, "b": "x"}
    assert cursor.next() == {"a": 2, "b": "y"}
    assert cursor.to_array() == [{"a": 3, "b": "z"}]
    assert cursor.to_array() == []
    assert cursor.next() is None
    assert list(cursor) == []


def test_raw_rows_share_the_position(three: Sql) -> None:
    cursor = three.exec("SELECT a AS n, b AS n FROM t")
    raw = cursor.raw()
    assert raw.column_names == ["n", "n"]
    assert next(raw) == (1, "x")
    assert cursor.next() == {"n": "y"}
    assert raw.to_array() == [(3, "z")]
    assert list(cursor.raw()) == []


def test_exactly_one(three: Sql) -> None:
    assert three.exec("SELECT a FROM t WHERE a = 2").one() == {"a": 2}
    with pytest.raises(SqlError) as caught:
        three.exec("SELECT a FROM t WHERE a > 5").one()
    assert str(caught.value) == "Expected exactly one result from SQL query, but got no results."
    with pytest.raises(SqlError) as caught:
        three.exec("SELECT a FROM t").one()
    assert str(caught.value) == (
        "Expected exactly one result from SQL query, but got multiple results."
    )


def test_a_statement_has_run_when_exec_returns(three: Sql) -> None:
    three.exec("INSERT INTO t VALUES (4, NULL)")
    three.exec("DELETE FROM t WHERE a < 3 RETURNING a")
    assert three.exec("SELECT count(*) AS n FROM t").one() == {"n": 2}


def test_column_names_without_rows(three: Sql) -> None:
    assert three.exec("SELECT a, b AS c FROM t WHERE 0").column_names == ["a", "c"]
    assert three.exec("DELETE FROM t").column_names == []


def test_columns_of_a_cursor_follow_the_schema(three: Sql) -> None:
    query = "SELECT * FROM t WHERE a = 1"
    assert three.exec(query).one() == {"a": 1, "b": "x"}
    three.exec("ALTER TABLE t ADD COLUMN c DEFAULT 7")
    assert three.exec(query).one() == {"a": 1, "b": "x", "c": 7}
    assert three.exec(query).column_names == ["a", "b", "c"]


def test_counts(three: Sql) -> None:
    cursor = three.exec("SELECT * FROM t")
    assert cursor.rows_read == 0
    next(cursor)
    assert cursor.rows_read == 1
    cursor.to_array()
    assert (cursor.rows_read, cursor.rows_written) == (3, 0)
    assert three.exec("UPDATE t SET b = 'w' WHERE a > 1").rows_written == 2
    assert three.exec("DELETE FROM t; INSERT INTO t VALUES (9, 9)").rows_written == 1
    assert three.exec("INSERT INTO t VALUES (1, 1), (2, 2) RETURNING a").rows_written == 2


def test_size(db: ActorDatabase, sql: Sql) -> None:
    assert sql.database_size == 0
    sql.exec("CREATE TABLE t (a)")
    assert sql.database_size == 4 * 4096


# --- bindings --------------------------------------------------------------------------------


class Number(enum.IntEnum):
    ONE = 1


class Text(enum.StrEnum):
    A = "a"


@pytest.mark.parametrize(
    ("value", "kind", "back"),
    [
        (None, "null", None),
        (1, "integer", 1),
        (2**63 - 1, "integer", 2**63 - 1),
        (-(2**63), "integer", -(2**63)),
        (True, "integer", 1),
        (False, "integer", 0),
        (1.0, "real", 1.0),
        (math.inf, "real", math.inf),
        (math.nan, "null", None),
        ("é😀\0x", "text", "é😀\0x"),
        (b"\x00\xff", "blob", b"\x00\xff"),
        (bytearray(b"ab"), "blob", b"ab"),
        (memoryview(b"abcd")[::2], "blob", b"ac"),
        (Number.ONE, "integer", 1),
        (Text.A, "text", "a"),
    ],
    # Not the address of a memoryview: each process that runs tests must name them alike.
    ids=lambda value: repr(value).split(" at 0x")[0],
)
def test_a_binding_has_the_type_of_its_value(sql: Sql, value: Any, kind: str, back: Any) -> None:
    row = sql.exec("SELECT ? AS v, typeof(?1) AS t", value).one()
    assert row == {"v": back, "t": kind}
    assert type(row["v"]) is type(back)


@pytest.mark.parametrize(
    "value", [{"a": 1}, [1], {1}, Decimal(1), datetime(2026, 1, 1, tzinfo=UTC), object(), 1j, len]
)
def test_what_sqlite_cannot_hold_is_refused(sql: Sql, value: Any) -> None:
    with pytest.raises(InvalidArgument, match="binding 2 is of type") as caught:
        sql.exec("SELECT ?, ?", 1, value)
    assert type(value).__name__ in str(caught.value)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 10**30])
def test_an_int_beyond_64_bits_is_refused(sql: Sql, value: int) -> None:
    with pytest.raises(InvalidArgument, match=f"binding 1 is the int {value}, and SQLite holds 64"):
        sql.exec("SELECT ?", value)


def test_text_that_is_no_text_is_refused(sql: Sql) -> None:
    for query, bindings in (
        ("SELECT ?", ["\ud800"]),
        ("SELECT '\ud800'", []),
        ("SELECT 1 \0 2", []),
    ):
        with pytest.raises(InvalidArgument, match="the query or a binding is no valid text"):
            sql.exec(query, *bindings)
    with pytest.raises(InvalidArgument, match="a query is a str"):
        sql.exec(b"SELECT 1")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "bindings"),
    [
        ("SELECT ?", []),
        ("SELECT ?", [1, 2]),
        ("SELECT 1", [1]),
        ("SELECT 1; SELECT ?", []),
        ("SELECT 1; SELECT ?", [1, 2]),
        ("SELECT ?2", [1]),
    ],
)
def test_as_many_bindings_as_parameters(sql: Sql, query: str, bindings: list[int]) -> None:
    with pytest.raises(SqlError) as caught:
        sql.exec(query, *bindings)
    assert str(caught.value) == "Wrong number of parameter bindings for SQL query."


# --- several statements ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT 1; SELECT 2", [(2,)]),
        ("SELECT 1; SELECT 2;", [(2,)]),
        ("SELECT 1;;; SELECT 2 ;; -- done", [(2,)]),
        ("SELECT 1; /* ; SELECT 3 */ SELECT 2 /* unfinished", [(2,)]),
        ("SELECT 1 -- é😀\n; SELECT 'ä;' /*;*/", [("ä;",)]),
        ("SELECT 1; -- SELECT 2", [(1,)]),
        ("SELECT 1; /* a */ /* b */ \t\r\n", [(1,)]),
        ("SELECT x FROM (VALUES (1), (2), (3)) AS v (x); SELECT 1 WHERE 0", []),
        ("SELECT 1 UNION SELECT 2; SELECT 3 UNION SELECT 4", [(3,), (4,)]),
        ("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2); SELECT a FROM t", [(1,), (2,)]),
        ("CREATE TABLE t (a); INSERT INTO t VALUES (1) RETURNING a; SELECT 5", [(5,)]),
        ("CREATE TABLE t (a); INSERT INTO t VALUES (1) RETURNING a", [(1,)]),
        ("SELECT 1; CREATE TABLE t (a)", []),
    ],
)
def test_the_rows_are_those_of_the_last_statement(
    sql: Sql, query: str, rows: list[tuple[Any, ...]]
) -> None:
    if "(x)" in query:
        query = query.replace("SELECT x FROM (VALUES (1), (2), (3)) AS v (x)", "VALUES (1), (2)")
    cursor = sql.exec(query)
    assert cursor.raw().to_array() == rows


@pytest.mark.parametrize("query", ["", "  \n", ";", ";;", "-- nothing", "/* nothing */", "/* -"])
def test_no_statement(sql: Sql, query: str) -> None:
    with pytest.raises(SqlError) as caught:
        sql.exec(query)
    assert str(caught.value) == "SQL code did not contain a statement."


def test_bindings_belong_to_the_last_statement(sql: Sql) -> None:
    assert sql.exec("SELECT 1; SELECT ? AS a", 5).one() == {"a": 5}
    sql.exec("CREATE TABLE t (a)")
    with pytest.raises(SqlError) as caught:
        sql.exec("INSERT INTO t VALUES (?); SELECT ?", 5, 6)
    assert str(caught.value) == (
        "When executing multiple SQL statements in a single call, only the last statement can "
        "have parameters."
    )
    assert sql.exec("SELECT * FROM t").to_array() == []


def test_what_stands_before_a_mistake_stays_done(three: Sql) -> None:
    with pytest.raises(SqlError, match="no such table: missing"):
        three.exec("DELETE FROM t WHERE a = 1; SELECT * FROM missing; DELETE FROM t")
    assert three.exec("SELECT count(*) AS n FROM t").one() == {"n": 2}


def test_a_failed_statement_undoes_itself_only(three: Sql) -> None:
    three.exec("CREATE UNIQUE INDEX i ON t (a)")
    with pytest.raises(SqlError, match=r"UNIQUE constraint failed: t\.a"):
        three.exec("INSERT INTO t VALUES (4, 4), (1, 1)")
    assert three.exec("SELECT count(*) AS n FROM t").one() == {"n": 3}


def test_a_statement_too_long(make_db: MakeDatabase, small_limits: StorageLimits) -> None:
    sql = Sql(make_db(limits=small_limits))
    assert sql.exec("SELECT 1 AS a".ljust(40)).one() == {"a": 1}
    for query in ("SELECT 1".ljust(41), "SELECT '" + "é" * 17 + "'"):
        with pytest.raises(SqlError) as caught:
            sql.exec(query)
        assert str(caught.value) == "statement too long: SQLITE_TOOBIG"


# --- cursors and transactions ----------------------------------------------------------------


def test_a_cursor_outlives_its_turn(db: ActorDatabase, three: Sql) -> None:
    cursor = three.exec("SELECT a FROM t ORDER BY a")
    assert next(cursor) == {"a": 1}
    assert db.commit()
    three.exec("DELETE FROM t")
    three.exec("DROP TABLE t")
    assert db.commit()
    assert cursor.rows_read == 1
    assert list(cursor) == [{"a": 2}, {"a": 3}]
    assert cursor.rows_read == 3


def test_a_cursor_of_a_writing_statement_holds_up_nothing(db: ActorDatabase, three: Sql) -> None:
    cursor = three.exec("INSERT INTO t VALUES (4, 4), (5, 5) RETURNING a")
    db.savepoint()
    db.release()
    assert db.commit()
    assert cursor.to_array() == [{"a": 4}, {"a": 5}]


def test_a_large_cursor_goes_on_reading_after_a_commit(db: ActorDatabase, sql: Sql) -> None:
    sql.exec("CREATE TABLE t (a); " + COUNT.format(25_000) + "INSERT INTO t SELECT x FROM c")
    cursor = sql.exec("SELECT a FROM t")
    assert next(cursor) == {"a": 1}
    for _ in range(2):
        assert db.commit()
        sql.exec("INSERT INTO t VALUES (0)")
    numbers = [row["a"] for row in cursor]
    assert numbers[: 25_000 - 1] == list(range(2, 25_001))
    assert set(numbers[25_000 - 1 :]) == {0}


def test_an_endless_cursor_does_not_hold_up_a_commit(db: ActorDatabase, sql: Sql) -> None:
    sql.exec("CREATE TABLE t (a)")
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"
    cursor = sql.exec(endless)
    assert db.commit()
    for _ in range(3):
        sql.exec("INSERT INTO t VALUES (1)")
        db.commit()
    assert len(cursor._buffer) == sql_module._ROWS_READ_AHEAD_MAX  # it does not grow
    assert [next(cursor)["x"] for _ in range(20_000)] == list(range(1, 20_001))


def test_a_cursor_nobody_holds_is_forgotten(db: ActorDatabase, three: Sql) -> None:
    gc.disable()
    try:
        for row in three.exec("SELECT a FROM t"):
            assert row == {"a": 1}
            break
        assert len(db._live) == 0
        three.exec("DROP TABLE t")  # it would be locked by a cursor still reading
    finally:
        gc.enable()


def test_a_cursor_that_is_at_its_end_is_told_nothing(db: ActorDatabase, three: Sql) -> None:
    cursor = three.exec("SELECT a FROM t")
    cursor.to_array()
    db.commit()
    db.close()
    assert cursor.to_array() == []


def test_a_table_being_read_cannot_be_dropped(three: Sql) -> None:
    cursor = three.exec("SELECT a FROM t")
    with pytest.raises(SqlError, match="database table is locked"):
        three.exec("DROP TABLE t")
    assert len(cursor.to_array()) == 3
    three.exec("DROP TABLE t")


def test_an_error_comes_where_its_row_would_have_come(db: ActorDatabase, sql: Sql) -> None:
    query = "SELECT json_extract(column1, '$') AS j FROM (VALUES ('1'), ('2'), ('{'), ('4'))"
    cursor = sql.exec(query)
    db.commit()
    assert [next(cursor)["j"], next(cursor)["j"]] == [1, 2]
    for read in (cursor.next, cursor.to_array, cursor.one):
        with pytest.raises(SqlError, match="malformed JSON"):
            read()
    undisturbed = sql.exec(query)
    assert next(undisturbed) == {"j": 1}
    with pytest.raises(SqlError, match="malformed JSON"):
        undisturbed.to_array()
    stepped = sql.exec(query)
    assert [next(stepped)["j"], next(stepped)["j"]] == [1, 2]
    with pytest.raises(SqlError, match="malformed JSON"):
        next(stepped)
    assert list(stepped) == []


def test_rolling_back_what_a_cursor_reads(db: ActorDatabase, three: Sql) -> None:
    db.commit()
    cursor = three.exec("SELECT a FROM t ORDER BY a")
    db.savepoint()
    three.exec("INSERT INTO t VALUES (4, 4)")
    db.rollback_to()
    assert cursor.to_array() == [{"a": 1}, {"a": 2}, {"a": 3}]
    cursor = three.exec("SELECT a FROM t")
    three.exec("CREATE TABLE other (a)")
    db.rollback()
    assert next(cursor) == {"a": 1}
    with pytest.raises(SqlError, match="abort due to ROLLBACK"):
        next(cursor)


def test_delete_all_leaves_a_cursor_what_it_has_in_memory(db: ActorDatabase, three: Sql) -> None:
    cursor = three.exec("SELECT a FROM t ORDER BY a")
    db.delete_all()
    assert cursor.to_array() == [{"a": 1}, {"a": 2}, {"a": 3}]


@pytest.mark.parametrize("end", ["close", "delete_all"])
def test_rows_that_are_gone_are_an_error(
    db: ActorDatabase, sql: Sql, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_module, "_ROWS_READ_AHEAD_MAX", 5)
    sql.exec("CREATE TABLE t (a); " + COUNT.format(50) + "INSERT INTO t SELECT x FROM c")
    cursor = sql.exec("SELECT a FROM t")
    db.commit()
    getattr(db, end)()
    for n in range(1, 6):
        assert next(cursor)["a"] == n
    with pytest.raises(UsageError, match="cannot be read any more"):
        for _ in cursor:
            pass


def test_a_cursor_of_a_database_that_fails(make_db: MakeDatabase) -> None:
    db = make_db()
    sql = Sql(db)
    sql.exec("CREATE TABLE t (a UNIQUE); INSERT INTO t VALUES (1), (2)")
    cursor = sql.exec("SELECT a FROM t")
    with pytest.raises(DatabaseFailed):
        sql.exec("INSERT OR ROLLBACK INTO t VALUES (1)")
    assert next(cursor) == {"a": 1}
    with pytest.raises(UsageError, match="cannot be read any more"):
        next(cursor)


def test_a_statement_of_ours_is_not_the_users(db: ActorDatabase, sql: Sql) -> None:
    """The same text, compiled for us without rules, is compiled again under them."""
    ours = "SELECT value FROM _cf_KV WHERE key = ?"
    db.begin()
    assert db.value(ours, ("a",)) is None
    with pytest.raises(SqlError, match="prohibited"):
        sql.exec(ours, "a")
    with pytest.raises(SqlError, match="prohibited"):
        sql.exec(ours, "a")
    assert db.value(ours, ("a",)) is None
