"""A log that somebody else has opened by force is known to be lost, in memory, at once."""

import subprocess
import sys
from pathlib import Path

import pytest

from perdure.storage.errors import OwnershipLost
from perdure.storage.log_ownership import LogOwnership

TAKE = (
    "import sys; from pathlib import Path; from perdure.storage.log_ownership import LogOwnership;"
    "assert LogOwnership.take(Path(sys.argv[1])).is_own"
)


def test_the_younger_has_it(tmp_path: Path) -> None:
    older = LogOwnership.take(tmp_path)
    assert older.is_own
    older.check()
    older.check_there()
    younger = LogOwnership.take(tmp_path)
    assert younger.is_own
    assert not older.is_own
    for check in (older.check, older.check_there):
        with pytest.raises(OwnershipLost, match="another process has opened this log"):
            check()
    younger.check_there()


def test_a_process_is_told_by_what_another_one_does(tmp_path: Path) -> None:
    own = LogOwnership.take(tmp_path)
    subprocess.run([sys.executable, "-c", TAKE, str(tmp_path)], check=True)
    assert not own.is_own


def test_what_an_earlier_process_left_is_no_one(tmp_path: Path) -> None:
    (tmp_path / "OWNER").write_bytes(b"left by a power failure")
    own = LogOwnership.take(tmp_path)
    assert own.is_own


def test_what_was_closed_is_not_ones_own(tmp_path: Path) -> None:
    own = LogOwnership.take(tmp_path)
    own.close()
    own.close()
    assert not own.is_own
    with pytest.raises(OwnershipLost):
        own.check()


def test_that_the_file_is_gone_is_found_out(tmp_path: Path) -> None:
    own = LogOwnership.take(tmp_path)
    (tmp_path / "OWNER").unlink()
    assert own.is_own, "memory does not tell"
    with pytest.raises(OwnershipLost, match="removed or replaced"):
        own.check_there()
    LogOwnership.take(tmp_path)
    with pytest.raises(OwnershipLost, match="removed or replaced"):
        own.check_there()
