"""What an actor has handled, with the times it took."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.watch import watch
from perdure.runtime.observe.handled import HandledTracer
from tests.world import World, turns

Told = list[tuple[str | None, Mapping[str, Any]]]


class Room(DurableObject):
    async def read(self) -> None:
        """Nothing is written."""

    async def write(self) -> None:
        await self.ctx.storage.put("n", 1)

    async def fail(self) -> None:
        raise KeyError("x")


@pytest.fixture
def told() -> Iterator[Told]:
    heard: Told = []

    def tell(name: str, actor_id: Any, fields: Mapping[str, object]) -> None:
        assert name == "actor.handled"
        heard.append((actor_id.name, fields))

    watch.tracer = HandledTracer(tell)
    yield heard
    watch.tracer = None


async def test_what_was_not_held_up_tells_of_no_gate(world: World, told: Told) -> None:
    await world.stub(Room).read()
    [(name, fields)] = told
    assert name == "one"
    assert (fields["handler"], fields["outcome"]) == ("read", "ok")
    assert min(fields["queue_ms"], fields["took_ms"]) >= 0
    assert {"gate_ms", "commit_ms"}.isdisjoint(fields)


async def test_a_write_tells_of_the_gate_and_the_commit(world: World, told: Told) -> None:
    await world.stub(Room).write()
    [(_, fields)] = told
    assert fields["gate_ms"] >= fields["commit_ms"] >= 0


async def test_an_error_is_an_outcome(world: World, told: Told) -> None:
    with pytest.raises(KeyError):
        await world.stub(Room).fail()
    assert [fields["outcome"] for _, fields in told] == ["error"]


async def test_a_message_of_a_websocket_is_handled_too(world: World, told: Told) -> None:
    server, link = await world.accepted()
    told.clear()

    async def write(event: Any) -> None:
        await world.actor().handlers._ctx.storage.put("n", event.data)  # type: ignore[union-attr]
        server.send("stored")

    server.add_event_listener("message", write)
    link.says("x")
    await turns()
    assert link.sent == ["stored"]
    [(_, fields)] = told
    assert (fields["handler"], fields["outcome"]) == ("message listener", "ok")
    assert fields["gate_ms"] >= 0
