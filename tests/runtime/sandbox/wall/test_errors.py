"""What an operator reads when there is no wall."""

import pickle

from perdure.runtime.sandbox.wall.errors import WallRefused, WallStands


def test_a_refusal_says_what_is_missing_and_what_to_do() -> None:
    refused = WallRefused("bubblewrap is not here", "Install it")
    assert str(refused) == "no sandbox was started: bubblewrap is not here. Install it"


def test_what_does_not_end_is_named() -> None:
    assert "[12, 13]" in str(WallStands("a1", [12, 13]))


def test_both_can_be_sent_to_another_process() -> None:
    for error in (WallRefused("a", "b"), WallStands("a1", [1])):
        assert str(pickle.loads(pickle.dumps(error))) == str(error)
