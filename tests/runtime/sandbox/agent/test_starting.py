import os
import signal
from pathlib import Path

import pytest

from perdure.runtime.sandbox.agent.starting import Command, Started, start, unread_bytes
from perdure.runtime.sandbox.streams import Refused

# Other threads are none of a forked process's business that becomes a program at once.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


def nothing() -> None:
    pass


def finish(started: Started) -> tuple[bytes, int]:
    """What it writes, and its status."""
    _, status = os.waitpid(started.pid, 0)
    data = os.read(started.stdout, unread_bytes(started.stdout) or 1)
    for descriptor in started.ends():
        os.close(descriptor)
    return data, os.waitstatus_to_exitcode(status)


def own_children() -> str:
    """The dead that nobody has waited for among them."""
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text()


def open_now() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def test_it_leads_a_session_and_hears_signals_as_programs_do(tmp_path: Path) -> None:
    text = "ps -o sid=,pid= -p $$ | awk '{print $1 == $2}'; grep SigIgn /proc/$$/status"
    started = start(Command(["bash", "-c", text], ENVIRONMENT, str(tmp_path)), nothing)
    data, status = finish(started)
    is_leader, _, ignored = data.decode().split()
    assert (is_leader, status) == ("1", 0)
    assert int(ignored, 16) & (1 << (signal.SIGPIPE - 1)) == 0


@pytest.mark.parametrize(
    ("arguments", "folder", "code"),
    [
        (["true"], "/no/such/folder", "FILE_NOT_FOUND"),
        (["true"], "/etc/passwd", "NOT_DIRECTORY"),
        (["no-such-program"], "/", "COMMAND_NOT_FOUND"),
        (["/etc"], "/", "COMMAND_PERMISSION_DENIED"),
        (["/bin/true", "x" * 3_000_000], "/", "COMMAND_EXECUTION_ERROR"),
    ],
)
def test_what_cannot_start_says_why_and_leaves_nothing(
    arguments: list[str], folder: str, code: str
) -> None:
    before, children = open_now(), own_children()
    with pytest.raises(Refused) as caught:
        start(Command(arguments, ENVIRONMENT, folder, has_input=True), nothing)
    assert caught.value.code == code
    assert open_now() == before
    assert own_children() == children


def test_it_inherits_nothing_that_is_open_here(tmp_path: Path) -> None:
    with (tmp_path / "secret").open("w"):
        arguments = ["bash", "-c", "ls -l /proc/$$/fd"]
        data, _ = finish(start(Command(arguments, ENVIRONMENT, str(tmp_path)), nothing))
    assert b"-> /dev/null" in data
    assert b"secret" not in data
