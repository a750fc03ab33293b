"""Copies of actors' files: their names, and their checksums."""

from pathlib import Path

import pytest

from perdure.storage.archive.copies import (
    Snapshot,
    checksum_of,
    copy_name,
    parse_copy_name,
    take_out,
)
from perdure.storage.errors import ArchiveDamaged

ACTOR = ("a/key", bytes(range(32)))


def make(root: Path) -> Snapshot:
    (root / "x").write_bytes(b"content" * 1000)
    name = copy_name(ACTOR, (1, 5), checksum_of(root / "x"))
    (root / name).parent.mkdir(parents=True)
    (root / "x").rename(root / name)
    return Snapshot((1, 5), 7000, name)


def test_the_name_says_whose_copy_it_is_after_which_commit(tmp_path: Path) -> None:
    snapshot = make(tmp_path)
    assert parse_copy_name(Path(snapshot.name).name) == (ACTOR[1], (1, 5))
    assert parse_copy_name("notes.db") is None


def test_a_copy_is_taken_out_as_it_was(tmp_path: Path) -> None:
    take_out(tmp_path, make(tmp_path), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"content" * 1000


def test_a_copy_that_has_changed_is_not_taken_for_what_it_was(tmp_path: Path) -> None:
    snapshot = make(tmp_path)
    data = bytearray((tmp_path / snapshot.name).read_bytes())
    data[3000] ^= 1
    (tmp_path / snapshot.name).write_bytes(data)
    with pytest.raises(ArchiveDamaged, match="not what it was"):
        take_out(tmp_path, snapshot, tmp_path / "out")


def test_a_pending_copy_has_no_checksum(tmp_path: Path) -> None:
    (tmp_path / "pending.db").write_bytes(b"content")
    snapshot = Snapshot((1, 5), 7, "pending.db")
    assert snapshot.checksum is None
    take_out(tmp_path, snapshot, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"content"
