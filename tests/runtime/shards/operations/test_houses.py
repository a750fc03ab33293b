"""Who has what, of all workers' data."""

from pathlib import Path

import pytest

from perdure.runtime.host.operations.errors import NoSuchNamespace
from tests.runtime.shards.operations.crew import worker
from tests.runtime.shards.operations.twins import Twins
from tests.town import KEY, Town


async def test_names_and_ids_lead_to_the_worker_that_has_the_actor(tmp_path: Path) -> None:
    async with Twins(tmp_path / "data") as twins:
        for number in range(8):
            name = f"room {number}"
            town: Town = twins.towns[twins.slot_of(name)]
            await town.room(name).put(a=1)
            by_name = await twins.houses.slot_of("ROOM", name, None)
            digits = str(town.id_of(name))
            by_id = await twins.houses.slot_of(KEY, None, digits[:10])
            assert by_name == by_id == twins.slot_of(name)
        with pytest.raises(NoSuchNamespace):
            await twins.houses.slot_of("Romm", "a", None)


async def test_who_serves_is_known(tmp_path: Path) -> None:
    async with Twins(tmp_path / "data") as twins:
        assert twins.houses.is_serving("0")
        await twins.crew.end(worker("0"))
        assert not twins.houses.is_serving("0")
