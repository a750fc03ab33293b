"""Whatever an actor made in its database can be deleted in one transaction."""

from collections.abc import Callable

import pytest

from perdure.storage.engine import ActorDatabase
from perdure.storage.kv import KeyValue
from perdure.storage.metadata import Metadata
from perdure.storage.sql import Sql

SCHEMAS = {
    "table": "CREATE TABLE t (a UNIQUE, b); INSERT INTO t VALUES (1, 2)",
    "odd names": 'CREATE TABLE "a ""quoted"" name" (a); CREATE TABLE "_cf x" (a)',
    "view": "CREATE TABLE t (a); CREATE VIEW v AS SELECT a FROM t; CREATE VIEW w AS SELECT * FROM v",
    "broken view": "CREATE VIEW v AS SELECT * FROM missing",
    "trigger": (
        "CREATE TABLE t (a); CREATE TRIGGER r BEFORE DELETE ON t"
        " BEGIN SELECT RAISE(ABORT, 'no'); END; INSERT INTO t VALUES (1)"
    ),
    "index": "CREATE TABLE t (a); CREATE INDEX i ON t (a) WHERE a > 0",
    "without row ids": "CREATE TABLE t (a PRIMARY KEY) WITHOUT ROWID",
    "generated": "CREATE TABLE t (a, b AS (a + 1) STORED); INSERT INTO t VALUES (1)",
    "autoincrement": "CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT);"
    "INSERT INTO t VALUES (7)",
    "statistics": "CREATE TABLE t (a UNIQUE); INSERT INTO t VALUES (1); ANALYZE",
    "full text": "CREATE VIRTUAL TABLE f USING fts5 (x); INSERT INTO f VALUES ('word');"
    "CREATE VIRTUAL TABLE v USING fts5vocab ('f', 'row')",
    "external content": "CREATE TABLE t (x); CREATE VIRTUAL TABLE f USING fts5 (x, content='t')",
    "r-tree": "CREATE VIRTUAL TABLE r USING rtree (id, a, b); INSERT INTO r VALUES (1, 2, 3)",
    "restricting parent": (
        "CREATE TABLE p (id INTEGER PRIMARY KEY);"
        "CREATE TABLE c (p REFERENCES p (id) ON DELETE RESTRICT);"
        "INSERT INTO p VALUES (1); INSERT INTO c VALUES (1)"
    ),
    "circle": (
        "CREATE TABLE a (id INTEGER PRIMARY KEY, b REFERENCES b (id));"
        "CREATE TABLE b (id INTEGER PRIMARY KEY, a NOT NULL REFERENCES a (id));"
        "PRAGMA defer_foreign_keys = ON;"
        "INSERT INTO a VALUES (1, 1); INSERT INTO b VALUES (1, 1)"
    ),
    "of itself": "CREATE TABLE t (id INTEGER PRIMARY KEY, t NOT NULL REFERENCES t (id));"
    "INSERT INTO t VALUES (1, 1)",
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_everything_goes(name: str, db: ActorDatabase, kv: KeyValue, sql: Sql) -> None:
    sql.exec(SCHEMAS[name])
    kv.put("a", 1)
    db.commit()
    db.delete_all()
    assert db.commit()
    left = sql.exec("SELECT name FROM sqlite_schema WHERE name NOT GLOB '_cf_[KM]*'").raw()
    assert {row[0] for row in left} <= {"sqlite_sequence", "sqlite_stat1", "sqlite_stat4"}
    assert kv.list() == {}
    sql.exec(SCHEMAS[name])  # and it can all be made again
    assert db.commit()


def test_the_alarm_goes_and_the_name_stays(db: ActorDatabase) -> None:
    metadata = Metadata(db)
    metadata.set_name("room-42")
    metadata.set_alarm_ms(5)
    db.delete_all()
    assert metadata.get_alarm_ms() is None
    assert metadata.get_name() == "room-42"


def test_counters_begin_again(db: ActorDatabase, sql: Sql) -> None:
    sql.exec(SCHEMAS["autoincrement"])
    db.delete_all()
    sql.exec("CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT)")
    assert sql.exec("INSERT INTO t VALUES (NULL) RETURNING a").one() == {"a": 1}


def test_pages_become_free(make_db: Callable[..., ActorDatabase]) -> None:
    db = make_db()
    KeyValue(db).put("a", "x" * 100_000)
    db.commit()
    assert db.size_bytes > 100_000
    db.delete_all()
    db.commit()
    assert db.size_bytes == 12_288


def test_a_setting_of_the_user_does_not_matter(db: ActorDatabase, sql: Sql) -> None:
    sql.exec("PRAGMA case_sensitive_like = ON")
    sql.exec("create virtual table f using fts5 (x); create table t (a)")
    db.delete_all()
    assert sql.exec("PRAGMA table_list(f)").to_array() == []
