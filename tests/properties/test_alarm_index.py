"""``indexed_no_later_than``: whenever the machine dies, no alarm fires late.

The model of a power failure: of the index, what a durable write or one before it wrote is there,
and of the lazy writes after it any number; of an actor's database, what was committed.
"""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.storage.alarm_index import AlarmIndex

pytestmark = pytest.mark.slow

ACTOR = b"a" * 32
TIMES = st.none() | st.integers(1, 9)


class PowerLoss:
    """An index that remembers which of its states a power failure could leave."""

    def __init__(self, path: Path) -> None:
        self.index = AlarmIndex(path)
        self.possible: list[int | None] = [None]

    def put(self, time_ms: int) -> None:
        self.index.put("room", ACTOR, time_ms, None)
        self._note()

    def remove(self) -> None:
        self.index.remove("room", ACTOR)
        self._note()

    def _note(self) -> None:
        state = self.index.get("room", ACTOR)
        ((level,),) = self.index._execute("PRAGMA synchronous")
        self.possible = [state] if level == 2 else [*self.possible, state]


def earlier(one: int | None, other: int | None) -> bool:
    return one is not None and (other is None or one < other)


@given(st.lists(TIMES, max_size=12), st.data())
@settings(max_examples=40, deadline=None)
def test_the_index_is_never_later_than_the_actor(
    times: list[int | None], data: st.DataObject
) -> None:
    """The order that actors/commit.py keeps: earlier before the commit, later after it."""
    with tempfile.TemporaryDirectory() as directory:
        power = PowerLoss(Path(directory) / "alarms.db")
        committed: int | None = None

        def check() -> None:
            for state in power.possible:
                assert committed is None or (state is not None and state <= committed)

        for time_ms in times:
            indexed = power.index.get("room", ACTOR)
            if time_ms is not None and earlier(time_ms, indexed):
                power.put(time_ms)
            check()
            committed = time_ms  # the actor's own commit
            check()
            if data.draw(st.booleans(), label="dies before the index hears of it"):
                continue
            if time_ms is None:
                power.remove()
            else:
                power.put(time_ms)
            check()
        power.index.close()
