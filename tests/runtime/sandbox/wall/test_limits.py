"""rlimits, set in a process of their own."""

import resource

import pytest

from perdure.runtime.sandbox.wall.limits import hard_limit, rlimits
from perdure.runtime.sandbox.wall.options import WallLimits

from .conftest import apart

LIMITS = WallLimits(memory_bytes=1 << 30, file_bytes=1 << 20, open_files=32)


def test_they_are_set_and_cannot_be_raised_again() -> None:
    told = apart("""
        import resource
        from perdure.runtime.sandbox.wall.limits import set_rlimits
        from perdure.runtime.sandbox.wall.options import WallLimits
        set_rlimits(WallLimits(file_bytes=1 << 20, open_files=32), memory_of_one=False)
        tell([resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_FSIZE)])
    """)
    assert told == [[32, 32], [1 << 20, 1 << 20]]


def test_no_limit_is_above_what_this_process_has() -> None:
    wanted = rlimits(WallLimits(open_files=1 << 40), memory_of_one=False)
    assert wanted[resource.RLIMIT_NOFILE] == hard_limit(resource.RLIMIT_NOFILE)


def test_memory_is_limited_for_each_process_only_where_it_is_not_for_all() -> None:
    assert resource.RLIMIT_AS not in rlimits(LIMITS, memory_of_one=False)
    assert rlimits(LIMITS, memory_of_one=True)[resource.RLIMIT_AS] <= 1 << 30


def test_core_files_are_off_also_for_a_core_pattern_that_is_a_pipe() -> None:
    """The kernel spares it for a limit of exactly 1."""
    assert rlimits(LIMITS, memory_of_one=False)[resource.RLIMIT_CORE] in {0, 1}
    if hard_limit(resource.RLIMIT_CORE) > 0:
        assert rlimits(LIMITS, memory_of_one=False)[resource.RLIMIT_CORE] == 1


@pytest.mark.usefixtures("as_root")
def test_the_processes_of_another_user_are_limited_as_that_user() -> None:
    told = apart("""
        import time
        from perdure.runtime.sandbox.wall.limits import limit_processes
        ready, there = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.setresgid(210_001, 210_001, 210_001)
                os.setresuid(210_001, 210_001, 210_001)
                os.write(there, b"x")
                time.sleep(30)
            finally:
                os._exit(0)
        os.read(ready, 1)
        limit_processes(child, 7, 210_001)
        lines = Path(f"/proc/{child}/limits").read_text().splitlines()
        os.kill(child, 9)
        try:
            limit_processes(os.getpid(), 7, 210_001)
        except OSError as error:
            refused = type(error).__name__
        tell([next(line for line in lines if "processes" in line).split()[2:4], refused])
    """)
    assert told == [["7", "7"], "PermissionError"]
