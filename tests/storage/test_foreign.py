"""SQLite files from elsewhere become actors' databases, or are refused with a reason."""

import sqlite3
from pathlib import Path

import apsw
import pytest

from perdure.storage.engine import ActorDatabase
from perdure.storage.errors import DatabaseFailed, StorageError
from perdure.storage.foreign import Identity, rename, take_in
from perdure.storage.kv import KeyValue
from perdure.storage.metadata import Metadata
from perdure.storage.sql import Sql

NOBODY = Identity(None, keeps_alarm=False)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(
        "PRAGMA page_size = 1024; PRAGMA journal_mode = WAL; CREATE TABLE t (a);"
        "INSERT INTO t VALUES (1), (2); PRAGMA user_version = 7"
    )
    connection.close()
    return path


def test_a_file_of_another_program_gets_our_tables_and_our_page_size(
    source: Path, tmp_path: Path
) -> None:
    before = source.read_bytes()
    take_in(source, tmp_path / "draft.db", Identity("lobby", keeps_alarm=True))
    assert source.read_bytes() == before
    database = ActorDatabase(tmp_path / "draft.db")
    assert [row["a"] for row in Sql(database).exec("SELECT a FROM t")] == [1, 2]
    assert Metadata(database).get_name() == "lobby"
    KeyValue(database).put("a", 1)
    database.commit()
    assert database.value("PRAGMA page_size") == 4096
    database.close()


def test_what_is_in_the_wal_of_somebody_who_has_it_open_is_read(
    source: Path, tmp_path: Path
) -> None:
    writer = sqlite3.connect(source)
    writer.execute("INSERT INTO t VALUES (3)")
    writer.commit()
    take_in(source, tmp_path / "draft.db", NOBODY)
    writer.close()
    connection = apsw.Connection(str(tmp_path / "draft.db"))
    assert connection.execute("SELECT count(*) FROM t").get == 3
    connection.close()


@pytest.mark.parametrize("keeps", [False, True])
def test_an_actors_file_gets_another_name_and_keeps_its_alarm_if_wanted(
    db: ActorDatabase, tmp_path: Path, keeps: bool
) -> None:
    Metadata(db).set_name("before")
    Metadata(db).set_alarm_ms(5)
    KeyValue(db).put("a", 1)
    db.commit()
    db.close()
    take_in(db.path, tmp_path / "draft.db", Identity(None, keeps_alarm=keeps))
    rename(tmp_path / "draft.db", Identity("after", keeps_alarm=keeps))
    again = ActorDatabase(tmp_path / "draft.db")
    assert Metadata(again).get_name() == "after"
    assert Metadata(again).get_alarm_ms() == (5 if keeps else None)
    assert KeyValue(again).get("a") == 1
    again.close()


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "source").write_text("not a database, but long enough to be one" * 100)
    with pytest.raises(DatabaseFailed, match="source: cannot be read: file is not a database"):
        take_in(tmp_path / "source", tmp_path / "draft.db", NOBODY)
    with pytest.raises(DatabaseFailed, match="cannot be read"):
        take_in(tmp_path / "none", tmp_path / "draft.db", NOBODY)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "source"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (a)")
    connection.executemany("INSERT INTO t VALUES (?)", [("x" * 500,) for _ in range(100)])
    connection.commit()
    connection.close()
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 3 + 200] = b"y" * 200
    path.write_bytes(data)
    with pytest.raises(DatabaseFailed, match="is damaged"):
        take_in(path, tmp_path / "draft.db", NOBODY)


def test_tables_in_our_place_are_refused(source: Path, tmp_path: Path) -> None:
    connection = sqlite3.connect(source)
    connection.execute("CREATE TABLE _cf_KV (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID")
    connection.close()
    with pytest.raises(DatabaseFailed, match="names with _cf_ are perdure's"):
        take_in(source, tmp_path / "draft.db", NOBODY)


def test_a_later_version_of_ours_is_refused(db: ActorDatabase, tmp_path: Path) -> None:
    KeyValue(db).put("a", 1)
    db.commit()
    db.close()
    connection = sqlite3.connect(db.path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(DatabaseFailed, match="is of version 99"):
        take_in(db.path, tmp_path / "draft.db", NOBODY)


def test_a_draft_that_cannot_be_written_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written"):
        rename(tmp_path / "nowhere" / "draft.db", NOBODY)
