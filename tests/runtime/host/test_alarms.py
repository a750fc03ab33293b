"""Alarms: at least once, at their time, through failures, evictions and restarts."""

from itertools import pairwise
from typing import Any

import pytest

from perdure.runtime.host.alarms import AlarmScheduler
from perdure.storage.alarm_index import AlarmIndex
from tests.runtime.host.sleeper import Sleeper, now_ms, pass_time, start
from tests.world import World, turns


async def test_an_alarm_fires_at_its_time_and_not_before(
    world: World, scheduler: AlarmScheduler
) -> None:
    due = now_ms(world) + 5000
    stub = world.stub(Sleeper)
    await stub.wake_at(due)
    await pass_time(world, 4.9)
    assert Sleeper.woken == []
    await pass_time(world, 0.2)
    assert Sleeper.woken == [(due, 0)]
    assert await stub.when() is None
    await pass_time(world, 10_000)
    assert len(Sleeper.woken) == 1


async def test_one_in_the_past_fires_at_once(world: World, scheduler: AlarmScheduler) -> None:
    await world.stub(Sleeper).wake_at(1)
    await pass_time(world, 0)
    assert Sleeper.woken == [(now_ms(world), 0)]


async def test_an_actor_that_has_left_memory_is_made_for_its_alarm(
    world: World, scheduler: AlarmScheduler
) -> None:
    due = now_ms(world) + 60_000
    await world.stub(Sleeper).wake_at(due)
    await pass_time(world, 30)
    assert world.live(Sleeper) == 0
    await pass_time(world, 31)
    assert Sleeper.woken == [(due, 0)]


async def test_a_new_time_replaces_the_old_one(world: World, scheduler: AlarmScheduler) -> None:
    stub = world.stub(Sleeper)
    start_ms = now_ms(world)
    await stub.wake_at(start_ms + 1000)
    await stub.wake_at(start_ms + 5000)
    await pass_time(world, 2)
    assert Sleeper.woken == []
    await stub.wake_at(start_ms + 3000)
    await pass_time(world, 1)
    assert Sleeper.woken == [(start_ms + 3000, 0)]
    await pass_time(world, 5)
    assert len(Sleeper.woken) == 1


async def test_a_deleted_alarm_does_not_fire(
    world: World, scheduler: AlarmScheduler, index: AlarmIndex
) -> None:
    stub = world.stub(Sleeper)
    await stub.wake_at(now_ms(world) + 1000)
    await stub.never_mind()
    assert index.next_time_ms() is None
    await pass_time(world, 2)
    assert Sleeper.woken == []


async def test_many_alarms_fire_in_the_order_of_their_times(
    world: World, scheduler: AlarmScheduler
) -> None:
    start_ms = now_ms(world)
    for seconds in (7, 3, 5, 1):
        await world.stub(Sleeper, f"actor-{seconds}").wake_at(start_ms + seconds * 1000)
    await pass_time(world, 8)
    assert [time_ms - start_ms for time_ms, _ in Sleeper.woken] == [1000, 3000, 5000, 7000]


async def test_a_handler_that_raises_is_tried_again_with_growing_delays(
    world: World, scheduler: AlarmScheduler
) -> None:
    Sleeper.failures = 3
    due = now_ms(world)
    await world.stub(Sleeper).wake_at(due)
    times: list[float] = []
    for _ in range(400):
        before = len(Sleeper.woken)
        await pass_time(world, 0.1)
        if len(Sleeper.woken) > before:
            times.append(world.clock.monotonic())
    assert Sleeper.woken == [(due, 0), (due, 1), (due, 2), (due, 3)]
    delays = [later - earlier for earlier, later in pairwise(times)]
    for delay, least in zip(delays, (2, 4, 8), strict=True):
        assert least - 0.2 <= delay <= least * 1.25 + 0.2


async def test_after_six_retries_it_is_given_up(
    world: World, scheduler: AlarmScheduler, caplog: pytest.LogCaptureFixture
) -> None:
    Sleeper.failures = 100
    stub = world.stub(Sleeper)
    await stub.wake_at(now_ms(world))
    for _ in range(200):
        await pass_time(world, 2)
    assert len(Sleeper.woken) == 7
    assert await stub.when() is None
    assert "alarm.given_up" in caplog.text


async def test_between_retries_the_alarm_still_has_its_time(
    world: World, scheduler: AlarmScheduler
) -> None:
    Sleeper.failures = 1
    stub = world.stub(Sleeper)
    due = now_ms(world)
    await stub.wake_at(due)
    await pass_time(world, 0.1)
    assert len(Sleeper.woken) == 1
    assert await stub.when() == due


