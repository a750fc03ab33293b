from typing import Any

import pytest

from perdure.runtime.sandbox.streams import Question
from perdure.runtime.sandbox.wire import DATA, STDOUT, WINDOW_BYTES, cost
from tests.runtime.sandbox.agent.agents import AgentProcess
from tests.runtime.sandbox.sandboxes import WAIT_S, is_alive, until

pytestmark = pytest.mark.slow


def after_output(question: Question, text: bytes, then: object) -> None:
    """Do something once a command has written a text."""
    whole, first = bytearray(), question.on_data

    def look(kind: int, data: bytes) -> None:
        first(kind, data)
        whole.extend(data)
        if text in whole:
            whole.clear()
            then()  # type: ignore[operator]

    question.on_data = look


@pytest.mark.parametrize("signal", [2, 15, 9])
def test_a_signal_reaches_all_of_the_group(agent: AgentProcess, signal: int) -> None:
    command = "bash -c 'echo $$; sleep 1000; :'; :"

    def set_up(question: Question) -> None:
        after_output(question, b"\n", lambda: question.tell({"signal": signal}))

    answer, raw, _ = agent.ask({"op": "run", "command": command}, set_up)
    assert answer["exit_code"] == 128 + signal
    child = int(b"".join(data for _, data in raw))
    until(lambda: not is_alive(child))


def test_one_that_is_stopped_is_ended_as_well(agent: AgentProcess) -> None:
    def set_up(question: Question) -> None:
        after_output(question, b"ready", lambda: question.tell({"end": 0.1}))

    command = "trap '' TERM; echo ready; kill -STOP $$"
    answer, _, _ = agent.ask({"op": "run", "command": command}, set_up)
    assert answer["signal"] in {"SIGKILL", None}


def test_a_program_behind_a_shell_has_its_grace_too(agent: AgentProcess) -> None:
    tidies = "trap 'sleep 0.2; echo tidied; exit' TERM; echo ready; while :; do sleep 0.01; done"

    def set_up(question: Question) -> None:
        after_output(question, b"ready", lambda: question.tell({"end": 50}))

    answer, raw, _ = agent.ask({"op": "run", "command": f'bash -c "{tidies}"; :'}, set_up)
    assert answer["signal"] == "SIGTERM"
    assert b"".join(data for kind, data in raw if kind == STDOUT) == b"ready\ntidied\n"


def test_a_program_behind_a_shell_that_does_not_want_to_end_is_killed(agent: AgentProcess) -> None:
    command = "bash -c 'trap \"\" TERM; echo $$; while :; do sleep 0.01; done'; :"

    def set_up(question: Question) -> None:
        after_output(question, b"\n", lambda: question.tell({"end": 0.1}))

    answer, raw, _ = agent.ask({"op": "run", "command": command}, set_up)
    assert answer["signal"] == "SIGTERM"
    stubborn = int(b"".join(data for _, data in raw))
    until(lambda: not is_alive(stubborn))


def test_what_it_had_written_comes_before_its_end(agent: AgentProcess) -> None:
    command = "head -c 60000 /dev/zero; sleep 1000 & exit 4"
    answer, raw, _ = agent.ask({"op": "run", "command": command})
    assert answer["exit_code"] == 4
    assert sum(len(data) for kind, data in raw if kind == STDOUT) == 60_000


def test_a_terminal_hangs_up_when_its_shell_ends(agent: AgentProcess) -> None:
    request = {"op": "run", "command": "echo last words; sleep 1000 & exit 4"}
    answer, raw, _ = agent.ask({**request, "terminal": {"cols": 80, "rows": 24}})
    assert answer["exit_code"] == 4
    assert b"".join(data for kind, data in raw if kind == DATA) == b"last words\r\n"


def test_a_program_that_closes_its_terminal_is_not_ended_by_that(agent: AgentProcess) -> None:
    request = {"op": "run", "command": "echo a; exec <&- >&- 2>&-; sleep 0.2; exit 3"}
    answer, raw, _ = agent.ask({**request, "terminal": {"cols": 80, "rows": 24}})
    assert answer == {"exit_code": 3, "signal": None}
    assert b"".join(data for _, data in raw) == b"a\r\n"


def test_one_that_opens_it_again_is_shown_what_it_writes_there(agent: AgentProcess) -> None:
    command = "exec <&- >&- 2>&-; sleep 0.2; echo again > /dev/tty; sleep 0.2"
    request = {"op": "run", "command": command, "terminal": {"cols": 80, "rows": 24}}
    _, raw, _ = agent.ask(request)
    assert b"".join(data for _, data in raw) == b"again\r\n"


def test_last_words_are_kept_for_who_reads_slowly(agent: AgentProcess) -> None:
    held_back = 0

    def set_up(question: Question) -> None:
        nonlocal held_back
        first, give = question.on_data, question.consumed

        def hold_back(cost_bytes: int) -> None:
            nonlocal held_back
            held_back += cost_bytes

        def go_on() -> None:
            question.consumed = give  # type: ignore[method-assign]  # of this one only
            give(held_back)

        def look(kind: int, data: bytes) -> None:
            if not held_back:
                agent.reactor.call_later(1.5, go_on)  # longer than an agent's patience
            first(kind, data)

        question.consumed = hold_back  # type: ignore[method-assign]  # as above
        question.on_data = look

    request = {"op": "run", "command": "stty -opost; head -c 264000 /dev/zero"}
    answer, raw, _ = agent.ask({**request, "terminal": {"cols": 80, "rows": 24}}, set_up)
    assert answer["exit_code"] == 0
    assert sum(len(data) for _, data in raw) == 264_000


@pytest.mark.parametrize("command", ["yes", "head -c 300000 /dev/zero"])
def test_one_that_is_cancelled_waits_for_no_reader(agent: AgentProcess, command: str) -> None:
    pids = list[int]()

    def set_up(question: Question) -> None:
        told, room = question.on_event, WINDOW_BYTES

        def look(kind: int, data: bytes) -> None:
            nonlocal room
            room -= cost(len(data))  # nothing is given back: nobody reads
            if room < 2 * cost(0):
                cancel()

        def cancel() -> None:
            if command == "yes" or not is_alive(pids[0]):
                question.cancel()
            else:
                agent.reactor.call_later(0.01, cancel)

        def started(event: dict[str, Any]) -> None:
            pids.append(event["pid"])
            told(event)

        question.on_data, question.on_event = look, started
        agent.reactor.call_later(WAIT_S, agent.reactor.stop)

    answer, _, _ = agent.ask({"op": "run", "command": command}, set_up)
    assert answer["exit_code"] == (143 if command == "yes" else 0)


def test_what_it_does_not_understand_is_an_error(agent: AgentProcess) -> None:
    answer, _, _ = agent.ask(
        {"op": "run", "command": "sleep 1000"}, lambda question: question.tell({"dance": 1})
    )
    assert answer["error"]["code"] == "VALIDATION_FAILED"
