"""Routers whose successors serve: how they are seen out."""

import os
import signal

import pytest

from perdure.runtime.shards.supervisor.errors import ChildFailed
from perdure.runtime.shards.supervisor.places import Place, Role
from perdure.runtime.shards.supervisor.relays import Succession
from perdure.runtime.shards.supervisor.states import ChildState
from perdure.runtime.shards.supervisor.statistics import ProcessStatistics
from tests.runtime.shards.supervisor.children import FIRST, ROUTER, Hearer, Staff

# What differs between event loops, test_child.py and test_control.py have on both.
pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_factories=["uvloop"])]

SECOND_ROUTER = Place(Role.ROUTER, "1")


async def started(staff: Staff, *places: Place, **settings: object) -> None:
    staff.settings.update(settings)
    await staff.supervisor.start(places)


def relays(staff: Staff) -> list[ProcessStatistics]:
    processes = staff.supervisor.statistics().processes
    return [one for one in processes if one.state is ChildState.RELAYING]


async def test_all_routers_get_successors_and_end_when_they_are_through(staff: Staff) -> None:
    await started(staff, ROUTER, SECOND_ROUTER, FIRST, relay="through")
    before = {staff.process(place).pid for place in (ROUTER, SECOND_ROUTER)}
    worker = staff.process(FIRST).pid
    assert await staff.supervisor.succeed_all(relay_s=60) == Succession(2, 6, 8)
    await staff.until(lambda: not before & pids(staff))
    for place in (ROUTER, SECOND_ROUTER):
        assert staff.process(place).restarts == 0
    assert staff.process(FIRST).pid == worker
    words = [line.rpartition(" of ")[0] for line in staff.journal()]
    assert words.index("serving router 0", 6) < words.index("relaying for 60 s router 0")
    assert words.count("stopped router 0") == 1


def pids(staff: Staff) -> set[int]:
    return {one.pid for one in staff.supervisor.statistics().processes}


async def test_a_relay_is_joined_with_workers_that_come_and_ends_with_the_server(
    staff: Staff,
) -> None:
    await started(staff, ROUTER, FIRST)
    await staff.supervisor.succeed_all(relay_s=60)
    (relay,) = relays(staff)
    who = f"router 0 of generation {relay.generation}"
    await staff.supervisor.replace(FIRST, drain_s=30)
    new = f"worker 0 of generation {staff.process(FIRST).generation}"
    await staff.until(lambda: (who, "linked", new) in staff.said)
    assert relay.pid in {one.pid for one in relays(staff)}
    asked = await staff.supervisor.ask_statistics(30)
    assert len([identity for identity in asked if identity.place == ROUTER]) == 2
    await staff.supervisor.drain_and_stop(0)
    assert staff.journal().count(f"drained {who}") == 1


async def test_a_relay_that_dies_is_told_and_not_followed(staff: Staff, logged: Hearer) -> None:
    await started(staff, ROUTER)
    await staff.supervisor.succeed_all(relay_s=60)
    (relay,) = relays(staff)
    os.kill(relay.pid, signal.SIGKILL)
    record = await logged.next("child.failed")
    assert vars(record)["pid"] == relay.pid
    await staff.until(lambda: relay.pid not in pids(staff))
    assert staff.process(ROUTER).restarts == 0
    assert len(pids(staff)) == 1


async def test_one_that_dies_before_it_says_anything_holds_up_nobody(staff: Staff) -> None:
    await started(staff, ROUTER, relay="silent")

    def kill(process: ProcessStatistics) -> None:
        if process.state is ChildState.RELAYING:
            os.kill(process.pid, signal.SIGKILL)

    staff.supervisor.on_change(kill)
    assert await staff.supervisor.succeed_all(relay_s=60) == Succession(1, 0, 0)


@pytest.mark.parametrize("stage", ["prepare", "serve"])
async def test_a_successor_that_cannot_serve_changes_nothing(staff: Staff, stage: str) -> None:
    await started(staff, ROUTER)
    before = staff.process(ROUTER)
    staff.settings[stage] = "fail"
    with pytest.raises(ChildFailed):
        await staff.supervisor.succeed_all(relay_s=60)
    after = staff.process(ROUTER)
    assert (after.pid, after.state, after.restarts) == (before.pid, ChildState.SERVING, 0)
    del staff.settings[stage]
    os.kill(before.pid, signal.SIGKILL)
    await staff.until_served(ROUTER, before.generation + 1)
