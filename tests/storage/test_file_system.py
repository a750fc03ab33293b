"""The file system is synced as a whole, and its errors are told."""

from pathlib import Path

import pytest

from perdure.storage import file_system


def test_a_sync_that_works(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    file_system.sync_file_system(tmp_path)


def test_a_sync_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Libc:
        def syncfs(self, descriptor: int) -> int:
            import ctypes
            import errno

            ctypes.set_errno(errno.EIO)
            return -1

    monkeypatch.setattr(file_system, "_libc", Libc())
    with pytest.raises(OSError, match="Input/output error"):
        file_system.sync_file_system(tmp_path)


def test_room(tmp_path: Path) -> None:
    assert file_system.free_size_bytes(tmp_path) > 0
