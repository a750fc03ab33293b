"""What can be measured of a machine."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from perdure.storage.probes import (
    file_system,
    lock_holder,
    room,
    sqlite_facts,
    sync_latency_us,
)
from tests.failing import fails_with


def test_the_file_system_is_that_of_the_closest_mount_point(tmp_path: Path) -> None:
    found = file_system(tmp_path)
    assert found is not None
    assert str(tmp_path.resolve()).startswith(found.mount_point)
    assert file_system(Path("/proc")) == type(found)("proc", "/proc")


def test_what_is_left_is_told(tmp_path: Path) -> None:
    found = room(tmp_path)
    assert 0 < found.free_size_bytes <= found.size_bytes
    assert not found.is_read_only


def test_syncs_are_timed_and_nothing_is_left_behind(tmp_path: Path) -> None:
    assert sync_latency_us(tmp_path) > 0
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_cannot_sync_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fdatasync", fails_with(errno.EIO))
    with pytest.raises(OSError, match="Input/output error"):
        sync_latency_us(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_who_holds_the_lock_is_known_and_it_stays_his(tmp_path: Path) -> None:
    path = tmp_path / "LOCK"
    assert lock_holder(path) == (False, None)
    with path.open("w") as file:
        file.write("123\n")
        file.flush()
        assert lock_holder(path) == (False, 123)
        fcntl.flock(file, fcntl.LOCK_EX)
        assert lock_holder(path) == (True, 123)


def test_sqlite_is_set_up_as_servers_set_it_up() -> None:
    facts = sqlite_facts()
    assert not facts.has_lookaside
    assert facts.is_thread_safe
    assert facts.version.startswith("3.")
