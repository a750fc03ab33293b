"""Who carries out what is asked of a place, as processes come and go."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from perdure.runtime.control.desk import Desk
from perdure.runtime.control.protocol import OperationFailed
from perdure.runtime.host.operations.errors import OperatorError
from perdure.runtime.host.operations.house import Told, Values
from perdure.runtime.shards.operations.errors import WORKER_LIES
from perdure.runtime.shards.operations.lines import Lines
from perdure.runtime.shards.supervisor.places import Identity
from perdure.runtime.shards.supervisor.states import ChildState
from tests.runtime.shards.operations.crew import Crew, for_ever, nothing, worker
from tests.town import Listener

ONE = worker("1")


class Waits(Listener):
    """Knows when the first item has come."""

    def __init__(self) -> None:
        super().__init__()
        self.has_begun = asyncio.Event()

    async def item(self, item: Values) -> None:
        await super().item(item)
        self.has_begun.set()


@pytest.fixture
async def crew() -> AsyncIterator[Crew]:
    crew = Crew(Lines(wait_s=60.0))
    yield crew
    await crew.close()


async def test_who_serves_is_asked(crew: Crew) -> None:
    await crew.serve(ONE, Desk(nothing))
    assert crew.lines.is_serving(ONE)
    assert await crew.lines.ask(ONE, "list", {}, Listener()) == {"did": "list"}


async def test_failures_arrive_as_they_were(crew: Crew) -> None:
    async def refuse(name: str, arguments: Values, told: Told) -> Values:
        raise OperatorError("no", "ask otherwise")

    await crew.serve(ONE, Desk(refuse))
    with pytest.raises(OperationFailed) as raised:
        await crew.lines.ask(ONE, "list", {}, Listener())
    failure = raised.value.failure
    assert (failure.kind, failure.hint, failure.is_usage) == (
        "OperatorError",
        "ask otherwise",
        True,
    )


@pytest.mark.parametrize("is_told", [True, False])
async def test_who_drains_finishes_and_the_successor_gets_the_rest(
    crew: Crew, *, is_told: bool
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(name: str, arguments: Values, told: Told) -> Values:
        begun.set()
        await go_on.wait()
        return {"by": "the first"}

    await crew.serve(ONE, Desk(slow))
    under_way = asyncio.ensure_future(crew.lines.ask(ONE, "list", {}, Listener()))
    await begun.wait()
    draining = asyncio.ensure_future(crew.drain(ONE, is_told=is_told))
    await asyncio.sleep(0)
    next_one = asyncio.ensure_future(crew.lines.ask(ONE, "list", {}, Listener()))
    go_on.set()
    assert await under_way == {"by": "the first"}
    await draining
    await crew.end(ONE)
    assert not next_one.done()
    await crew.serve(ONE, Desk(nothing))
    assert await next_one == {"did": "list"}


async def test_what_was_under_way_at_one_that_dies_has_an_unknown_outcome(crew: Crew) -> None:
    await crew.serve(ONE, Desk(for_ever))
    listener = Waits()
    asking = asyncio.ensure_future(crew.lines.ask(ONE, "sql", {}, listener))
    await listener.has_begun.wait()
    await crew.end(ONE)
    with pytest.raises(OperationFailed, match=r"worker 1 ended .* not known") as raised:
        await asking
    assert raised.value.failure.kind == "WorkerLost"


async def test_a_place_that_stays_empty_is_told_of() -> None:
    crew = Crew(Lines(wait_s=0.0))
    with pytest.raises(OperationFailed, match="worker 1 is away") as raised:
        await crew.lines.ask(ONE, "list", {}, Listener())
    assert "Nothing was done" in raised.value.failure.hint
    await crew.close()


async def test_nobody_is_waited_for_once_the_server_stops(crew: Crew) -> None:
    asking = asyncio.ensure_future(crew.lines.ask(ONE, "list", {}, Listener()))
    await asyncio.sleep(0)
    crew.lines.stop_waiting()
    with pytest.raises(OperationFailed, match="being stopped"):
        await asking


async def test_one_that_gets_ready_is_not_asked_yet(crew: Crew) -> None:
    await crew.serve(ONE, Desk(nothing))
    crew.move(ONE, ChildState.KILLED)
    assert not crew.lines.is_serving(ONE)


async def test_who_asked_and_goes_has_the_operation_given_up(crew: Crew) -> None:
    ended = asyncio.Event()

    async def work(name: str, arguments: Values, told: Told) -> Values:
        try:
            return await for_ever(name, arguments, told)
        finally:
            ended.set()

    await crew.serve(ONE, Desk(work))
    listener = Waits()
    asking = asyncio.ensure_future(crew.lines.ask(ONE, "backup", {}, listener))
    await listener.has_begun.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await asyncio.wait_for(ended.wait(), 20)


async def test_who_answers_what_is_no_answer_is_told_of(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[Identity, str]] = []
    crew.lines.on_lie = lambda *lie: told.append(lie)
    monkeypatch.setattr("perdure.runtime.control.server.packb", lambda _: b"\xc1")
    await crew.serve(ONE, Desk(nothing))
    with pytest.raises(OperationFailed, match="worker 1 answered what is no answer") as raised:
        await crew.lines.ask(ONE, "list", {}, Listener())
    assert raised.value.failure.kind == WORKER_LIES
    assert told == [(Identity(ONE, 1), "FormatError")]
