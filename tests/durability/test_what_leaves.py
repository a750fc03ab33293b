"""Nothing leaves an actor before what it had written or read is durable; no more waits than that."""

import asyncio
from typing import Any

import pytest

from perdure.actors.base import DurableObject
from perdure.actors.errors import ActorReset
from perdure.actors.fetch import fetch
from perdure.storage.errors import StorageBroken
from tests.durability.conftest import HeldDisk
from tests.world import World, turns

LATER = 2_000_000_000  # in milliseconds; the clock stands at half of it


class Room(DurableObject):
    async def put(self, key: str, value: Any) -> Any:
        await self.ctx.storage.put(key, value)
        return value

    async def put_unconfirmed(self, key: str, value: Any) -> Any:
        await self.ctx.storage.put(key, value, allow_unconfirmed=True)
        return value

    async def put_both(self, key: str, value: Any) -> Any:
        await self.ctx.storage.put(key, value, allow_unconfirmed=True)
        await self.ctx.storage.put("other", value)
        return value

    async def unconfirmed_and_sync(self, key: str, value: Any) -> Any:
        await self.ctx.storage.put(key, value, allow_unconfirmed=True)
        await self.ctx.storage.sync()
        return value

    async def get(self, key: str) -> Any:
        return await self.ctx.storage.get(key)

    async def ping(self) -> str:
        return "pong"

    async def put_and_wait(self, key: str) -> None:
        await self.ctx.storage.put(key, "waited")
        await asyncio.sleep(0)

    async def put_later(self, key: str) -> None:
        async def later() -> None:
            await asyncio.sleep(0)
            await self.ctx.storage.put(key, "later")

        self.later = asyncio.create_task(later())

    async def put_and_fetch(self) -> None:
        await self.ctx.storage.put("fetches", 1)
        await fetch("http://example.com/")

    async def put_and_sync(self, log: str) -> str:
        await self.ctx.storage.put("synced", log)
        await self.ctx.storage.sync()
        await self.ctx.storage.put("log", (await self.ctx.storage.get("log") or "") + log)
        return log

    async def put_and_abort(self) -> None:
        await self.ctx.storage.put("x", "before the reset")
        await asyncio.sleep(0.001)
        self.ctx.abort("on purpose")

    async def alarm(self) -> None:
        """Alarms may be set."""

    async def set_alarm(self, time_ms: int) -> None:
        await self.ctx.storage.set_alarm(time_ms)


async def start(call: Any) -> "asyncio.Future[Any]":
    """Send ``call``, and see that it comes to rest."""
    future: asyncio.Future[Any] = asyncio.ensure_future(call)
    await turns()
    return future


async def room_on_a_held_disk(world: World, disk: HeldDisk) -> Any:
    """A room whose x is 0; what is written from now on is durable when the test lets it be."""
    room = world.stub(Room)
    await room.put("x", 0)
    disk.is_held = True
    return room


async def test_a_reply_waits_for_the_sync_that_covers_it(world: World, disk: HeldDisk) -> None:
    room = await room_on_a_held_disk(world, disk)
    reply = await start(room.put("x", 1))
    await disk.is_reached()
    assert not reply.done()
    disk.let_one_go()
    assert await reply == 1


async def test_a_reply_that_tells_of_a_pending_write_waits_too(
    world: World, disk: HeldDisk
) -> None:
    room = await room_on_a_held_disk(world, disk)
    written = await start(room.put("x", 1))
    await disk.is_reached()
    read = await start(room.get("x"))
    pong = await start(room.ping())
    assert not read.done()
    assert not pong.done()  # it cannot be known not to tell of it
    disk.let_one_go()
    assert [await written, await read, await pong] == [1, 1, "pong"]


async def test_others_do_not_wait_for_an_actor_that_writes(world: World, disk: HeldDisk) -> None:
    await world.stub(Room, "b").put("x", "b's")
    disk.is_held = True
    written = await start(world.stub(Room, "a").put("x", 1))
    assert await world.stub(Room, "b").get("x") == "b's"
    assert not written.done()


