"""Reading the whole archive."""

from pathlib import Path

import pytest

from perdure.storage.archive.verify import verify_archive
from tests.storage.timeline import A, Timeline


@pytest.fixture
async def archive_dir(tmp_path: Path) -> Path:
    """Several files, and a copy."""
    timeline = Timeline(tmp_path / "data")
    for number in range(300):
        timeline.put(A, key="x" * number)
        if number % 30 == 0:
            timeline.store.settle()
    timeline.reopen()
    await timeline.archived()
    await timeline.restore(timeline.moments[7])
    timeline.reopen()
    await timeline.archived()
    timeline.close()
    return timeline.layout.archive_dir


def test_a_sound_archive_is_read_from_end_to_end(archive_dir: Path) -> None:
    found = dict(verify_archive(archive_dir))
    assert set(found.values()) == {None}
    assert {path.suffix for path in found} == {".arc", ".db"}


def test_there_may_be_none(tmp_path: Path) -> None:
    assert list(verify_archive(tmp_path / "none")) == []


@pytest.mark.parametrize("suffix", [".arc", ".db"])
def test_a_flipped_bit_is_told_with_its_file(archive_dir: Path, suffix: str) -> None:
    path = next(path for path in dict(verify_archive(archive_dir)) if path.suffix == suffix)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    found = {path: str(error) for path, error in verify_archive(archive_dir) if error is not None}
    assert list(found) == [path]
    assert str(path) in found[path]


def test_records_that_are_missing_are_noticed(archive_dir: Path) -> None:
    path = next(iter(dict(verify_archive(archive_dir))))
    path.write_bytes(path.read_bytes()[:16])
    assert "another number" in str(dict(verify_archive(archive_dir))[path])


def test_a_file_that_is_let_go_meanwhile_does_not_count(archive_dir: Path) -> None:
    found = verify_archive(archive_dir)
    first, _ = next(found)
    for path in [*archive_dir.glob("*/*.arc"), *archive_dir.glob("snapshots/*/*/*.db")]:
        path.unlink()
    assert list(found) == []
    assert first.suffix == ".arc"
