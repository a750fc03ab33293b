"""Readers get what they want, in order, and never hold up who tells."""

import asyncio

import pytest

from perdure.actors.ids import IdFactory
from perdure.runtime.observe.stream import EVENTS, EventStream, StreamEvent, Wanted, outcomes_of

LOBBY = IdFactory("app-Room").id_from_name("lobby")
HALL = IdFactory("app-Room").id_from_name("hall")


def names(found: tuple[list[StreamEvent], int] | None) -> list[str]:
    assert found is not None
    return [event.name for event in found[0]]


async def test_events_come_in_their_order_and_all_that_wait_at_once() -> None:
    stream = EventStream()
    reader = stream.open(Wanted())
    for name in ("alarm", "error", "log"):
        stream.tell(name, LOBBY, {})
    assert names(await reader.next()) == ["alarm", "error", "log"]


async def test_a_reader_that_waits_is_woken_by_the_next_event() -> None:
    stream = EventStream()
    reader = stream.open(Wanted())
    waiting = asyncio.ensure_future(reader.next())
    await asyncio.sleep(0)
    stream.tell("alarm", LOBBY, {"outcome": "ok"})
    found = await waiting
    assert found is not None
    [event] = found[0]
    assert (event.name, event.actor_id, event.fields) == ("alarm", LOBBY, {"outcome": "ok"})


async def test_a_slow_reader_loses_the_newest_and_learns_how_many_and_others_lose_nothing() -> None:
    stream = EventStream()
    slow, quick = stream.open(Wanted(), events_max=2), stream.open(Wanted(), events_max=100)
    for number in range(5):
        stream.tell("log", None, {"number": number})
    found = await slow.next()
    assert found is not None
    assert [event.fields["number"] for event in found[0]] == [0, 1]
    assert found[1] == 3
    stream.tell("log", None, {"number": 5})
    found = await slow.next()
    assert found is not None
    assert ([event.fields["number"] for event in found[0]], found[1]) == ([5], 0)
    all_of_them = await quick.next()
    assert all_of_them is not None
    assert (len(all_of_them[0]), all_of_them[1]) == (6, 0)


async def test_what_waits_at_the_end_is_still_read() -> None:
    stream = EventStream()
    reader = stream.open(Wanted())
    stream.tell("log", None, {})
    reader.end()
    assert names(await reader.next()) == ["log"]
    assert await reader.next() is None


async def test_the_end_wakes_who_waits() -> None:
    reader = EventStream().open(Wanted())
    waiting = asyncio.ensure_future(reader.next())
    await asyncio.sleep(0)
    reader.end()
    assert await waiting is None


async def test_who_makes_events_hears_which_are_wanted() -> None:
    wanted: list[frozenset[str]] = []
    stream = EventStream(wanted.append)
    one = stream.open(Wanted(frozenset({"alarm"})))
    two = stream.open(Wanted())
    stream.close(two)
    stream.close(one)
    assert wanted == [frozenset({"alarm"}), frozenset(EVENTS), frozenset({"alarm"}), frozenset()]


@pytest.mark.parametrize(
    ("wanted", "is_wanted"),
    [
        (Wanted(), True),
        (Wanted(names=frozenset({"request"})), False),
        (Wanted(names=frozenset({"alarm"}), unique_key="app-Room"), True),
        (Wanted(unique_key="app-Other"), False),
        (Wanted(actor_ids=frozenset({LOBBY.raw})), True),
        (Wanted(actor_ids=frozenset({HALL.raw})), False),
        (Wanted(statuses=frozenset({"error"})), True),
        (Wanted(statuses=frozenset({"ok", "404"})), False),
    ],
)
def test_a_reader_hears_what_it_wants(wanted: Wanted, is_wanted: bool) -> None:
    event = StreamEvent(0.0, "alarm", LOBBY, {"outcome": "error"})
    assert wanted.fits(event) is is_wanted


def test_who_wants_an_actors_events_hears_no_others() -> None:
    event = StreamEvent(0.0, "request", None, {"status": 200})
    assert not Wanted(unique_key="app-Room").fits(event)
    assert not Wanted(actor_ids=frozenset({LOBBY.raw})).fits(event)


@pytest.mark.parametrize(
    ("name", "fields", "outcomes"),
    [
        ("request", {"status": 404}, ("404", "4xx", "ok")),
        ("request", {"status": 503}, ("503", "5xx", "error")),
        ("error", {}, ("error",)),
        ("alarm", {"outcome": "ok"}, ("ok",)),
        ("message.sent", {}, ()),
    ],
)
def test_how_an_event_went(name: str, fields: dict[str, object], outcomes: tuple[str, ...]) -> None:
    assert outcomes_of(StreamEvent(0.0, name, None, fields)) == outcomes