async def test_a_reply_waits_for_its_own_commit_and_for_no_later_one(
    world: World, disk: HeldDisk
) -> None:
    """Else an actor that writes all the time would never answer."""
    room = await room_on_a_held_disk(world, disk)
    first = await start(room.put("x", 1))
    await disk.is_reached()
    second = await start(room.put("x", 2))
    disk.let_one_go()
    assert await first == 1
    await disk.is_reached()
    assert not second.done()
    disk.let_one_go()
    assert await second == 2


async def test_a_call_to_another_actor_waits(world: World, disk: HeldDisk) -> None:
    rooms = world.namespace(Room)

    def count() -> int:
        return world.live(Room)

    await world.stub(Room, "a").put("x", 0)
    disk.is_held = True
    lab = await start(world.inside(lambda lab: _put_and_call(lab, rooms)))
    await disk.is_reached()
    assert count() == 1  # the other one has not been called, so it was not started
    disk.let_one_go()
    assert await lab is None
    assert count() == 2


async def _put_and_call(lab: Any, rooms: Any) -> Any:
    await lab.ctx.storage.put("calls", 1)
    return await rooms.get_by_name("other").get("x")


async def test_an_outgoing_request_waits(world: World, disk: HeldDisk) -> None:
    room = await room_on_a_held_disk(world, disk)
    await start(room.put_and_fetch())
    await disk.is_reached()
    assert world.outbound.sent == []
    disk.let_one_go()
    while not world.outbound.sent:
        await asyncio.sleep(0)


async def test_frames_wait(world: World, disk: HeldDisk) -> None:
    socket, link = await world.accepted()

    async def script(lab: Any) -> None:
        socket.send("knows nothing")
        await asyncio.sleep(0)
        await lab.ctx.storage.put("x", 1)
        socket.send("knows of x")

    disk.is_held = True
    done = await start(world.inside(script))
    await disk.is_reached()
    assert link.sent == ["knows nothing"]
    disk.let_all_go()
    await done
    assert link.sent == ["knows nothing", "knows of x"]


async def test_the_alarm_index_in_memory_does_not_wait_for_the_disk(
    world: World, disk: HeldDisk
) -> None:
    """A crash takes it along; what is saved of it waits (tests/storage/test_store_alarms.py)."""
    room = world.stub(Room)
    await room.set_alarm(LATER + 5000)
    disk.is_held = True
    reply = await start(room.set_alarm(LATER + 9000))
    await disk.is_reached()
    assert world.alarms.committed_ms == [LATER + 5000, LATER + 9000]
    assert not reply.done()
    disk.let_one_go()
    await reply
    assert world.alarms.committed_ms == [LATER + 5000, LATER + 9000]


async def test_sync_ends_when_all_is_durable_and_nothing_runs_in_between(
    world: World, disk: HeldDisk
) -> None:
    room = await room_on_a_held_disk(world, disk)
    synced = await start(room.put_and_sync("a"))
    await disk.is_reached()
    other = await start(room.put_and_sync("b"))
    pong = await start(room.ping())
    assert not synced.done()
    assert not pong.done()
    disk.let_all_go()
    assert [await synced, await other, await pong] == ["a", "b", "pong"]
    assert await room.get("log") == "ab"


async def test_a_successor_does_not_tell_of_what_is_not_durable_yet(
    world: World, disk: HeldDisk
) -> None:
    room = await room_on_a_held_disk(world, disk)
    aborted = await start(room.put_and_abort())
    with pytest.raises(ActorReset):
        await aborted
    read = await start(world.stub(Room).get("x"))
    assert not read.done()
    disk.let_all_go()
    assert await read == "before the reset"


async def test_an_actor_with_a_write_on_its_way_stays_in_memory(
    world: World, disk: HeldDisk
) -> None:
    room = await room_on_a_held_disk(world, disk)
    future = await start(room.put_and_wait("y"))
    await disk.is_reached()
    world.clock.advance(60)
    assert world.live(Room) == 1
    disk.let_all_go()
    await future
    world.clock.advance(60)
    assert world.live(Room) == 0
    assert await world.stub(Room).get("y") == "waited"


async def test_a_write_that_nobody_waits_for_keeps_its_actor_in_memory(
    world: World, disk: HeldDisk
) -> None:
    room = await room_on_a_held_disk(world, disk)
    await room.put_later("y")  # has replied: nothing was written by then
    await disk.is_reached()
    world.clock.advance(60)
    assert world.live(Room) == 1
    disk.let_all_go()
    assert await room.get("y") == "later"


