"""One open database for an actor at most, in whatever hands."""

import asyncio

import pytest

from perdure.actors.errors import ActorReset
from perdure.actors.ids import IdFactory
from perdure.runtime.host.operations.errors import ActorBusy
from perdure.storage.kv import KeyValue
from tests.town import KEY, Room, Town
from tests.world import turns


async def test_the_database_of_a_live_actor_is_its_own(town: Town) -> None:
    await town.room().put(a=1)
    actor = town.host.custody.find_actor(KEY, town.id_of().raw)
    assert actor is not None
    with town.host.custody.borrow(KEY, town.id_of().raw) as database:
        assert database is actor.database
    assert database.is_open


async def test_what_is_lent_is_closed_when_the_last_one_gives_it_back(town: Town) -> None:
    await town.room().put(a=1)
    town.evict()
    raw = town.id_of().raw
    with town.host.custody.borrow(KEY, raw) as first:
        with town.host.custody.borrow(KEY, raw) as second:
            assert first is second
            assert KeyValue(second).get("a") == 1
        assert first.is_open
    assert not first.is_open


async def test_an_actor_that_starts_meanwhile_takes_over_what_is_lent(town: Town) -> None:
    await town.room().put(a=1)
    town.evict()
    with town.host.custody.borrow(KEY, town.id_of().raw) as lent:
        assert KeyValue(lent).get("a") == 1
        await town.room().put(b=2)
        assert KeyValue(lent).get("b") == 2
    assert lent.is_open  # it is the actor's now
    assert await town.room().get("b") == 2


async def test_nothing_that_has_failed_is_taken_over(town: Town) -> None:
    await town.room().put(a=1)
    town.evict()
    with town.host.custody.borrow(KEY, town.id_of().raw) as lent:
        lent.fail(OSError("the disk"))
        assert await town.room().get("a") == 1


async def test_events_wait_while_there_is_no_actor_and_come_in_order(town: Town) -> None:
    await town.room().put(a=1)
    raw = town.id_of().raw

    async def work() -> list["asyncio.Future[None]"]:
        calls = [asyncio.ensure_future(town.room().put(a=number)) for number in range(3)]
        await turns()
        assert not town.is_live()
        assert not any(call.done() for call in calls)
        with pytest.raises(ActorBusy), town.host.custody.borrow(KEY, raw):
            pass
        assert await town.room("other").get("a") is None  # others are not held back
        return calls

    await asyncio.gather(*await town.host.custody.without(town.id_of(), "a test", work))
    assert await town.room().get("a") == 2


async def test_what_is_lent_is_closed_before_the_file_is_replaced(town: Town) -> None:
    await town.room().put(a=1)
    town.evict()

    async def work() -> None:
        assert not lent.is_open

    with town.host.custody.borrow(KEY, town.id_of().raw) as lent:
        KeyValue(lent).get("a")
        await town.host.custody.without(town.id_of(), "a test", work)


async def test_a_caller_is_told_why_its_actor_ended(town: Town) -> None:
    Room.over = asyncio.Event()
    call = asyncio.ensure_future(town.room().in_transaction())
    await turns()
    await town.host.custody.without(town.id_of(), "the operator was here", turns)
    with pytest.raises(ActorReset, match="the operator was here"):
        await call


async def test_an_actor_without_a_program_is_held_back_too(town: Town) -> None:
    other = IdFactory("app-Gone").id_from_name("a")

    async def work() -> None:
        with pytest.raises(ActorBusy), town.host.custody.borrow("app-Gone", other.raw):
            pass
        with pytest.raises(ActorBusy):
            await town.host.custody.without(other, "again", turns)

    with town.host.custody.borrow("app-Gone", other.raw) as lent:
        lent.rows("SELECT 1")
        await town.host.custody.without(other, "a test", work)
        assert not lent.is_open
    with town.host.custody.borrow("app-Gone", other.raw):
        pass


async def test_live_actors_are_known_by_name(town: Town) -> None:
    await town.room("a").put(x=1)
    await town.rooms.get(town.rooms.new_unique_id()).put(x=1)
    assert town.host.custody.live_names(KEY) == ["a"]
    assert town.host.custody.live_names("app-Gone") == []
    assert town.host.custody.find_actor("app-Gone", b"") is None
