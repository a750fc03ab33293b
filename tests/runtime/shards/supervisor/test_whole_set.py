"""All workers replaced at once: by others, and by another number of them."""

import asyncio
import json
import os
import signal

import pytest

from perdure.runtime.shards.supervisor.errors import ChildFailed, SupervisorStopping
from perdure.runtime.shards.supervisor.keeper import Settings
from perdure.runtime.shards.supervisor.places import Identity, Place, Role
from tests.runtime.shards.supervisor.children import FIRST, ROUTER, SECOND, Hearer, Staff
from tests.runtime.shards.supervisor.test_keeper import FAST_BACKOFF

# What differs between event loops, test_child.py and test_control.py have on both.
pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_factories=["uvloop"])]

THIRD = Place(Role.WORKER, "2")


def lines(staff: Staff, since: int) -> list[str]:
    """What happened, without generations."""
    return [line.rpartition(" of ")[0] or line for line in staff.journal()[since:]]


def slots(staff: Staff) -> list[str]:
    return [c.slot for c in staff.supervisor.statistics().processes if c.role is Role.WORKER]


async def test_nobody_lives_between_the_old_ones_and_the_new_ones(staff: Staff) -> None:
    await staff.supervisor.start([ROUTER, FIRST, SECOND])
    router, since = staff.process(ROUTER).pid, len(staff.journal())

    async def between() -> None:
        staff.journal_file.write_text(staff.journal_file.read_text() + "between\n")

    await staff.supervisor.replace_set([FIRST, SECOND, THIRD], drain_s=30, between=between)
    said = lines(staff, since)
    steps = [
        {f"ready worker {slot}" for slot in "012"},
        {f"{word} worker {slot}" for word in ("draining together", "drained") for slot in "01"},
        {f"stopped worker {slot}" for slot in "01"},
        {"between"},
        {f"{word} {slot}" for word in ("sealed worker",) for slot in "01"}
        | {f"serving worker {slot}" for slot in "012"},
    ]
    for step in steps:
        assert set(said[: len(step)]) == step
        del said[: len(step)]
    assert said == []
    assert slots(staff) == ["0", "1", "2"]
    await staff.supervisor.replace_set([FIRST], drain_s=30)
    assert slots(staff) == ["0"]
    assert staff.process(FIRST).restarts == 0
    assert staff.process(ROUTER).pid == router


async def test_new_ones_that_cannot_get_ready_change_nothing(staff: Staff) -> None:
    await staff.supervisor.start([FIRST, SECOND])
    before = [staff.process(place).pid for place in (FIRST, SECOND)]

    def broken(identity: Identity) -> Settings:
        usual = json.loads(staff.settings_of(identity).data)
        if identity.place == SECOND:
            usual["prepare"] = "fail"
        return Settings(json.dumps(usual).encode())

    async def between() -> None:
        raise AssertionError("nobody has gone")

    with pytest.raises(ChildFailed, match="no_such_module"):
        await staff.supervisor.replace_set(
            [FIRST, SECOND], drain_s=30, settings_of=broken, between=between
        )
    assert [staff.process(place).pid for place in (FIRST, SECOND)] == before
    await staff.until(lambda: len(staff.supervisor.statistics().processes) == 2)


async def test_the_old_places_are_filled_again_when_what_comes_between_fails(
    staff: Staff,
) -> None:
    await staff.supervisor.start([FIRST, SECOND])

    async def between() -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        await staff.supervisor.replace_set([FIRST], drain_s=30, between=between)
    for place in (FIRST, SECOND):
        await staff.until_served(place, 4)


async def test_one_that_cannot_serve_is_tried_again_and_the_others_serve(
    staff: Staff, logged: Hearer
) -> None:
    staff.supervise(FAST_BACKOFF)
    await staff.supervisor.start([FIRST, SECOND])

    def broken(identity: Identity) -> Settings:
        usual = json.loads(staff.settings_of(identity).data)
        if identity.place == SECOND:
            usual["serve"] = "fail"
        return Settings(json.dumps(usual).encode())

    with pytest.raises(ChildFailed, match="the log is damaged"):
        await staff.supervisor.replace_set([FIRST, SECOND], drain_s=30, settings_of=broken)
    assert staff.process(FIRST).generation == 3
    await staff.until_served(SECOND, 5)
    assert logged.records.qsize() > 0


async def test_one_that_dies_meanwhile_is_not_followed_by_two(staff: Staff) -> None:
    await staff.supervisor.start([FIRST, SECOND])

    async def between() -> None:
        pass

    os.kill(staff.process(SECOND).pid, signal.SIGKILL)
    await staff.supervisor.replace_set([FIRST, SECOND], drain_s=30, between=between)
    assert slots(staff) == ["0", "1"]


async def test_it_ends_with_the_supervisor(staff: Staff) -> None:
    await staff.supervisor.start([FIRST])
    is_between = asyncio.Event()

    async def between() -> None:
        is_between.set()
        await asyncio.Event().wait()

    changing = asyncio.ensure_future(
        staff.supervisor.replace_set([FIRST, SECOND], drain_s=30, between=between)
    )
    await is_between.wait()
    await staff.supervisor.drain_and_stop(asyncio.get_running_loop().time() + 30)
    with pytest.raises(SupervisorStopping):
        await changing
    with pytest.raises(SupervisorStopping):
        await staff.supervisor.replace_set([FIRST], drain_s=30)
