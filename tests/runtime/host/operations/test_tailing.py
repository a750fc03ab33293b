"""Reading along as an operation: what is wanted, and what travels."""

import asyncio
from typing import Any

import pytest

from perdure.actors.ids import IdFactory
from perdure.actors.watch import watch
from perdure.runtime.host.operations.errors import NoSuchNamespace, OperatorError
from perdure.runtime.host.operations.house import Values
from perdure.runtime.host.operations.table import run
from perdure.runtime.observe.stream import EVENTS_MAX
from perdure.runtime.observe.taps import stream
from tests.town import KEY, Town

Told = tuple[str, Any, dict[str, object]]
LOBBY = IdFactory(KEY).id_from_name("lobby")


class Follower:
    """Who reads along; he can be held up."""

    def __init__(self) -> None:
        self.events: list[Values] = []
        self.began = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def progress(self, what: str, done: int, total: int | None) -> None:
        raise AssertionError("there is no progress")

    async def item(self, item: Values) -> None:
        self.events += item["events"]
        self.began.set()
        await self.may_go_on.wait()


async def followed(town: Town, *told: Told, **wanted: Any) -> Any:
    """What a reader gets of these events, up to the end of the server; and the result."""
    follower = Follower()
    task = asyncio.ensure_future(run(town.house, "tail", wanted, follower))
    await asyncio.wait(
        {task, begun := asyncio.ensure_future(follower.began.wait())}, return_when="FIRST_COMPLETED"
    )
    if task.done():
        begun.cancel()
        return task.result()
    for event in told:
        stream.tell(*event)
    for reader in town.house.readers:
        reader.end()
    result = await task
    assert not town.house.readers
    assert watch.tell is None
    return follower.events, result


async def test_an_event_travels_with_its_actor_by_class_and_name(town: Town) -> None:
    events, result = await followed(town, ("alarm", LOBBY, {"outcome": "ok"}))
    [event] = events
    assert event.pop("time_ms") > 1_600_000_000_000
    assert event == {
        "event": "alarm",
        "namespace": "Room",
        "name": "lobby",
        "id": str(LOBBY),
        "outcome": "ok",
    }
    assert result == {"lost": 0}


async def test_first_words_of_a_name_are_all_events_that_begin_so(town: Town) -> None:
    told: list[Told] = [
        (name, None, {}) for name in ("message.sent", "alarm", "message.received", "error")
    ]
    events, _ = await followed(town, *told, events=["message", "error"])
    assert [event["event"] for event in events] == ["message.sent", "message.received", "error"]


async def test_an_actor_is_found_by_its_name_in_any_namespace(town: Town) -> None:
    hall = IdFactory(KEY).id_from_name("hall")
    told: list[Told] = [
        ("alarm", hall, {}),
        ("alarm", LOBBY, {}),
        ("request", None, {"status": 200}),
    ]
    for wanted in ({"name": "lobby"}, {"name": "lobby", "namespace": "Room"}):
        events, _ = await followed(town, *told, **wanted)
        assert [event["name"] for event in events] == ["lobby"]


async def test_what_cannot_be_wanted_is_refused_with_a_hint(town: Town) -> None:
    with pytest.raises(OperatorError, match='no event "mesage"') as refused:
        await followed(town, events=["mesage"])
    assert "message" in refused.value.hint
    with pytest.raises(OperatorError, match='"600" is no status'):
        await followed(town, statuses=["600"])
    with pytest.raises(NoSuchNamespace):
        await followed(town, namespace="Rom")


async def test_fields_that_have_no_form_travel_as_text(town: Town) -> None:
    class Rude:
        def __str__(self) -> str:
            raise KeyError("no")

    fields: dict[str, object] = {
        "fields": {"rude": Rude(), 3: {"big": 2**70}},
        "surrogate": "\ud800",
        "pair": (1, None),
        "exception": KeyError("x"),
    }
    ([event], _) = await followed(town, ("log", None, fields))
    assert event["fields"] == {"rude": "<its __str__ raised KeyError>", "3": {"big": str(2**70)}}
    assert event["surrogate"] == "\\ud800"
    assert event["pair"] == [1, None]
    assert event["exception"]["type"] == "KeyError"


async def test_a_reader_who_is_held_up_learns_how_many_he_has_lost(town: Town) -> None:
    follower = Follower()
    task = asyncio.ensure_future(run(town.house, "tail", {"events": ["log"]}, follower))
    await follower.began.wait()
    follower.may_go_on.clear()
    for number in range(EVENTS_MAX + 10):
        stream.tell("log", None, {"number": number})
    follower.may_go_on.set()
    [reader] = town.house.readers
    reader.end()
    assert await task == {"lost": 10}
    assert [event.get("number") for event in follower.events] == [*range(EVENTS_MAX), None]
    assert follower.events[-1]["event"] == "events.lost"
    assert follower.events[-1]["count"] == 10


async def test_a_reader_who_leaves_is_forgotten(town: Town) -> None:
    follower = Follower()
    task = asyncio.ensure_future(run(town.house, "tail", {}, follower))
    await follower.began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not town.house.readers
    assert watch.tell is None
