"""The file of alarms: what is written is there, all of it or nothing."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from perdure.storage.errors import DatabaseFailed, UnknownFormat
from perdure.storage.saved_alarms import SavedAlarms

A, B = b"a" * 32, b"b" * 32
_BY_URI = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "alarms.db"


@pytest.fixture
def saved(path: Path) -> Iterator[SavedAlarms]:
    saved = SavedAlarms(path)
    yield saved
    saved.close()


def test_what_was_written_is_there_again(saved: SavedAlarms, path: Path) -> None:
    saved.write({("room", A): (30, "a"), ("room", B): (10, None), ("hall", A): (20, None)})
    saved.write({("room", A): (5, None), ("room", B): None, ("hall", B): None})
    saved.close()
    saved.close()
    again = SavedAlarms(path)
    assert list(again.rows()) == [("hall", A, 20, None), ("room", A, 5, "a")]
    again.close()


def test_it_is_on_the_disk_when_it_returns(saved: SavedAlarms) -> None:
    """SQLite's FULL (2) syncs its ``-wal`` at each commit."""
    assert saved._connection.execute("PRAGMA synchronous").fetchall() == [(2,)]
    assert saved._connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]


def test_nothing_costs_nothing(saved: SavedAlarms) -> None:
    saved.close()
    saved.write({})


def test_a_name_that_is_known_stays_known(saved: SavedAlarms) -> None:
    saved.write({("room", A): (30, "a")})
    saved.write({("room", A): (40, None)})
    assert list(saved.rows()) == [("room", A, 40, "a")]


def test_a_file_that_is_opened_again_is_not_written(saved: SavedAlarms, path: Path) -> None:
    saved.write({("room", A): (30, "a")})
    saved.close()
    before = path.stat()
    again = SavedAlarms(path)
    assert list(again.rows()) == [("room", A, 30, "a")]
    again.close()
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_a_deleted_file_is_gone_with_all_that_was_beside_it(
    saved: SavedAlarms, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved.write({("room", A): (30, "a")})
    real, seen = Path.unlink, list[Path]()

    def unlink(file: Path, missing_ok: bool = False) -> None:  # pathlib's
        seen.extend(sorted(path.parent.iterdir()))
        copy = apsw.Connection(f"file:{file}?immutable=1", flags=_BY_URI)
        assert copy.execute("SELECT count(*) FROM alarms").get == 0
        copy.close()
        real(file, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    saved.delete()
    assert seen == [path], "empty, and alone, before it goes"
    assert list(path.parent.iterdir()) == []


def test_all_or_nothing(saved: SavedAlarms) -> None:
    saved.write({("room", A): (30, None)})
    with pytest.raises(DatabaseFailed, match="the saved alarms failed"):
        saved.write({("room", A): None, ("room", B): (None, None)})  # type: ignore[dict-item]  # what SQLite refuses
    assert list(saved.rows()) == [("room", A, 30, None)]
    saved.write({("room", A): None})
    assert list(saved.rows()) == []


def test_a_namespace_goes_with_its_alarms(saved: SavedAlarms) -> None:
    saved.write({(key, actor): (1, None) for key in ("room", "hall") for actor in (A, B)})
    saved.remove_namespace("room")
    assert [row[0] for row in saved.rows()] == ["hall", "hall"]


def test_a_file_of_the_version_that_looked_for_due_alarms_in_it(path: Path) -> None:
    old = apsw.Connection(str(path))
    old.execute(
        "CREATE TABLE alarms (unique_key TEXT NOT NULL, actor_id BLOB NOT NULL,"
        " time_ms INTEGER NOT NULL, name TEXT, PRIMARY KEY (unique_key, actor_id)) WITHOUT ROWID;"
        "CREATE INDEX alarms_by_time ON alarms (time_ms); PRAGMA user_version = 1"
    ).fetchall()
    old.execute("INSERT INTO alarms VALUES ('room', ?, 30, 'a')", (A,))
    old.close()
    saved = SavedAlarms(path)
    assert list(saved.rows()) == [("room", A, 30, "a")]
    assert saved._connection.execute("PRAGMA index_list(alarms)").fetchall()[1:] == []
    saved.close()


def test_a_later_version_is_not_touched(path: Path) -> None:
    later = apsw.Connection(str(path))
    later.execute("PRAGMA user_version = 7")
    later.close()
    data = path.read_bytes()
    with pytest.raises(UnknownFormat, match="has version 7; 1 is known"):
        SavedAlarms(path)
    assert path.read_bytes() == data


def test_what_is_no_file_of_alarms(tmp_path: Path, path: Path) -> None:
    path.write_bytes(b"garbage" * 1000)
    with pytest.raises(DatabaseFailed, match="the saved alarms failed") as caught:
        SavedAlarms(path)
    assert caught.value.code == "SQLITE_NOTADB"
    with pytest.raises(DatabaseFailed, match="the saved alarms failed"):
        SavedAlarms(tmp_path / "missing" / "alarms.db")


def test_one_process_at_a_time(saved: SavedAlarms, path: Path) -> None:
    saved.write({("room", A): (1, None)})
    with pytest.raises(DatabaseFailed) as caught:
        SavedAlarms(path)
    assert caught.value.code == "SQLITE_BUSY"
