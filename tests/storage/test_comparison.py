"""What differs between two states, by tables and keys."""

import sqlite3
from pathlib import Path

import pytest

from perdure.storage.comparison import TableChange, compare
from perdure.storage.errors import DatabaseFailed


def make(path: Path, sql: str) -> Path:
    connection = sqlite3.connect(path)
    connection.executescript(sql)
    connection.close()
    return path


def differences(tmp_path: Path, before: str, after: str) -> list[TableChange]:
    return compare(make(tmp_path / "before", before), make(tmp_path / "after", after))


def test_equal_states_do_not_differ(tmp_path: Path) -> None:
    sql = "CREATE TABLE t (a); INSERT INTO t VALUES (NULL), (1), (x'00')"
    assert differences(tmp_path, sql, sql) == []


def test_rows_are_told_apart_by_their_primary_key(tmp_path: Path) -> None:
    table = "CREATE TABLE t (a TEXT, b INT, c, PRIMARY KEY (a, b)) WITHOUT ROWID;"
    before = table + "INSERT INTO t VALUES ('same', 1, 1), ('other', 2, NULL), ('gone', 3, 3)"
    after = table + "INSERT INTO t VALUES ('same', 1, 1), ('other', 2, 2), ('new', 4, 4)"
    assert differences(tmp_path, before, after) == [
        TableChange(
            "t",
            "changed",
            1,
            1,
            1,
            [("added", "new, 4"), ("removed", "gone, 3"), ("changed", "other, 2")],
        )
    ]


def test_rows_without_a_primary_key_are_told_apart_by_their_rowid(tmp_path: Path) -> None:
    table = 'CREATE TABLE "a ""b" (x);'
    before = table + 'INSERT INTO "a ""b" VALUES (1), (2)'
    (change,) = differences(tmp_path, before, table + 'INSERT INTO "a ""b" VALUES (1), (3), (4)')
    assert change == TableChange('a "b', "changed", 1, 0, 1, [("added", "3"), ("changed", "2")])


def test_tables_that_come_and_go(tmp_path: Path) -> None:
    before = "CREATE TABLE a (x); INSERT INTO a VALUES (1), (2)"
    after = "CREATE TABLE b (x); INSERT INTO b VALUES (1)"
    assert differences(tmp_path, before, after) == [
        TableChange("a", "dropped", 0, 2, 0, []),
        TableChange("b", "created", 1, 0, 0, []),
    ]


def test_a_table_with_other_columns_counts_as_a_whole(tmp_path: Path) -> None:
    before = "CREATE TABLE a (x); INSERT INTO a VALUES (1), (2)"
    after = "CREATE TABLE a (x, y); INSERT INTO a VALUES (1, 1)"
    assert differences(tmp_path, before, after) == [TableChange("a", "changed", 1, 2, 0, [])]


def test_no_more_keys_are_named_than_people_read(tmp_path: Path) -> None:
    table = "CREATE TABLE t (a PRIMARY KEY);"
    rows = ", ".join(f"({number})" for number in range(100))
    (change,) = differences(tmp_path, table, f"{table} INSERT INTO t VALUES {rows}")
    assert (change.added, len(change.keys)) == (100, 5)


def test_what_cannot_be_read_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("no database" * 1000)
    with pytest.raises(DatabaseFailed, match="cannot be compared"):
        compare(tmp_path / "bad", tmp_path / "bad")
