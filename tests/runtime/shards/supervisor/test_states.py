import itertools

import pytest

from perdure.runtime.shards.supervisor.states import JOINED, LEAVING, LEGAL, ChildState, move
from perdure.storage.errors import InternalError

WAY_OF_A_WORKER = [
    ChildState.LAUNCHED,
    ChildState.SPARE,
    ChildState.STARTING,
    ChildState.READY,
    ChildState.OPENING,
    ChildState.SERVING,
    ChildState.DRAINING,
    ChildState.STOPPING,
    ChildState.DEAD,
]


def test_a_worker_goes_its_way_from_launch_to_end() -> None:
    state = WAY_OF_A_WORKER[0]
    for to in WAY_OF_A_WORKER[1:]:
        state = move(state, to)
    assert state is ChildState.DEAD


@pytest.mark.parametrize("state", [state for state in ChildState if state is not ChildState.DEAD])
def test_a_process_may_die_in_every_state(state: ChildState) -> None:
    assert move(state, ChildState.DEAD) is ChildState.DEAD


def test_no_step_is_left_out() -> None:
    for earlier, later in itertools.combinations(WAY_OF_A_WORKER[:7], 2):
        if WAY_OF_A_WORKER.index(later) - WAY_OF_A_WORKER.index(earlier) > 1:
            with pytest.raises(InternalError, match=f"{earlier.value} to {later.value}"):
                move(earlier, later)


def test_a_router_may_relay_between_serving_and_draining() -> None:
    assert move(move(ChildState.SERVING, ChildState.RELAYING), ChildState.DRAINING)
    with pytest.raises(InternalError, match="draining to relaying"):
        move(ChildState.DRAINING, ChildState.RELAYING)


def test_there_is_no_way_back() -> None:
    for earlier, later in itertools.combinations(WAY_OF_A_WORKER, 2):
        assert earlier not in LEGAL[later]


def test_what_leaves_gets_no_links() -> None:
    assert not JOINED & LEAVING
