"""One open database for an actor at most, in whatever hands."""

import asyncio
from dataclasses import replace

import pytest

from perdure.actors.errors import ActorOverloaded
from perdure.runtime.host.operations.errors import ActorBusy
from perdure.storage.kv import KeyValue
from tests.town import KEY, Town
from tests.world import turns


async def test_the_database_of_a_live_actor_is_its_own(town: Town) -> None:
    await town.room().put(a=1)
    actor = town.host.find_actor(KEY, town.id_of().raw)
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


async def test_events_wait_for_an_actor_that_is_held_back_and_come_in_order(town: Town) -> None:
    await town.room().put(a=1)
    town.evict()
    raw = town.id_of().raw
    with town.host.custody.hold_back(KEY, raw):
        calls = [asyncio.ensure_future(town.room().put(a=number)) for number in range(3)]
        await turns()
        assert not town.is_live()
        assert not any(call.done() for call in calls)
        with pytest.raises(ActorBusy), town.host.custody.borrow(KEY, raw):
            pass
        with pytest.raises(ActorBusy), town.host.custody.hold_back(KEY, raw):
            pass
        assert await town.room("other").get("a") is None  # others are not held back
    await asyncio.gather(*calls)
    assert await town.room().get("a") == 2


async def test_no_more_events_wait_than_a_mailbox_holds(town: Town) -> None:
    town.host.limits = replace(town.host.limits, mailbox_events_max=1)
    with town.host.custody.hold_back(KEY, town.id_of().raw):
        first = asyncio.ensure_future(town.room().get("a"))
        await turns()
        with pytest.raises(ActorOverloaded):
            await town.room().get("a")
    assert await first is None


async def test_what_is_lent_is_closed_when_its_actor_is_held_back(town: Town) -> None:
    await town.room().put(a=1)
    town.evict()
    raw = town.id_of().raw
    with town.host.custody.borrow(KEY, raw) as lent:
        KeyValue(lent).get("a")
        with town.host.custody.hold_back(KEY, raw):
            assert not lent.is_open
