import os
import socket
import subprocess
import sys

import pytest

from perdure.runtime.shards.supervisor.inheritance import (
    ORPHAN_STATUS,
    VARIABLE,
    Inheritance,
    NoSupervisor,
)


def test_what_is_left_is_taken_and_is_then_nobodys_else() -> None:
    control, other = socket.socketpair()
    reader, writer = os.pipe()
    for descriptor in (control.fileno(), writer):
        os.set_inheritable(descriptor, True)
    left = Inheritance(control.detach(), writer, os.getppid())
    environment = {"PATH": "/bin", **left.leave()}
    assert Inheritance.take(environment) == left
    assert environment == {"PATH": "/bin"}
    assert not os.get_inheritable(left.control)
    assert not os.get_inheritable(left.stacks)
    with left.open_control() as opened, other:
        other.sendall(b"x")
        assert opened.recv(1) == b"x"
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("value", ["", "1", "a b c", "99998 99999 1"])
def test_who_was_not_started_by_a_supervisor_is_told_so(value: str) -> None:
    environment = {VARIABLE: value}
    with pytest.raises(NoSupervisor, match="perdure serve"):
        Inheritance.take(environment)
    assert environment == {}
    with pytest.raises(NoSupervisor):
        Inheritance.take({})


@pytest.mark.slow
def test_one_whose_supervisor_has_gone_before_it_could_bind_itself_ends() -> None:
    code = (
        "from perdure.runtime.shards.supervisor.inheritance import Inheritance;"
        "Inheritance(0, 0, 1).bind()"
    )
    run = subprocess.run([sys.executable, "-c", code], check=False)
    assert run.returncode == ORPHAN_STATUS
