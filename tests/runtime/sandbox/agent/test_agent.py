import os

import pytest

from perdure.runtime.sandbox.wire import STDOUT, frame
from tests.runtime.sandbox.agent.agents import AgentProcess
from tests.runtime.sandbox.sandboxes import is_alive, until

pytestmark = pytest.mark.slow


def test_it_answers(agent: AgentProcess) -> None:
    assert agent.ask({"op": "ping"})[0] == {}
    answer, raw, events = agent.ask({"op": "run", "command": "echo hello; exit 3"})
    assert answer == {"exit_code": 3, "signal": None}
    assert raw == [(STDOUT, b"hello\n")]
    assert [set(event) for event in events] == [{"pid"}]


@pytest.mark.parametrize("op", ["conquer", None, 5, [], {}])
def test_what_it_does_not_know_it_refuses_and_goes_on(agent: AgentProcess, op: object) -> None:
    answer, _, _ = agent.ask({"op": op})
    assert answer["error"]["code"] == "VALIDATION_FAILED"
    assert agent.ask({"op": "ping"})[0] == {}


@pytest.mark.parametrize(
    "request_of",
    [
        {"arguments": []},
        {"arguments": "ls"},
        {"arguments": ["a\0b"]},
        {"command": "true", "env": {"": "x"}},
        {"command": "true", "terminal": 5},
        {"command": "true", "terminal": {"cols": 0, "rows": 1}},
        {"command": "true", "terminal": {"cols": 10**9, "rows": 1}},
        {"command": None},
    ],
)
def test_a_command_that_is_none_is_refused(
    agent: AgentProcess, request_of: dict[str, object]
) -> None:
    if request_of.get("terminal") == 5:
        answer, _, _ = agent.ask({"op": "run", "command": "stty size", "terminal": 5})
        assert answer["exit_code"] == 0  # the usual size
        return
    answer, _, _ = agent.ask({"op": "run", **request_of})
    assert answer["error"]["code"] == "VALIDATION_FAILED"


def test_a_program_that_is_not_there_has_a_code(agent: AgentProcess) -> None:
    answer, _, _ = agent.ask({"op": "run", "arguments": ["no-such-program"]})
    assert answer["error"]["code"] == "COMMAND_NOT_FOUND"
    (agent.workspace / "file").write_text("text")
    answer, _, _ = agent.ask({"op": "run", "arguments": ["./file"]})
    assert answer["error"]["code"] == "COMMAND_PERMISSION_DENIED"


def test_when_the_keeper_is_gone_it_ends_all_that_it_has_started(agent: AgentProcess) -> None:
    command = "setsid bash -c 'trap \"\" TERM HUP; echo $$ > pid; sleep 1000; :' >/dev/null 2>&1 &"
    agent.ask({"op": "run", "command": command})
    path = agent.workspace / "pid"
    until(lambda: path.exists() and path.read_text().strip())
    assert is_alive(int(path.read_text()))
    agent.close()
    until(lambda: not is_alive(int(path.read_text())))
    agent.close = lambda: ""  # type: ignore[method-assign]  # it is done


def test_it_reaps_what_became_its_own(agent: AgentProcess) -> None:
    agent.ask({"op": "run", "command": "for i in 1 2 3; do (setsid true &); done"})
    agent.ask({"op": "run", "command": "sleep 0.1"})

    def zombies() -> list[int]:
        _, raw, _ = agent.ask({"op": "run", "command": "ps -o stat= --ppid $PPID"})
        return [1 for line in b"".join(data for _, data in raw).splitlines() if b"Z" in line]

    until(lambda: not zombies())


def test_a_keeper_that_speaks_garbage_has_it_end(agent: AgentProcess) -> None:
    os.write(agent.channel._socket.fileno(), frame(3, 99, b"{}"))
    agent.reactor.run()
    assert agent.why == [None]
