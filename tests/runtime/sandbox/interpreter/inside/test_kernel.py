import os
import subprocess

from perdure.runtime.sandbox.interpreter.inside.kernel import KernelDied, Refused, kill_group


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


def test_who_has_ended_is_no_error() -> None:
    child = subprocess.Popen(["true"], start_new_session=True)
    child.wait()
    kill_group(child.pid)
    kill_group(0)
    kill_group(1)
