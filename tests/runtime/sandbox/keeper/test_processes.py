import socket

import pytest

from perdure.runtime.sandbox.keeper.agent_link import AgentLink, Patience
from perdure.runtime.sandbox.keeper.processes import ENDED_MAX, Process, checked_ending
from perdure.runtime.sandbox.reactor import Reactor
from perdure.runtime.sandbox.streams import Refused
from perdure.runtime.sandbox.wire import STDOUT, Garbled, frame
from tests.runtime.sandbox.sandboxes import Sandboxes


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"exit_code": None, "signal": None},
        {"exit_code": True, "signal": None},
        {"exit_code": -1, "signal": None},
        {"exit_code": 256, "signal": None},
        {"exit_code": 0.0, "signal": None},
        {"exit_code": 0, "signal": 9},
        {"exit_code": 0, "signal": []},
        {"error": {"code": "X"}},
    ],
)
def test_an_end_that_there_is_not_is_garbled(answer: dict[str, object]) -> None:
    with pytest.raises(Garbled):
        checked_ending(answer, -1)


def test_of_an_end_only_what_is_known_is_kept() -> None:
    assert checked_ending({"exit_code": 3, "signal": None, "more": "x" * 1000}, -1) == {
        "exit_code": 3,
        "signal": None,
    }
    error = {"code": "X", "message": "y", "context": {}}
    assert checked_ending({"error": error, "more": 1}, -1) == {"error": error}


def test_an_agent_is_not_lost_for_last_words_that_nobody_has_read_yet() -> None:
    reactor, lost = Reactor(), list[str | None]()
    ours, agent = socket.socketpair()

    def on_lost(why: str | None) -> None:
        lost.append(why)
        reactor.stop()

    link = AgentLink(ours, reactor, on_lost=on_lost, patience=Patience(killing_s=0.01))
    process = Process(reactor, link, {"command": "yes"}, is_paced=True)
    agent.sendall(frame(STDOUT, process.question.number, b"y\n"))
    process.listeners.append(lambda: process.end(0.0))
    reactor.call_later(0.2, reactor.stop)
    reactor.run()
    assert (process.ring.end, lost) == (2, [])
    process.read_until(2)
    reactor.is_stopped = False
    reactor.run()
    assert lost == ["a process that was to be killed has not ended"]
    link.close(Refused("CONTAINER_UNAVAILABLE", "over").as_json())
    agent.close()
    reactor.close()


@pytest.mark.slow
async def test_the_oldest_that_have_ended_are_forgotten(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    await sandbox.ask("start", command="sleep 1000", process_id="runs")
    for number in range(ENDED_MAX + 5):
        await sandbox.ask("start", command="true", process_id=f"p{number}")
        await sandbox.ask("wait", id=f"p{number}")
    names = [each["id"] for each in (await sandbox.ask("processes"))["processes"]]
    assert names[0] == "runs"
    assert "p0" not in names
    assert f"p{ENDED_MAX + 4}" in names
    assert len(names) <= ENDED_MAX + 2


@pytest.mark.slow
async def test_one_that_cannot_start_is_not_remembered(sandboxes: Sandboxes) -> None:
    sandbox = await sandboxes.open()
    with pytest.raises(Exception, match="No such file"):
        await sandbox.ask("start", command="true", cwd="/no/such/folder")
    assert await sandbox.ask("processes") == {"processes": []}
