"""Reading a SQLite file that nobody writes to."""

from contextlib import closing
from pathlib import Path

import apsw
import pytest

from perdure.storage.immutable import immutable_uri, open_immutable


def make(path: Path, text: str) -> Path:
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("CREATE TABLE t (v)")
        connection.execute("INSERT INTO t VALUES (?)", (text,))
    return path


def test_a_file_is_read_whatever_stands_in_its_name(tmp_path: Path) -> None:
    path = make(tmp_path / "50% of #1?.db", "one")
    other = make(tmp_path / "other.db", "two")
    with closing(open_immutable(path)) as connection:
        connection.execute("ATTACH ? AS other", (immutable_uri(other),))
        rows = connection.execute("SELECT v FROM t UNION ALL SELECT v FROM other.t").fetchall()
    assert rows == [("one",), ("two",)]


def test_nothing_is_written_and_nothing_is_locked(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "one")
    with closing(open_immutable(path)) as connection:
        with pytest.raises(apsw.ReadOnlyError):
            connection.execute("DELETE FROM t")
        with closing(apsw.Connection(str(path))) as writer:
            writer.execute("BEGIN EXCLUSIVE")
            assert connection.execute("SELECT v FROM t").get == "one"
    assert [each.name for each in tmp_path.iterdir()] == ["a.db"]


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(apsw.CantOpenError):
        open_immutable(tmp_path / "nobody.db")
    assert list(tmp_path.iterdir()) == []
