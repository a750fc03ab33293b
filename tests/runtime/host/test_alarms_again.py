"""Alarms that wait for their next try, that are set anew meanwhile, that come together."""

from collections.abc import Callable
from typing import Any

import pytest

from perdure.actors.alarm import AfterAlarm
from perdure.actors.clock import Timer
from perdure.actors.events import AlarmEvent, OnReply
from perdure.actors.ids import DurableObjectId
from perdure.runtime.host.alarms import DUE_AT_ONCE_MAX, AlarmScheduler, AlarmTarget
from perdure.storage.alarm_index import AlarmIndex
from tests.runtime.host.sleeper import Sleeper, now_ms, pass_time, start
from tests.world import World, turns

# While an alarm waits for its next try.


async def fail_once(world: World) -> tuple[Any, int]:
    """A stub whose alarm has failed, and when that was."""
    Sleeper.failures = 1
    stub = world.stub(Sleeper)
    due = now_ms(world)
    await stub.wake_at(due)
    await pass_time(world, 0)
    assert Sleeper.woken == [(due, 0)]
    return stub, due


async def test_an_alarm_set_anew_while_the_old_one_waits_comes_at_its_time_as_a_new_one(
    world: World, scheduler: AlarmScheduler
) -> None:
    stub, due = await fail_once(world)
    await stub.wake_at(due + 1000)
    await pass_time(world, 1.1)
    assert Sleeper.woken[1:] == [(due + 1000, 0)]
    await pass_time(world, 100)
    assert len(Sleeper.woken) == 2


async def test_an_alarm_deleted_while_it_waits_is_not_tried_again(
    world: World, scheduler: AlarmScheduler, index: AlarmIndex
) -> None:
    """Nor looked for again and again: that kept the process busy for ever."""
    stub, _ = await fail_once(world)
    await stub.never_mind()
    await pass_time(world, 10_000)
    assert len(Sleeper.woken) == 1
    assert index.next_time_ms() is None


async def test_setting_the_same_time_again_does_not_hurry_the_next_try(
    world: World, scheduler: AlarmScheduler
) -> None:
    class Undecided(Sleeper):
        async def try_it(self) -> None:
            with pytest.raises(LookupError):
                self.ctx.storage.transaction_sync(self.change)

        def change(self) -> None:
            self.ctx.storage.set_alarm(world.clock.time_ms() + 90_000)
            raise LookupError

    Sleeper.failures = 1
    stub = world.stub(Undecided)
    due = now_ms(world)
    await stub.wake_at(due)
    await pass_time(world, 0)
    await stub.try_it()
    await pass_time(world, 1.9)
    assert Sleeper.woken == [(due, 0)]
    await pass_time(world, 1)
    assert Sleeper.woken == [(due, 0), (due, 1)]


async def test_a_try_survives_the_eviction_of_its_actor(
    world: World, scheduler: AlarmScheduler
) -> None:
    Sleeper.failures = 4
    stub = world.stub(Sleeper)
    due = now_ms(world)
    await stub.wake_at(due)
    for _ in range(20):
        await pass_time(world, 3)
    assert Sleeper.woken == [(due, n) for n in range(5)]
    assert world.host.statistics().actors_evicted > 0


async def test_a_new_alarm_of_a_handler_that_was_then_reset_stands(
    world: World, scheduler: AlarmScheduler
) -> None:
    start_ms = now_ms(world)

    async def commit_and_abort(self: Sleeper) -> None:
        if len(self.woken) == 2:
            await self.ctx.storage.set_alarm(start_ms + 60_000)
            await self.ctx.storage.sync()
            self.ctx.abort("half way")

    Sleeper.then, Sleeper.failures = commit_and_abort, 1
    await world.stub(Sleeper).wake_at(start_ms)
    for _ in range(59):
        await pass_time(world, 1)
    assert Sleeper.woken == [(start_ms, 0), (start_ms, 1)]
    await pass_time(world, 2)
    assert Sleeper.woken[2:] == [(start_ms + 60_000, 0)], "and has not failed yet"
    await pass_time(world, 1000)
    assert len(Sleeper.woken) == 3


