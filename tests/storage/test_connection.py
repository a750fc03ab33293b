"""A connection is durable, alone, and limited."""

import dataclasses
from pathlib import Path

import apsw
import pytest

from perdure.storage.connection import open_connection
from perdure.storage.limits import StorageLimits
from perdure.storage.template import standard_template

LIMITS = StorageLimits()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "actor.db"
    path.write_bytes(standard_template().data)
    return path


def test_settings(path: Path) -> None:
    connection = open_connection(path, LIMITS)
    try:
        answers = {
            name: connection.execute(f"PRAGMA {name}").get
            for name in ("journal_mode", "locking_mode", "synchronous", "foreign_keys")
        }
        assert answers == {
            "journal_mode": "wal",
            "locking_mode": "exclusive",
            "synchronous": 2,  # FULL
            "foreign_keys": 1,
        }
        assert connection.execute("PRAGMA max_page_count").get == 10 * 2**30 // 4096
        assert connection.limit(apsw.SQLITE_LIMIT_ATTACHED, -1) == 0
        assert connection.limit(apsw.SQLITE_LIMIT_VARIABLE_NUMBER, -1) == 100
        connection.execute("INSERT INTO _cf_KV VALUES ('a', x'00')")
        assert not path.with_name("actor.db-shm").exists()  # its index of the WAL is in memory
    finally:
        connection.close()


def test_limits_too_small_for_ourselves_do_not_break_us(path: Path) -> None:
    ones = {field.name: 1 for field in dataclasses.fields(LIMITS)}
    connection = open_connection(path, StorageLimits(**ones))
    try:
        assert connection.execute("SELECT key, value FROM _cf_KV").fetchall() == []
    finally:
        connection.close()


def test_a_database_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.db"
    other = apsw.Connection(str(path))
    other.execute("CREATE TABLE t (a)")
    other.close()
    with pytest.raises(apsw.NotADBError, match="was not made by perdure"):
        open_connection(path, LIMITS)
    assert str(path) not in [each.filename for each in apsw.connections()]


def test_only_what_exists_is_opened(tmp_path: Path) -> None:
    with pytest.raises(apsw.CantOpenError):
        open_connection(tmp_path / "missing.db", LIMITS)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_a_log_that_is_refused_keeps_its_wal(tmp_path: Path) -> None:
    """What is in it may not be durable yet, and what is, the file has to get from there."""
    path, wal = tmp_path / "actor.db", tmp_path / "actor.db-wal"
    path.write_bytes(standard_template().data)
    connection = open_connection(path, LIMITS, True)
    connection.execute("INSERT INTO _cf_KV VALUES ('a', x'00')")
    connection.close()
    assert wal.stat().st_size > 0
    with path.open("r+b") as file:
        file.write(b"no header of SQLite's")
    before = (path.read_bytes(), wal.read_bytes())
    with pytest.raises(apsw.NotADBError):
        open_connection(path, LIMITS, True)
    assert (path.read_bytes(), wal.read_bytes()) == before
