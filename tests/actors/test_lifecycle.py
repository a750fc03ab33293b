"""The life of one actor in memory, as a table."""

import itertools

import pytest

from perdure.actors.lifecycle import GONE, LEGAL, LifeStage, move
from perdure.storage.errors import InternalError


@pytest.mark.parametrize(("stage", "to"), list(itertools.product(LifeStage, LifeStage)))
def test_moves_are_those_of_the_table(stage: LifeStage, to: LifeStage) -> None:
    if to in LEGAL[stage]:
        assert move(stage, to) is to
    else:
        with pytest.raises(InternalError, match=f"from {stage.value} to {to.value}"):
            move(stage, to)


def test_every_stage_is_in_the_table() -> None:
    assert set(LEGAL) == set(LifeStage)


def test_an_actor_that_is_gone_never_comes_back() -> None:
    assert {LifeStage.BROKEN, LifeStage.EVICTED} == GONE
    assert all(not LEGAL[stage] for stage in GONE)


def test_no_actor_takes_events_before_its_constructor_has_run() -> None:
    into_live = [stage for stage in LifeStage if LifeStage.LIVE in LEGAL[stage]]
    assert into_live == [LifeStage.STARTING]


def test_an_actor_whose_constructor_runs_is_not_evicted() -> None:
    assert LifeStage.EVICTED not in LEGAL[LifeStage.STARTING]
