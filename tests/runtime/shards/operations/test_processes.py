"""What there is to see of processes that serve, hang, or have not got far."""

from perdure.runtime.control.desk import Desk
from perdure.runtime.host.operations.house import Told, Values
from perdure.runtime.shards.operations.lines import Lines
from perdure.runtime.shards.operations.processes import tell_of_all
from perdure.runtime.shards.supervisor.states import ChildState
from perdure.runtime.shards.supervisor.statistics import SupervisorStatistics
from tests.runtime.shards.operations.crew import Crew, said, worker
from tests.town import Listener


async def test_each_has_its_line_and_who_serves_has_facts() -> None:
    async def facts(name: str, arguments: Values, told: Told) -> Values:
        return {"actors": 7}

    async def fails(name: str, arguments: Values, told: Told) -> Values:
        raise RuntimeError("it was killed just now")

    crew = Crew(Lines())
    await crew.serve(worker("0"), Desk(facts))
    await crew.serve(worker("1"), Desk(fails))
    states = [ChildState.SERVING, ChildState.SERVING, ChildState.STARTING]
    processes = tuple(said(worker(str(slot)), slot + 1, state) for slot, state in enumerate(states))
    listener = Listener()
    result = await tell_of_all(crew.lines, SupervisorStatistics(processes, {}), listener)
    assert result == {"processes": 4}
    assert [(item["role"], item["slot"], item["state"]) for item in listener.items] == [
        ("supervisor", "", "serving"),
        ("worker", "0", "serving"),
        ("worker", "1", "serving"),
        ("worker", "2", "starting"),
    ]
    assert [item["actors"] for item in listener.items] == [None, 7, None, None]
    await crew.close()


async def test_a_place_that_nobody_fills_has_a_line_too() -> None:
    crew = Crew(Lines())
    processes = (said(worker("0"), 1, ChildState.STARTING), said(worker("1"), 2, ChildState.DEAD))
    failures = {"worker 0": 2, "worker 1": 3, "worker 2": 1}
    listener = Listener()
    await tell_of_all(crew.lines, SupervisorStatistics(processes, failures), listener)
    away = [item for item in listener.items if item["state"] == "away"]
    assert [(item["slot"], item["pid"]) for item in away] == [("1", None), ("2", None)]
    assert away[0]["failure"].startswith("3 processes in a row have died before serving")
    assert away[1]["failure"].startswith("1 process has died before serving")
    [coming] = [item for item in listener.items if item["state"] == "starting"]
    assert coming["failure"].startswith("2 processes in a row have died before serving")
    assert listener.items[0]["state"] == "serving"
    crew.lines.stop_waiting()
    listener = Listener()
    await tell_of_all(crew.lines, SupervisorStatistics((), {}), listener)
    assert listener.items[0]["state"] == "stopping"
    await crew.close()
