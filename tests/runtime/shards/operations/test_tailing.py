"""Events of all workers, and of their successors, in one stream."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from perdure.runtime.control.desk import Desk
from perdure.runtime.control.protocol import OperationFailed
from perdure.runtime.host.operations.errors import OperatorError
from perdure.runtime.host.operations.house import Told, Values
from perdure.runtime.host.operations.tailing import TailArguments
from perdure.runtime.shards.operations.houses import Houses
from perdure.runtime.shards.operations.lines import Lines
from perdure.runtime.shards.operations.tailing import tail
from perdure.runtime.shards.placement import Placement
from perdure.runtime.shards.supervisor.places import Place, Role
from perdure.storage.layout import Layout
from tests.runtime.shards.operations.crew import Crew, worker
from tests.town import Listener


class Follower(Listener):
    """Waits for events."""

    def __init__(self) -> None:
        super().__init__()
        self._came = asyncio.Event()

    async def item(self, item: Values) -> None:
        await super().item(item)
        self._came.set()

    async def seen(self, count: int) -> list[Any]:
        async with asyncio.timeout(60):
            while len(self.items) < count:
                self._came.clear()
                await self._came.wait()
        return [event for item in self.items for event in item["events"]]


class Source:
    """A worker whose events a test makes."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[Any] = asyncio.Queue()
        self.desk = Desk(self._tail, lambda: self.events.put_nowait(None))

    async def _tail(self, name: str, arguments: Values, told: Told) -> Values:
        assert name == "tail"
        await told.item({"events": []})
        while (event := await self.events.get()) is not None:
            await told.item({"events": [event]})
        return {"lost": 1}


@pytest.fixture
async def crew() -> AsyncIterator[Crew]:
    crew = Crew(Lines(wait_s=60.0))
    yield crew
    await crew.close()


async def test_it_follows_all_workers_and_those_who_take_their_places(
    crew: Crew, tmp_path: Any
) -> None:
    houses = Houses(Layout(tmp_path), {}, Placement.of_count(2), crew.lines)
    sources = [Source(), Source()]
    for slot, source in enumerate(sources):
        await crew.serve(worker(str(slot)), source.desk)
    follower = Follower()
    following = asyncio.ensure_future(tail(houses, TailArguments(), follower))
    assert await follower.seen(1) == []
    assert follower.items == [{"events": []}], "it has begun when all have, and says so once"
    sources[0].events.put_nowait("a")
    await follower.seen(2)
    sources[1].events.put_nowait("b")
    assert await follower.seen(3) == ["a", "b"]
    await crew.end(worker("0"))  # it dies
    successor = Source()
    await crew.serve(worker("0"), successor.desk)
    successor.events.put_nowait("c")
    assert await follower.seen(4) == ["a", "b", "c"]
    third = Source()
    await crew.serve(worker("2"), third.desk)  # there are more of them now
    third.events.put_nowait("d")
    assert await follower.seen(5) == ["a", "b", "c", "d"]
    await crew.drain(worker("1"))  # in good order: it says what it has lost
    crew.lines.stop_waiting()
    await crew.end(worker("1"))
    await crew.end(worker("0"))
    await crew.end(worker("2"))
    assert (await following)["lost"] >= 1


async def test_it_follows_routers_that_come_and_go(crew: Crew, tmp_path: Any) -> None:
    houses = Houses(Layout(tmp_path), {}, Placement.of_count(1), crew.lines)
    first, source, second = Source(), Source(), Source()
    router, later = Place(Role.ROUTER, "0"), Place(Role.ROUTER, "1")
    await crew.serve(worker("0"), source.desk)
    await crew.serve(router, first.desk)
    follower = Follower()
    following = asyncio.ensure_future(tail(houses, TailArguments(), follower))
    assert await follower.seen(1) == []
    first.events.put_nowait("a")
    assert await follower.seen(2) == ["a"]
    await crew.serve(later, second.desk)
    second.events.put_nowait("b")
    assert await follower.seen(3) == ["a", "b"]
    await crew.end(router)
    source.events.put_nowait("c")
    assert await follower.seen(4) == ["a", "b", "c"]
    crew.lines.stop_waiting()
    await crew.end(later)
    await crew.end(worker("0"))
    await following


async def test_what_cannot_be_followed_is_refused(crew: Crew, tmp_path: Any) -> None:
    async def refuse(name: str, arguments: Values, told: Told) -> Values:
        raise OperatorError("There is no such event", "There are others")

    houses = Houses(Layout(tmp_path), {}, Placement.of_count(1), crew.lines)
    await crew.serve(worker("0"), Desk(refuse))
    with pytest.raises(OperationFailed, match="no such event"):
        await tail(houses, TailArguments(["nonsense"]), Listener())