async def test_an_alarm_set_by_the_handler_stands_also_when_the_handler_then_raises(
    world: World, scheduler: AlarmScheduler
) -> None:
    start_ms = now_ms(world)

    async def again(self: Sleeper) -> None:
        if len(self.woken) == 1:
            await self.ctx.storage.set_alarm(start_ms + 60_000)

    Sleeper.then, Sleeper.failures = again, 1
    await world.stub(Sleeper).wake_at(start_ms)
    await pass_time(world, 30)
    assert Sleeper.woken == [(start_ms, 0)]
    await pass_time(world, 31)
    assert Sleeper.woken == [(start_ms, 0), (start_ms + 60_000, 0)]


async def test_a_handler_that_keeps_setting_its_alarm_ticks(
    world: World, scheduler: AlarmScheduler
) -> None:
    async def tick(self: Sleeper) -> None:
        await self.ctx.storage.set_alarm(world.clock.time_ms() + 1000)

    Sleeper.then = tick
    await world.stub(Sleeper).wake_at(now_ms(world))
    for _ in range(5):
        await pass_time(world, 1)
    assert len(Sleeper.woken) == 5


async def test_an_actor_reset_in_its_handler_is_tried_again_and_not_counted(
    world: World, scheduler: AlarmScheduler
) -> None:
    async def abort(self: Sleeper) -> None:
        if len(self.woken) < 9:
            self.ctx.abort("half way")

    Sleeper.then = abort
    due = now_ms(world)
    await world.stub(Sleeper).wake_at(due)
    for _ in range(3000):
        await pass_time(world, 2)
    assert Sleeper.woken == [(due, 0)] * 9


async def test_an_index_ahead_of_the_row_finds_nothing_and_is_put_right(
    world: World, scheduler: AlarmScheduler, index: AlarmIndex
) -> None:
    stub = world.stub(Sleeper)
    row = now_ms(world) + 50_000
    await stub.wake_at(row)
    # As a crash leaves it: the index had moved earlier, the row had not been committed.
    index.put(stub.id.unique_key, stub.id.raw, now_ms(world), None)
    scheduler.start()
    await turns()
    assert Sleeper.woken == []
    assert index.next_time_ms() == row
    other = world.stub(Sleeper, "other")
    index.put(other.id.unique_key, other.id.raw, now_ms(world), None)
    scheduler.start()
    await turns()
    assert Sleeper.woken == []
    assert index.get(other.id.unique_key, other.id.raw) is None


async def test_alarms_are_found_again_after_a_restart_with_the_name(
    world: World, scheduler: AlarmScheduler, index: AlarmIndex
) -> None:
    names: list[str | None] = []

    async def note(self: Sleeper) -> None:
        names.append(self.ctx.id.name)

    Sleeper.then = note
    due = now_ms(world) + 1000
    await world.stub(Sleeper, "the-name").wake_at(due)
    scheduler.close()
    await pass_time(world, 20)
    assert Sleeper.woken == []
    start(world, index)
    await turns()
    assert Sleeper.woken == [(due, 0)]
    assert names == ["the-name"]


async def test_an_alarm_of_a_class_that_is_not_served_stays_and_disturbs_nobody(
    world: World, scheduler: AlarmScheduler, index: AlarmIndex, caplog: pytest.LogCaptureFixture
) -> None:
    index.put("gone-Class", b"x" * 32, now_ms(world), None)
    scheduler.start()
    await world.stub(Sleeper).wake_at(now_ms(world))
    await pass_time(world, 1)
    assert len(Sleeper.woken) == 1
    assert index.get("gone-Class", b"x" * 32) is not None
    assert caplog.text.count("alarm.without_class") == 1


async def test_one_set_for_far_away_is_armed_in_stages(
    world: World, scheduler: AlarmScheduler
) -> None:
    due = now_ms(world) + 40 * 86_400_000
    await world.stub(Sleeper).wake_at(due)
    await pass_time(world, 39 * 86_400)
    assert Sleeper.woken == []
    await pass_time(world, 86_401)
    assert Sleeper.woken == [(due, 0)]


async def test_the_index_says_what_the_row_says(
    world: World, scheduler: AlarmScheduler, index: AlarmIndex
) -> None:
    actor_id = world.stub(Sleeper).id
    for time_ms in (2_000_000_000, 3_000_000_000, 1_500_000_000, None):
        scheduler.committed(actor_id, time_ms, lsn=1)
        assert index.get(actor_id.unique_key, actor_id.raw) == time_ms


async def test_a_rolled_back_change_leaves_the_alarm_as_it_was(
    world: World, scheduler: AlarmScheduler
) -> None:
    class Undecided(Sleeper):
        async def try_it(self) -> None:
            async def change(txn: Any) -> None:
                await txn.set_alarm(world.clock.time_ms() + 90_000)
                raise LookupError

            with pytest.raises(LookupError):
                await self.ctx.storage.transaction(change)

    stub = world.stub(Undecided)
    due = now_ms(world) + 1000
    await stub.wake_at(due)
    await stub.try_it()
    assert await stub.when() == due
    await pass_time(world, 2)
    assert Sleeper.woken == [(due, 0)]
