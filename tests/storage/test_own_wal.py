"""A file that is durable by itself; its commits are in tests/storage/test_engine.py."""

from pathlib import Path

import pytest

from perdure.storage.errors import DatabaseFailed
from perdure.storage.own_wal import OwnWal
from perdure.storage.template import standard_template


def test_the_file_is_the_template(tmp_path: Path) -> None:
    path = tmp_path / "actors" / "a.db"
    own = OwnWal(path)
    assert not own.is_orphan()
    own.create(standard_template())
    assert path.read_bytes() == standard_template().data
    assert [file.name for file in path.parent.iterdir()] == ["a.db"]


def test_a_wal_without_its_database_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.db-wal").write_bytes(b"what somebody wrote")
    with pytest.raises(DatabaseFailed, match=r"a\.db-wal is there"):
        OwnWal(tmp_path / "a.db").create(standard_template())
    assert not (tmp_path / "a.db").exists()
