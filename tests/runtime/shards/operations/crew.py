"""Workers of a server that has no processes, for the operator's tests: lines lead to desks here."""

import asyncio
from collections.abc import Awaitable, Callable

from perdure.runtime.control.desk import Desk
from perdure.runtime.control.server import ControlServer
from perdure.runtime.host.operations.house import Told, Values
from perdure.runtime.shards.operations.lines import Lines
from perdure.runtime.shards.supervisor.places import Identity, Place, Role
from perdure.runtime.shards.supervisor.states import ChildState
from perdure.runtime.shards.supervisor.statistics import ProcessStatistics


def worker(slot: str) -> Place:
    return Place(Role.WORKER, slot)


def said(place: Place, generation: int, state: ChildState) -> ProcessStatistics:
    return ProcessStatistics(1, place.role, place.slot, generation, state, 0, 0.0, 0, None, None)


class Crew:
    """Processes that a test says the states of."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self._generation = 0
        self._servers: dict[Place, tuple[int, ControlServer]] = {}

    async def serve(self, place: Place, desk: Desk) -> None:
        """A process serves in a place."""
        self._generation += 1
        identity = Identity(place, self._generation)
        end = self.lines.open(identity).dup()
        self.move(place, ChildState.READY)
        self._servers[place] = (self._generation, await ControlServer.on_line(desk, end))
        self.move(place, ChildState.SERVING)

    def move(self, place: Place, state: ChildState) -> None:
        self.lines.changed(said(place, self._generation, state))

    async def drain(self, place: Place, *, is_told: bool = True) -> None:
        """It drains; without ``is_told`` nobody has heard of that."""
        if is_told:
            self.move(place, ChildState.DRAINING)
        await self._servers[place][1].drain()

    async def end(self, place: Place) -> None:
        """It goes, whatever is under way."""
        generation, server = self._servers.pop(place)
        server._to_give_up.clear()  # one that is killed tells nobody
        await server.close()
        self.lines.changed(said(place, generation, ChildState.DEAD))

    async def close(self) -> None:
        for place in list(self._servers):
            await self.end(place)
        self.lines.close()


def desk_of(work: Callable[[str, Values, Told], Awaitable[Values]]) -> Desk:
    return Desk(work)


async def nothing(name: str, arguments: Values, told: Told) -> Values:
    del arguments, told
    return {"did": name}


async def for_ever(name: str, arguments: Values, told: Told) -> Values:
    await told.item({"begun": name, **arguments})
    await asyncio.Event().wait()
    raise AssertionError
