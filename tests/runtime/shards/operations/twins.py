"""A data directory with two workers' actors in it, and no processes: for the operator's tests."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from perdure.actors.ids import IdFactory
from perdure.runtime.host.operations.house import Values
from perdure.runtime.shards.operations import ways
from perdure.runtime.shards.operations.houses import Houses
from perdure.runtime.shards.operations.lines import Lines
from perdure.runtime.shards.operations.worker_desk import worker_desk
from perdure.runtime.shards.placement import Placement
from perdure.storage.directory import DataDirectory
from perdure.storage.opening import recover_all
from tests.runtime.shards.operations.crew import Crew, worker
from tests.town import KEY, Listener, Town
from tests.world import FakeClock


class Twins:
    """Two towns in one directory, asked as one. ``async with Twins(path) as twins``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.placement = Placement.of_count(2)
        self.towns: dict[str, Town] = {}
        self._cleanup = AsyncExitStack()

    async def __aenter__(self) -> "Twins":
        cleanup = self._cleanup
        directory = cleanup.enter_context(DataDirectory.open(self.root))
        layout, slots = directory.layout, self.placement.slots
        recover_all(layout, slots, self.placement.slot_of, FakeClock().time_ms)
        self.lines = Lines(wait_s=60.0)
        self.crew = Crew(self.lines)
        for slot in slots:
            town = Town(self.root, slot=slot, directory=directory, owns=self._owns(slot))
            self.towns[slot] = await cleanup.enter_async_context(town)
            await self.crew.serve(worker(slot), worker_desk(town.house))
        cleanup.push_async_callback(self.crew.close)
        self.houses = Houses(layout, {"ROOM": KEY}, self.placement, self.lines)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._cleanup.aclose()

    def _owns(self, slot: str) -> Any:
        return lambda unique_key, raw_id: self.placement.slot_of(unique_key, raw_id) == slot

    def slot_of(self, name: str) -> str:
        return self.placement.slot_of(KEY, IdFactory(KEY).id_from_name(name).raw)

    def room(self, name: str = "lobby") -> Any:
        """The stub of a room, in the town that has it."""
        return self.towns[self.slot_of(name)].room(name)

    async def ask(
        self, operation: str, listener: Listener | None = None, **arguments: Any
    ) -> Values:
        return await ways.run(self.houses, operation, arguments, listener or Listener())

    async def items(self, operation: str, **arguments: Any) -> list[Values]:
        listener = Listener()
        await self.ask(operation, listener, **arguments)
        return listener.items
