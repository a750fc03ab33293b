"""Files are there whole or not at all, and what holds their names is synced."""

import ctypes
import errno
import os
from pathlib import Path

import pytest

from perdure.storage import durable_files
from perdure.storage.durable_files import (
    make_directory,
    move_directory,
    sync_directory,
    sync_file_system,
    write_file,
)
from tests.failing import fails_with


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What fsync was called for, in order."""
    calls: list[Path] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        calls.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    return calls


def test_a_file_is_synced_before_its_name(tmp_path: Path, synced: list[Path]) -> None:
    write_file(tmp_path / "a", b"one")
    assert (tmp_path / "a").read_bytes() == b"one"
    assert synced == [tmp_path / "a.new", tmp_path]
    write_file(tmp_path / "a", b"two")
    assert (tmp_path / "a").read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_write_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_file(tmp_path / "a", b"one")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fails_with(errno.ENOSPC))
        with pytest.raises(OSError, match="No space"):
            write_file(tmp_path / "a", b"two")
    assert (tmp_path / "a").read_bytes() == b"one"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_the_draft_of_a_crash_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.new").write_bytes(b"half of something much longer")
    write_file(tmp_path / "a", b"one")
    assert (tmp_path / "a").read_bytes() == b"one"
    with pytest.raises(FileNotFoundError):
        write_file(tmp_path / "missing" / "a", b"one")


def test_each_new_directory_is_synced_into_its_parent(tmp_path: Path, synced: list[Path]) -> None:
    make_directory(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    assert synced == [tmp_path, tmp_path / "a"]
    make_directory(tmp_path / "a" / "b")
    assert len(synced) == 2
    (tmp_path / "file").touch()
    with pytest.raises(OSError):
        make_directory(tmp_path / "file" / "below")


def test_a_move_is_synced_at_both_ends(tmp_path: Path, synced: list[Path]) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    (tmp_path / "here" / "x").mkdir()
    move_directory(tmp_path / "here" / "x", tmp_path / "there" / "y")
    assert (tmp_path / "there" / "y").is_dir()
    assert synced == [tmp_path / "there", tmp_path / "here"]


def test_only_a_directory_can_be_synced_as_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        sync_directory(tmp_path / "file")


def test_a_file_system_is_synced_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def syncfs(descriptor: int) -> int:
        calls.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        return 0

    def broken(_: int) -> int:
        ctypes.set_errno(5)
        return -1

    assert durable_files._syncfs is not None  # on Linux
    monkeypatch.setattr(durable_files, "_syncfs", syncfs)
    sync_file_system(tmp_path)
    assert calls == [str(tmp_path)]
    monkeypatch.setattr(durable_files, "_syncfs", broken)
    with pytest.raises(OSError, match="Input/output error"):
        sync_file_system(tmp_path)
    monkeypatch.setattr(durable_files, "_syncfs", None)
    monkeypatch.setattr(os, "sync", lambda: calls.append("all"))
    sync_file_system(tmp_path)
    assert calls[-1] == "all"
