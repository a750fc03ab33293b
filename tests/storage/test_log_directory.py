"""A log's directory has one owner, and a checkpoint that is whole."""

import errno
from pathlib import Path

import pytest

from perdure.storage.errors import DirectoryInUse, LogCorrupt
from perdure.storage.log_directory import Checkpoint, LogDirectory
from tests.failing import fails_with


def test_one_owner_at_a_time(tmp_path: Path) -> None:
    first = LogDirectory.open(tmp_path / "log" / "0")
    with pytest.raises(DirectoryInUse, match="another process"):
        LogDirectory.open(tmp_path / "log" / "0")
    first.close()
    first.close()
    LogDirectory.open(tmp_path / "log" / "0").close()


def test_a_lock_that_cannot_be_had_for_another_reason_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    monkeypatch.setattr(fcntl, "flock", fails_with(errno.ENOLCK))
    with pytest.raises(OSError, match="No locks"):
        LogDirectory.open(tmp_path)


def test_the_checkpoint_is_what_was_written_last(tmp_path: Path) -> None:
    log = LogDirectory.open(tmp_path)
    assert log.read_checkpoint() == Checkpoint()
    wanted = Checkpoint(lsn=2**40, segment=7, epoch=3, is_clean=False)
    log.write_checkpoint(Checkpoint(lsn=1))
    log.write_checkpoint(wanted)
    assert log.read_checkpoint() == wanted
    log.close()


@pytest.mark.parametrize("position", range(0, 80, 7))
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, position: int) -> None:
    log = LogDirectory.open(tmp_path)
    log.write_checkpoint(Checkpoint(lsn=1234567, segment=7, epoch=3, is_clean=False))
    path = tmp_path / "CHECKPOINT"
    data = bytearray(path.read_bytes())
    data[position] ^= 2
    path.write_bytes(data)
    with pytest.raises(LogCorrupt, match="where the log begins"):
        log.read_checkpoint()
    log.close()
