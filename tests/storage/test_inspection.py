"""What people are told of a database's content."""

from perdure.storage.engine import ActorDatabase
from perdure.storage.inspection import TableInfo, count_keys, look_at_table, table_names
from perdure.storage.kv import KeyValue
from perdure.storage.sql import Sql


def test_tables_views_and_indexes_of_text_are_named_and_nothing_of_ours(db: ActorDatabase) -> None:
    sql = Sql(db)
    sql.exec("CREATE TABLE b (id INTEGER PRIMARY KEY AUTOINCREMENT); CREATE TABLE a (x)")
    sql.exec("CREATE VIEW v AS SELECT * FROM a; CREATE VIRTUAL TABLE words USING fts5(text)")
    assert table_names(db) == [("a", "table"), ("b", "table"), ("v", "view"), ("words", "virtual")]


def test_rows_are_counted_up_to_a_limit(db: ActorDatabase) -> None:
    sql = Sql(db)
    sql.exec('CREATE TABLE "a ""b" (x); INSERT INTO "a ""b" VALUES (1), (2), (3)')
    assert look_at_table(db, 'a "b', "table", None) == TableInfo('a "b', "table", 3)
    assert look_at_table(db, 'a "b', "table", 3) == TableInfo('a "b', "table", 3)
    assert look_at_table(db, 'a "b', "table", 2) == TableInfo('a "b', "table", 2, is_exact=False)
    assert look_at_table(db, "v", "view", 2) == TableInfo("v", "view", None)


def test_a_table_that_cannot_be_read_has_no_number(db: ActorDatabase) -> None:
    Sql(db).exec("CREATE TABLE a (x)")
    assert look_at_table(db, "gone", "virtual", None) == TableInfo("gone", "virtual", None)


def test_keys_are_counted_up_to_a_limit(db: ActorDatabase) -> None:
    assert count_keys(db, 2) == (0, True)
    for key in "abc":
        KeyValue(db).put(key, 1)
    assert count_keys(db, None) == (3, True)
    assert count_keys(db, 3) == (3, True)
    assert count_keys(db, 2) == (2, False)
