"""What may become of a client's connection whose actor is in another process."""

import pytest

from perdure.runtime.shards.sockets.states import LEGAL, HeldState, move
from perdure.storage.errors import InternalError


def test_a_connection_may_lose_its_process_and_find_another() -> None:
    state = move(HeldState.ATTACHED, HeldState.ORPHANED)
    state = move(state, HeldState.ATTACHED)
    assert move(state, HeldState.OVER) is HeldState.OVER


@pytest.mark.parametrize("to", HeldState)
def test_what_is_over_stays_over(to: HeldState) -> None:
    with pytest.raises(InternalError, match="a held socket cannot go from over to"):
        move(HeldState.OVER, to)


def test_every_state_is_in_the_table() -> None:
    assert set(LEGAL) == set(HeldState)
