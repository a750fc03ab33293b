"""A scheduler of alarms for the world's actors."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.runtime.host.alarms import AlarmScheduler
from perdure.storage.alarm_index import AlarmIndex
from tests.runtime.host.sleeper import Sleeper, start
from tests.world import World


@pytest.fixture
def index(tmp_path: Path) -> Iterator[AlarmIndex]:
    index = AlarmIndex(tmp_path / "alarms.db")
    yield index
    index.close()


@pytest.fixture
async def scheduler(world: World, index: AlarmIndex) -> AlarmScheduler:
    Sleeper.woken, Sleeper.failures, Sleeper.then = [], 0, None
    return start(world, index)
