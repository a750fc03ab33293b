"""A message's trace hears of its handler's beginning and end, and of what it has sent."""

import asyncio
import contextvars
from collections.abc import Iterator
from typing import Any

import pytest

from perdure.actors.http import Request
from perdure.actors.watch import EventTrace, Traced, TracedTurn, watch
from perdure.actors.websocket import WebSocket
from tests.world import FakeLink, World, turns

inside: contextvars.ContextVar[str] = contextvars.ContextVar("inside", default="nowhere")


class Steps:
    """A trace that writes down what it hears; a tracer that follows every second message."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.follows = True

    def event(self, owner: Traced, turn: TracedTurn, request: Request | None) -> EventTrace | None:
        return self if self.follows else None

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


@pytest.fixture
def steps() -> Iterator[Steps]:
    steps = Steps()
    yield steps
    watch.tracer = None


@pytest.fixture
async def pair(world: World, steps: Steps) -> tuple[WebSocket, FakeLink]:
    """An accepted end and its peer; from here on messages are followed."""
    made = await world.accepted()
    watch.tracer = steps
    return made


async def test_a_plain_listener_is_over_when_its_turn_is(
    pair: tuple[WebSocket, FakeLink], steps: Steps
) -> None:
    server, link = pair

    def hear(event: Any) -> None:
        steps.heard.append(f"{event.data} in {inside.get()}")
        server.send("answer")

    server.add_event_listener("message", hear)
    link.says("x")
    assert steps.heard == ["begin", "x in the trace", "end", "left"]
    assert link.sent == ["answer"]


async def test_a_coroutine_is_over_when_it_has_ended(
    pair: tuple[WebSocket, FakeLink], steps: Steps
) -> None:
    server, link = pair
    go_on = asyncio.get_running_loop().create_future()

    async def hear(event: Any) -> None:
        await go_on
        steps.heard.append(f"{event.data} in {inside.get()}")

    server.add_event_listener("message", hear)
    link.says("x")
    assert steps.heard == ["begin"]
    go_on.set_result(None)
    await turns()
    assert steps.heard == ["begin", "x in the trace", "end", "left"]


async def test_what_has_to_be_durable_first_is_held(
    world: World, pair: tuple[WebSocket, FakeLink], steps: Steps
) -> None:
    server, link = pair

    def hear(event: Any) -> None:
        world.actor().handlers._ctx.storage.kv.put("n", 1)  # type: ignore[union-attr]
        server.send("stored")

    server.add_event_listener("message", hear)
    link.says("x")
    assert (steps.heard, link.sent) == (["begin", "end", "hold"], [])
    await turns()
    assert (steps.heard[3:], link.sent) == (["left"], ["stored"])


async def test_a_listener_that_raises_ends_with_its_error(
    pair: tuple[WebSocket, FakeLink], steps: Steps
) -> None:
    server, link = pair

    async def hear(event: Any) -> None:
        raise KeyError(event.data)

    server.add_event_listener("message", hear)
    link.says("x")
    await turns()
    assert steps.heard == ["begin", "end with KeyError('x')", "left"]


async def test_a_reset_in_the_middle_ends_its_trace(
    world: World, pair: tuple[WebSocket, FakeLink], steps: Steps
) -> None:
    server, link = pair

    async def hear(event: Any) -> None:
        world.actor().abort("on purpose")

    server.add_event_listener("message", hear)
    link.says("x")
    assert steps.heard[0] == "begin"
    assert steps.heard[-1] == "left"


async def test_nothing_stays_of_a_trace_when_its_turn_is_over(
    pair: tuple[WebSocket, FakeLink], steps: Steps
) -> None:
    server, link = pair
    seen: list[str] = []
    server.add_event_listener("message", lambda _: seen.append(inside.get()))
    link.says("x")
    steps.follows = False
    link.says("y")
    assert seen == ["the trace", "nowhere"]
    assert steps.heard == ["begin", "end", "left"]
