"""Whose trace a call over a link belongs to."""

import contextvars
from collections.abc import Iterator, Mapping

import pytest

from perdure.actors.events import CallEvent
from perdure.actors.http import Request
from perdure.actors.watch import EventTrace, Traced, TracedTurn
from perdure.runtime.observe.tracers import tracers
from perdure.runtime.shards.link.calls import LinkCalls
from perdure.runtime.shards.link.kinds import TRACE
from perdure.runtime.shards.link.streams import Streams
from tests.runtime.shards.link.ends import joined, until
from tests.runtime.shards.link.surface import Sockets
from tests.runtime.shards.link.test_calls import ID, NO_ARGUMENTS, Ways

CURRENT = contextvars.ContextVar("current", default="")


class Follower:
    """Has the trace that ``CURRENT`` names, and notes which one an event would be of."""

    def event(self, owner: Traced, turn: TracedTurn, request: Request | None) -> EventTrace | None:
        raise AssertionError("no actor is asked here")

    def outgoing(self) -> Mapping[str, str]:
        return {}

    def carried(self) -> Mapping[str, str]:
        return {"trace": CURRENT.get()} if CURRENT.get() else {}

    def join(self, context: contextvars.Context, fields: Mapping[str, str]) -> None:
        context.run(CURRENT.set, fields["trace"])


@pytest.fixture
def follower() -> Iterator[Follower]:
    follower = Follower()
    tracers.add(follower)
    yield follower
    tracers.remove(follower)


def call(ways: Ways, trace: str, *, size: int = 0) -> None:
    context = contextvars.copy_context()
    context.run(CURRENT.set, trace)
    context.run(ways.call, CallEvent("m" * (size or 1), NO_ARGUMENTS))


@pytest.mark.usefixtures("follower")
async def test_a_call_is_of_the_trace_of_its_caller() -> None:
    async with joined(message_size_bytes_max=1000) as links:
        ways = Ways(*links)
        heard: list[str] = []
        ways.actors.action = lambda: heard.append(CURRENT.get())
        call(ways, "first")
        call(ways, "")
        call(ways, "second")
        call(ways, "too large", size=5000)
        call(ways, "")
        await ways.called(4)
        assert heard == ["first", "", "second", ""]
        assert CURRENT.get() == ""


async def test_nothing_is_told_where_nobody_traces() -> None:
    async with joined() as links:
        ways = Ways(*links)
        call(ways, "first")
        await ways.called()
        assert links[0].statistics().frames_sent == 1


async def test_who_does_not_trace_hears_of_the_call_all_the_same(follower: Follower) -> None:
    async with joined() as links:
        ways = Ways(*links)
        call(ways, "first")
        tracers.remove(follower)
        heard: list[str] = []
        ways.actors.action = lambda: heard.append(CURRENT.get())
        await ways.called()
        assert heard == [""]
        assert ways.actors.events == [(ID, CallEvent("m", NO_ARGUMENTS))]


async def test_a_process_without_actors_takes_no_traces() -> None:
    async with joined() as (one, other):
        streams = Streams(other)
        LinkCalls(other, streams, Sockets())
        one.send([TRACE, 1, [["trace", "first"]]])
        await until(lambda: other.ended)
        assert "nobody here takes TRACE" in str(other.ended)
        await streams.close()
