import dataclasses

from perdure.runtime.shards.supervisor.places import Role
from perdure.runtime.shards.supervisor.states import ChildState
from perdure.runtime.shards.supervisor.statistics import ProcessStatistics, SupervisorStatistics


def test_statistics_are_values() -> None:
    one = ProcessStatistics(
        pid=7,
        role=Role.WORKER,
        slot="0",
        generation=2,
        state=ChildState.SERVING,
        started_ms=1,
        silent_s=0.0,
        restarts=1,
        failure=None,
        last_stack=None,
    )
    assert dataclasses.replace(one) == one
    assert SupervisorStatistics((one,), {}).processes == (one,)
