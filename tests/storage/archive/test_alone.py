"""One at a time works on an archive, and nobody waits for ever for one that stands still."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from perdure.storage.archive.alone import alone

HOLDER = """
import sys
from pathlib import Path
from perdure.storage.archive.alone import alone
with alone(Path(sys.argv[1])):
    print("has it", flush=True)
    sys.stdin.read()
"""


class GivenUp(Exception):
    """Whoever waited does not want to any more."""


def is_free(root: Path) -> bool:
    lock = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


def test_the_directory_is_made_and_nobody_else_has_it(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    with alone(root):
        assert not is_free(root)
    with alone(root, lambda: pytest.fail("nobody has it")):
        assert not is_free(root)
    assert is_free(root)


def test_who_waits_for_another_process_may_give_up_or_outlive_it(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        holder.stdout.readline()

        def give_up() -> None:
            raise GivenUp

        with pytest.raises(GivenUp), alone(tmp_path, give_up):
            pytest.fail("another process has it")
        holder.kill()
        with alone(tmp_path):  # the kernel has given it back
            assert not is_free(tmp_path)
