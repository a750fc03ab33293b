import os
import subprocess

from perdure.runtime.sandbox.interpreter.inside.kernel import (
    KernelDied,
    Refused,
    kill_group,
    status_of,
)


def test_a_death_is_told_in_words() -> None:
    assert str(KernelDied(None)) == "The process of the context has ended"
    assert str(KernelDied(0)) == "The process of the context has ended with exit code 0"
    assert str(KernelDied(-15)) == "The process of the context was killed by SIGTERM"
    assert "no more memory" in str(KernelDied(-9))
    assert "signal 65" in str(KernelDied(-65))


def test_a_refusal_is_an_error_with_a_code() -> None:
    assert Refused("NO", "Not so", field="x").as_json() == {
        "error": {"code": "NO", "message": "Not so", "context": {"field": "x"}}
    }


def test_a_group_ends_with_all_that_is_in_it() -> None:
    command = ["/bin/sh", "-c", "sleep 1000 & echo $!; wait"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as leader:
        assert leader.stdout is not None
        leader.stdout.readline()
        kill_group(leader.pid)
        # The other one has it open as well: there is an end only when both have ended.
        assert leader.stdout.read() == b""
        assert leader.wait() == -9


def test_who_leads_no_group_is_left_alone() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:  # in the group of this process
        assert os.getpgid(child.pid) == os.getpgid(0)
        kill_group(child.pid)
        assert child.poll() is None
        child.communicate()
        assert child.returncode == 0


def test_a_group_is_killed_whose_leader_has_ended() -> None:
    command = ["/bin/sh", "-c", "sleep 1000 & exit 3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as leader:
        assert leader.stdout is not None
        os.waitid(os.P_PID, leader.pid, os.WEXITED | os.WNOWAIT)
        assert status_of(leader.pid) == 3
        kill_group(leader.pid)
        assert leader.stdout.read() == b""
        assert leader.wait() == 3


def test_how_a_child_has_ended_is_known_before_it_is_reaped() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, start_new_session=True) as child:
        assert status_of(child.pid) is None
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert status_of(child.pid) == -9
        kill_group(child.pid)  # nobody is left: no error
        assert child.wait() == -9


def test_the_groups_of_all_are_not_killed() -> None:
    kill_group(0)
    kill_group(1)
