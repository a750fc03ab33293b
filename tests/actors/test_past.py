"""``ctx.storage`` and the past: bookmarks, and what the actor starts from next."""

from datetime import UTC, datetime

import pytest

from perdure.actors.past import Past
from perdure.runtime.host.past import HostPast
from perdure.storage.bookmark import Bookmark
from perdure.storage.errors import InvalidBookmark, UsageError
from tests.world import FakePast, Lab, World


def test_the_host_answers_what_actors_ask() -> None:
    answers: type[Past] = HostPast
    assert answers is HostPast


async def test_a_bookmark_covers_what_was_written_before_it(world: World) -> None:
    async def script(lab: Lab) -> tuple[str, bool]:
        lab.ctx.storage.kv.put("key", 1)
        bookmark = await lab.ctx.storage.get_current_bookmark()
        database = lab.ctx.storage._actor.database
        return bookmark, database.has_writes

    bookmark, has_writes = await world.inside(script)
    assert Bookmark.parse(bookmark).commit == world.past.commit
    assert not has_writes


@pytest.mark.parametrize("time", [12_000, 12_000.5, datetime.fromtimestamp(12, UTC)])
async def test_a_time_of_the_past_has_a_bookmark(world: World, time: float | datetime) -> None:
    found = await world.inside(lambda lab: lab.ctx.storage.get_bookmark_for_time(time))
    assert Bookmark.parse(found).commit == 12


async def test_a_time_to_come_is_now(world: World) -> None:
    later = world.clock.time_ms() + 1
    found = await world.inside(lambda lab: lab.ctx.storage.get_bookmark_for_time(later))
    assert Bookmark.parse(found).commit == world.past.commit


async def test_what_is_no_time_is_refused(world: World) -> None:
    with pytest.raises(UsageError, match="get_bookmark_for_time"):
        await world.inside(lambda lab: lab.ctx.storage.get_bookmark_for_time("noon"))  # type: ignore[arg-type]


async def test_the_host_is_told_what_to_start_from(world: World) -> None:
    async def script(lab: Lab) -> tuple[str, str]:
        wanted = await lab.ctx.storage.get_bookmark_for_time(3_000)
        return wanted, await lab.ctx.storage.on_next_session_restore_bookmark(wanted)

    wanted, undo = await world.inside(script)
    assert [str(bookmark) for _, bookmark in world.past.restores] == [wanted]
    assert Bookmark.parse(undo).commit == world.past.commit


async def test_nothing_else_runs_while_the_past_is_asked(world: World) -> None:
    order: list[str] = []

    async def script(lab: Lab) -> None:
        await lab.ctx.storage.get_bookmark_for_time(3_000)
        order.append("asked")

    async def other(lab: Lab) -> None:
        del lab
        order.append("other")

    first = world.inside(script)
    second = world.inside(other)
    await first
    await second
    assert order == ["asked", "other"]


async def test_anothers_bookmark_is_refused(world: World) -> None:
    mark = await world.inside(lambda lab: lab.ctx.storage.get_current_bookmark(), "one")
    with pytest.raises(InvalidBookmark, match="another actor's"):
        await world.inside(
            lambda lab: lab.ctx.storage.on_next_session_restore_bookmark(mark), "two"
        )
    with pytest.raises(InvalidBookmark, match="is not a bookmark"):
        await world.inside(lambda lab: lab.ctx.storage.on_next_session_restore_bookmark("x"))
    assert isinstance(world.past, FakePast)
    assert world.past.restores == []


async def test_a_transaction_has_no_bookmark(world: World) -> None:
    async def script(lab: Lab) -> None:
        async def inside(_: object) -> None:
            await lab.ctx.storage.get_current_bookmark()

        await lab.ctx.storage.transaction(inside)

    with pytest.raises(UsageError, match="outside of the transaction"):
        await world.inside(script)
