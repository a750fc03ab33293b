"""SQL of people who look: it reads under the actor's rules, and changes nothing at all."""

from pathlib import Path

import pytest

from perdure.storage.engine import ActorDatabase
from perdure.storage.errors import InvalidArgument, SqlError
from perdure.storage.kv import KeyValue
from perdure.storage.reader import read
from perdure.storage.sql import Sql


@pytest.fixture
def database(db: ActorDatabase) -> ActorDatabase:
    sql = Sql(db)
    sql.exec("CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 'x'), (2, NULL), (3, x'00ff')")
    sql.exec("CREATE VIRTUAL TABLE words USING fts5(text); INSERT INTO words VALUES ('hello you')")
    sql.exec("CREATE VIRTUAL TABLE boxes USING rtree(id, low, high)")
    sql.exec("INSERT INTO boxes VALUES (1, 2, 3)")
    KeyValue(db).put("secret", 1)
    db.commit()
    return db


def test_rows_come_with_their_columns(database: ActorDatabase) -> None:
    answer = read(database, "SELECT a, b, a FROM t WHERE a >= ? ORDER BY a", (2,), rows_max=10)
    assert answer.columns == ("a", "b", "a")
    assert answer.rows == [(2, None, 2), (3, b"\x00\xff", 3)]
    assert not answer.has_more


def test_no_more_rows_than_wanted_are_given(database: ActorDatabase) -> None:
    answer = read(database, "SELECT a FROM t ORDER BY a", rows_max=2)
    assert answer.rows == [(1,), (2,)]
    assert answer.has_more
    assert not read(database, "SELECT a FROM t ORDER BY a", rows_max=3).has_more


@pytest.mark.parametrize(
    "query",
    [
        "INSERT INTO t VALUES (4, 4)",
        "UPDATE t SET a = 0 RETURNING a",
        "WITH x AS (SELECT 1) DELETE FROM t",
        "CREATE TABLE u (a)",
        "DROP TABLE t",
        "ALTER TABLE t ADD COLUMN c",
        "REINDEX",
        "ANALYZE",
        "INSERT INTO words(words) VALUES ('optimize')",
    ],
)
def test_what_would_write_is_refused(database: ActorDatabase, query: str) -> None:
    Sql(database).exec("SELECT 1")
    with pytest.raises(SqlError, match="The statement would write; only reading is allowed here"):
        read(database, query, rows_max=1)
    assert not database.has_writes
    assert [row["a"] for row in Sql(database).exec("SELECT a FROM t")] == [1, 2, 3]


@pytest.mark.parametrize(
    "query",
    [
        "PRAGMA optimize",
        "PRAGMA case_sensitive_like = 1",
        "PRAGMA recursive_triggers(1)",
        "SELECT * FROM pragma_optimize",
        "PRAGMA journal_mode = DELETE",
        "SELECT * FROM _cf_KV",
        "BEGIN",
        "ATTACH 'other' AS other",
        "VACUUM",
    ],
)
def test_what_the_actor_may_not_and_what_would_set_something_is_refused(
    database: ActorDatabase, query: str
) -> None:
    with pytest.raises(SqlError):
        read(database, query, rows_max=1)


def test_a_statement_that_the_actor_has_compiled_is_judged_again(database: ActorDatabase) -> None:
    query = "PRAGMA case_sensitive_like = 1"
    for _ in range(3):
        Sql(database).exec(query)
    with pytest.raises(SqlError, match="not authorized"):
        read(database, query, rows_max=1)
    Sql(database).exec("INSERT INTO t VALUES (4, 4)")  # the actor's own rules are as before


def test_pragmas_that_tell_are_allowed(database: ActorDatabase) -> None:
    assert read(database, "PRAGMA quick_check", rows_max=1).rows == [("ok",)]
    answer = read(database, "PRAGMA table_info(t)", rows_max=9)
    assert [row[1] for row in answer.rows] == ["a", "b"]


def test_full_text_and_spatial_indexes_can_be_read_on_a_fresh_connection(
    database: ActorDatabase, tmp_path: Path
) -> None:
    database.close()
    again = ActorDatabase(database.path)
    answer = read(again, "SELECT text FROM words WHERE words MATCH 'you'", rows_max=9)
    assert answer.rows == [("hello you",)]
    assert read(again, "SELECT low FROM boxes", rows_max=9).rows == [(2.0,)]
    again.close()


def test_there_is_one_statement_and_it_fits_its_bindings(database: ActorDatabase) -> None:
    with pytest.raises(SqlError, match="Only one statement at a time"):
        read(database, "SELECT 1; SELECT 2", rows_max=9)
    with pytest.raises(SqlError, match="did not contain a statement"):
        read(database, "-- nothing", rows_max=9)
    with pytest.raises(SqlError, match="Wrong number of parameter bindings"):
        read(database, "SELECT ?", rows_max=9)
    with pytest.raises(InvalidArgument):
        read(database, "SELECT '\ud800'", rows_max=9)
    with pytest.raises(SqlError, match="syntax error"):
        read(database, "SELCT", rows_max=9)