async def test_a_handler_that_deletes_its_alarm_and_is_then_reset_is_not_called_again(
    world: World, scheduler: AlarmScheduler
) -> None:
    async def commit_and_abort(self: Sleeper) -> None:
        await self.ctx.storage.delete_alarm()
        await self.ctx.storage.sync()
        self.ctx.abort("half way")

    Sleeper.then = commit_and_abort
    await world.stub(Sleeper).wake_at(now_ms(world))
    await pass_time(world, 1000)
    assert len(Sleeper.woken) == 1


async def test_an_actor_that_cannot_be_made_is_tried_again_until_it_can(
    world: World, scheduler: AlarmScheduler
) -> None:
    class Fragile(Sleeper):
        tries = 0

        def __init__(self, ctx: Any, env: Any) -> None:
            super().__init__(ctx, env)
            Fragile.tries += 1
            if 2 <= Fragile.tries <= 4:
                raise LookupError("cannot be made")

    due = now_ms(world) + 60_000
    await world.stub(Fragile).wake_at(due)
    for _ in range(60):
        await pass_time(world, 3)
    assert Fragile.tries == 5
    assert Sleeper.woken == [(due, 0)], "what the constructor does is no failure of the alarm"


# Many, and at the same time.


async def test_all_alarms_that_are_due_at_once_fire(
    world: World, scheduler: AlarmScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.runtime.host.alarms.DUE_AT_ONCE_MAX", 5)
    due = now_ms(world) + 1000
    for number in range(13):
        await world.stub(Sleeper, str(number)).wake_at(due)
    await pass_time(world, 1)
    await pass_time(world, 0)
    assert len(Sleeper.woken) == 13


class StepByStep:
    """A clock of which a test runs one timer at a time, and each look takes a while."""

    def __init__(self, look_s: float = 0.0) -> None:
        self.look_s = look_s
        self.now_s = 1e9
        self.timers: list[Callable[[], None]] = []

    def time_ms(self) -> int:
        return int(self.now_s * 1000)

    def monotonic(self) -> float:
        self.now_s += self.look_s
        return self.now_s

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        self.timers.append(callback)
        return NoTimer()

    def step(self) -> None:
        self.timers.pop(0)()


class NoTimer:
    def cancel(self) -> None:
        raise AssertionError("what is due at once is not put off")


class Receiver:
    """An actor that answers when the test says so."""

    def __init__(self) -> None:
        self.times: list[int] = []
        self.replies: list[OnReply] = []

    def deliver(self, actor_id: DurableObjectId, event: AlarmEvent, on_reply: OnReply) -> None:
        self.times.append(event.scheduled_time_ms)
        self.replies.append(on_reply)

    def find(
        self, unique_key: str, raw: bytes, name: str | None
    ) -> tuple[AlarmTarget, DurableObjectId]:
        return self, DurableObjectId(unique_key, raw, name)


def test_thousands_that_are_due_at_once_leave_the_loop_to_others_in_between(
    index: AlarmIndex,
) -> None:
    """As at a start after a long time: 5,000 alarms, none of their actors in memory."""
    most = 5000
    for number in range(most):
        index.put("room", number.to_bytes(32, "big"), 10**9 + most - number, None)
    clock, receiver = StepByStep(), Receiver()
    scheduler = AlarmScheduler(index, clock, receiver.find)
    scheduler.start()
    portions = [len(receiver.times)]
    while clock.timers:
        clock.step()
        portions.append(len(receiver.times) - sum(portions))
    assert portions == [DUE_AT_ONCE_MAX] * (most // DUE_AT_ONCE_MAX)
    assert receiver.times == sorted(receiver.times), "the earliest first"
    for reply in receiver.replies:
        reply((AfterAlarm.DONE, None), None)
    assert len(index) == 0
    assert clock.timers == []


def test_those_that_take_long_to_start_are_started_a_few_at_a_time(index: AlarmIndex) -> None:
    for number in range(9):
        index.put("room", number.to_bytes(32, "big"), number, None)
    clock, receiver = StepByStep(look_s=0.0021), Receiver()
    AlarmScheduler(index, clock, receiver.find).start()
    assert len(receiver.times) == 3
    clock.step()
    assert len(receiver.times) == 6


async def test_an_alarm_set_again_for_the_same_time_while_it_runs_fires_again(
    world: World, scheduler: AlarmScheduler, index: AlarmIndex
) -> None:
    """The answer of the one that ran says "no alarm"; it is older than the new one."""
    due = now_ms(world)
    stub = world.stub(Sleeper)
    await stub.wake_at(due)
    key = (stub.id.unique_key, stub.id.raw)
    receiver = Receiver()
    replies = receiver.replies
    scheduler._find_target = receiver.find
    scheduler.start()
    scheduler.committed(stub.id, due, lsn=2)  # one commit: the row taken away, and set anew
    world.clock.advance(0)
    assert len(replies) == 1, "it does not overlap with itself"
    replies.pop()((AfterAlarm.DONE, None), None)
    assert index.get(*key) == due
    world.clock.advance(0)
    assert len(replies) == 1
    replies.pop()((AfterAlarm.DONE, None), None)
    assert index.get(*key) is None
    assert scheduler._attempts == {}


async def test_one_deleted_by_another_event_while_it_fails_is_not_tried_again(
    world: World, scheduler: AlarmScheduler, index: AlarmIndex
) -> None:
    due = now_ms(world)
    stub = world.stub(Sleeper)
    receiver = Receiver()
    replies = receiver.replies
    scheduler._find_target = receiver.find
    scheduler.committed(stub.id, due, lsn=1)
    world.clock.advance(0)
    scheduler.committed(stub.id, None, lsn=2)
    replies.pop()((AfterAlarm.RETRY, due), None)
    world.clock.advance(100)
    assert replies == []
    assert scheduler._attempts == {}


async def test_the_name_is_looked_up_when_only_the_actors_own_file_knows_it(
    world: World, index: AlarmIndex
) -> None:
    """After a recovery from the log, which has no names, that is so."""
    names: list[str | None] = []

    async def note(self: Sleeper) -> None:
        names.append(self.ctx.id.name)

    Sleeper.woken, Sleeper.failures, Sleeper.then = [], 0, note
    scheduler = start(world, index)
    due = now_ms(world) + 60_000
    rooms = world.namespace(Sleeper)
    named, unnamed = rooms.get_by_name("the-name"), rooms.get(rooms.new_unique_id())
    for stub in (named, unnamed):
        await stub.wake_at(due)
    await pass_time(world, 30)
    assert world.live(Sleeper) == 0
    for stub in (named, unnamed):
        index.remove(stub.id.unique_key, stub.id.raw)
        index.put(stub.id.unique_key, stub.id.raw, due, None)
    await pass_time(world, 31)
    assert sorted(names, key=str) == [None, "the-name"]
    scheduler.close()


async def test_an_alarm_does_not_overlap_with_itself(
    world: World, scheduler: AlarmScheduler
) -> None:
    release = world.loop.create_future()
    running: list[str] = []

    async def wait(self: Sleeper) -> None:
        running.append("in")
        await release
        running.append("out")

    Sleeper.then = wait
    stub = world.stub(Sleeper)
    await stub.wake_at(now_ms(world))
    await pass_time(world, 0)
    await stub.wake_at(now_ms(world) + 1000)
    await pass_time(world, 5)
    assert running == ["in"]
    release.set_result(None)
    await turns()
    await pass_time(world, 0)
    assert running == ["in", "out"] * 2


async def test_nothing_happens_any_more_when_it_is_closed(
    world: World, scheduler: AlarmScheduler, index: AlarmIndex
) -> None:
    release = world.loop.create_future()

    async def wait(self: Sleeper) -> None:
        await release

    Sleeper.then = wait
    stub, other = world.stub(Sleeper), world.stub(Sleeper, "other")
    due = now_ms(world)
    await stub.wake_at(due)
    await pass_time(world, 0)
    scheduler.close()
    await other.wake_at(due)
    release.set_result(None)
    await pass_time(world, 10)
    scheduler.start()
    await turns()
    assert len(Sleeper.woken) == 1
    assert index.get(other.id.unique_key, other.id.raw) == due, "the next process finds it"
