"""An event's trace hears of each step once, and of the wait for the commit."""

import contextvars
from collections.abc import Iterator, Mapping

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.http import Request
from perdure.actors.watch import EventTrace, Traced, TracedTurn, watch
from tests.world import World

inside: contextvars.ContextVar[str] = contextvars.ContextVar("inside", default="nowhere")


class Steps:
    """A trace that writes down what it hears; a tracer that follows everything."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def event(self, owner: Traced, turn: TracedTurn, request: Request | None) -> EventTrace:
        self.heard.append(f"{turn.handler} of {self._who(owner.describe())}")
        return self

    def outgoing(self) -> dict[str, str]:
        return {}

    def begin(self, context: contextvars.Context) -> None:
        context.run(inside.set, "the trace")
        self.heard.append("begin")

    def end(self, error: BaseException | None, answer: object) -> None:
        self.heard.append("end" if error is None else f"end with {error!r}")

    def hold(self) -> None:
        self.heard.append("hold")

    def left(self, commit_s: float) -> None:
        self.heard.append("left")

    def _who(self, facts: Mapping[str, str]) -> str:
        return facts["actor"]


class Room(DurableObject):
    async def read(self) -> str:
        return inside.get()

    async def write(self) -> None:
        await self.ctx.storage.put("n", 1)

    async def fail(self) -> None:
        raise KeyError("x")

    async def abort(self) -> None:
        self.ctx.abort("on purpose")


@pytest.fixture
def steps() -> Iterator[Steps]:
    watch.tracer = steps = Steps()
    yield steps
    watch.tracer = None


async def test_a_read_leaves_at_once(world: World, steps: Steps) -> None:
    assert await world.stub(Room).read() == "the trace"
    assert steps.heard == ["read of one", "begin", "end", "left"]


async def test_a_write_is_held_until_it_is_durable(world: World, steps: Steps) -> None:
    await world.stub(Room).write()
    assert steps.heard == ["write of one", "begin", "end", "hold", "left"]


async def test_an_error_is_the_end_of_a_handler_too(world: World, steps: Steps) -> None:
    with pytest.raises(KeyError):
        await world.stub(Room).fail()
    assert steps.heard == ["fail of one", "begin", "end with KeyError('x')", "left"]


async def test_an_actor_that_is_reset_lets_go_of_its_traces(world: World, steps: Steps) -> None:
    with pytest.raises(Exception, match="on purpose"):
        await world.stub(Room).abort()
    assert steps.heard == ["abort of one", "begin", "left"]


async def test_without_a_tracer_nothing_is_followed(world: World) -> None:
    assert watch.tracer is None
    assert await world.stub(Room).read() == "nowhere"