async def test_code_after_sync_runs_when_all_is_durable(world: World, disk: HeldDisk) -> None:
    """It may speak through a library that no gate holds back."""
    room = world.stub(Room)
    await room.put("x", 0)
    said: list[str] = []

    async def script(lab: Any) -> None:
        await lab.ctx.storage.put("x", 1)
        await lab.ctx.storage.sync()
        said.append("x is 1")

    disk.is_held = True
    done = await start(world.inside(script))
    await disk.is_reached()
    assert said == []
    disk.let_all_go()
    await done
    assert said == ["x is 1"]


async def test_when_the_log_fails_nothing_is_acknowledged_ever_again(
    world: World, disk: HeldDisk
) -> None:
    a, b = world.stub(Room, "a"), world.stub(Room, "b")
    await b.put("x", 1)
    _socket, link = await world.accepted()
    disk.is_held = True
    written = await start(a.put("x", 1))
    await disk.is_reached()
    read = await start(a.get("x"))
    disk.fail()
    for call in (written, read):
        with pytest.raises(StorageBroken, match="Input/output error"):
            await call
    disk.let_all_go()
    for call in (a.get("x"), a.put("x", 2), b.get("x"), b.ping(), world.stub(Room, "new").ping()):
        with pytest.raises(StorageBroken):
            await call
    assert [frame.code for frame in link.severed] == [1011]
    assert world.host.statistics().actors_live == 0


async def test_an_actors_own_failure_leaves_the_others_alone(world: World, disk: HeldDisk) -> None:
    a, b = world.stub(Room, "a"), world.stub(Room, "b")
    await a.put("x", 1)
    actor = next(iter(world.host.namespaces["test-Room"].live.values()))
    disk.is_held = True
    written = await start(b.put("x", 2))
    await disk.is_reached()
    actor.break_(ActorReset("its database failed"))
    disk.let_all_go()
    assert await written == 2
    assert await a.get("x") == 1


async def test_what_need_not_be_confirmed_holds_neither_its_reply_nor_one_that_read_it(
    world: World, disk: HeldDisk
) -> None:
    room = await room_on_a_held_disk(world, disk)
    assert await room.put_unconfirmed("x", 1) == 1
    await disk.is_reached()
    assert await room.get("x") == 1
    assert await room.put_unconfirmed("x", 2) == 2
    disk.let_all_go()


async def test_a_turn_that_wrote_both_ways_waits(world: World, disk: HeldDisk) -> None:
    room = await room_on_a_held_disk(world, disk)
    reply = await start(room.put_both("x", 1))
    await disk.is_reached()
    assert not reply.done()
    disk.let_one_go()
    assert await reply == 1


async def test_what_need_not_be_confirmed_waits_behind_what_must_be(
    world: World, disk: HeldDisk
) -> None:
    room = await room_on_a_held_disk(world, disk)
    confirmed = await start(room.put("x", 1))
    await disk.is_reached()
    unconfirmed = await start(room.put_unconfirmed("y", 2))
    assert not unconfirmed.done()  # it may tell of x
    disk.let_one_go()
    assert await confirmed == 1
    assert await unconfirmed == 2  # though the commit of y is on its way
    await disk.is_reached()
    disk.let_all_go()


async def test_sync_waits_for_what_need_not_be_confirmed(world: World, disk: HeldDisk) -> None:
    room = await room_on_a_held_disk(world, disk)
    reply = await start(room.unconfirmed_and_sync("x", 1))
    await disk.is_reached()
    assert not reply.done()
    disk.let_one_go()
    assert await reply == 1


async def test_a_failed_sync_of_what_need_not_be_confirmed_breaks_the_actor(
    world: World, disk: HeldDisk
) -> None:
    room = await room_on_a_held_disk(world, disk)
    assert await room.put_unconfirmed("x", 1) == 1
    await disk.is_reached()
    disk.fail()
    while world.live(Room):
        await asyncio.sleep(0)
    with pytest.raises(StorageBroken):
        await world.stub(Room).get("x")
