"""A copy of a database that goes on: one state of it, the newest, as a plain file."""

import sqlite3
from pathlib import Path

import pytest

from perdure.storage.copying import CopyInterrupted, DatabaseCopy
from perdure.storage.engine import ActorDatabase
from perdure.storage.errors import StorageError
from perdure.storage.sql import Sql
from tests.storage.logged import KEY, A, Bench


@pytest.fixture
def database(bench: Bench) -> ActorDatabase:
    database = bench.open().database(KEY, A)
    Sql(database).exec("CREATE TABLE t (a); INSERT INTO t VALUES (1)")
    fill(database, 500)
    return database


def fill(database: ActorDatabase, rows: int) -> None:
    sql = Sql(database)
    for number in range(rows):
        sql.exec("INSERT INTO t VALUES (?)", f"{number}" * 1000)
    database.commit()


def rows(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        (count,) = connection.execute("SELECT count(*) FROM t").fetchone()
        return int(count)
    finally:
        connection.close()


def test_the_copy_is_a_plain_file(database: ActorDatabase, tmp_path: Path) -> None:
    with DatabaseCopy(database, tmp_path / "copy.sqlite") as copy:
        while not copy.step():
            done, total = copy.pages
            assert 0 < done < total
    assert rows(tmp_path / "copy.sqlite") == 501
    assert [path.name for path in tmp_path.glob("copy*")] == ["copy.sqlite"]


def test_what_is_written_meanwhile_is_in_it(
    database: ActorDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.storage.copying.SLICE_S", 0.0)
    with DatabaseCopy(database, tmp_path / "copy.sqlite") as copy:
        assert not copy.step()
        fill(database, 3)
        while not copy.step():
            pass
    assert rows(tmp_path / "copy.sqlite") == 504


def test_it_waits_for_the_end_of_a_transaction(database: ActorDatabase, tmp_path: Path) -> None:
    with DatabaseCopy(database, tmp_path / "copy.sqlite") as copy:
        Sql(database).exec("INSERT INTO t VALUES ('not committed')")
        assert not copy.step()
        assert not copy.step()
        database.rollback()
        while not copy.step():
            pass
    assert rows(tmp_path / "copy.sqlite") == 501


def test_a_database_that_is_closed_meanwhile_is_told_of(
    database: ActorDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.storage.copying.SLICE_S", 0.0)
    with DatabaseCopy(database, tmp_path / "copy.sqlite") as copy:
        assert not copy.step()
        database.durability.log.wait()  # type: ignore[attr-defined]  # a Journal has it
        assert database.park()
        with pytest.raises(CopyInterrupted):
            copy.step()


def test_a_place_that_cannot_be_written_is_told_of(database: ActorDatabase, tmp_path: Path) -> None:
    with (
        pytest.raises(StorageError, match="nowhere") as raised,
        DatabaseCopy(database, tmp_path / "nowhere" / "copy.sqlite") as copy,
    ):
        copy.step()
    assert raised.value.path == tmp_path / "nowhere" / "copy.sqlite"


def test_closing_twice_does_nothing(database: ActorDatabase, tmp_path: Path) -> None:
    copy = DatabaseCopy(database, tmp_path / "copy.sqlite")
    copy.close()
    copy.close()
    assert Sql(database).exec("SELECT count(*) AS n FROM t").one() == {"n": 501}
