"""System calls that Python has no function for."""

import pytest

from perdure.runtime.sandbox.wall.kernel import bind

from .conftest import apart


def test_a_call_that_fails_raises_what_the_kernel_says() -> None:
    with pytest.raises(OSError, match="mount --bind /nowhere /nothing") as failed:
        bind("/nowhere", "/nothing")
    assert failed.value.errno


@pytest.mark.usefixtures("as_root")
def test_mounts_of_ones_own_are_not_seen_outside() -> None:
    told = apart("""
        from perdure.runtime.sandbox.wall.kernel import mount_tmpfs, unshare_mounts
        unshare_mounts()
        mount_tmpfs("/mnt", 0, "size=4k")
        Path("/mnt/inside").touch()
        tell([Path("/mnt/inside").exists(), Path(f"/proc/{os.getppid()}/root/mnt/inside").exists()])
    """)
    assert told == [True, False]


def test_a_process_whose_parent_has_ended_before_it_asked_ends_itself() -> None:
    told = apart("""
        from perdure.runtime.sandbox.wall.kernel import die_with
        child = os.fork()
        if child == 0:
            die_with(1 << 30)  # nobody's number
            os._exit(0)
        tell(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """)
    assert told == 1


def test_a_process_dies_with_its_parent() -> None:
    told = apart("""
        import select, time
        from perdure.runtime.sandbox.wall.kernel import die_with
        here, there = os.pipe()
        parent = os.fork()
        if parent == 0:
            try:
                me = os.getpid()
                if os.fork() == 0:
                    die_with(me)
                    os.write(there, b"%d " % os.getpid())
                time.sleep(30)
            finally:
                os._exit(0)
        child = int(os.read(here, 10))
        alive = os.pidfd_open(child)
        os.kill(parent, 9)
        tell(bool(select.select([alive], [], [], 10)[0]))
    """)
    assert told is True
