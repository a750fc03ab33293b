"""Who fills one place: after deaths, on demand, and when nothing starts."""

import asyncio
import os
import signal
from typing import Any

import pytest

from perdure.runtime.shards.supervisor.errors import ChildFailed, SupervisorStopping
from perdure.runtime.shards.supervisor.limits import SupervisionLimits
from perdure.runtime.shards.supervisor.places import Role
from perdure.runtime.shards.supervisor.states import ChildState
from tests.runtime.shards.supervisor.children import FIRST, Hearer, Staff

# What differs between event loops, test_child.py and test_control.py have on both.
pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_factories=["uvloop"])]

FAST_BACKOFF = SupervisionLimits(
    ping_interval_s=3600, backoff_first_s=0.01, backoff_max_s=0.02, stop_timeout_s=30
)
SLOW_BACKOFF = SupervisionLimits(
    ping_interval_s=3600, backoff_first_s=3600, backoff_max_s=3600, stop_timeout_s=30
)


async def test_a_replacement_is_ready_before_the_old_one_goes_and_serves_after_it(
    staff: Staff,
) -> None:
    await staff.supervisor.start([FIRST])
    await staff.supervisor.replace(FIRST, drain_s=30)
    assert staff.journal() == [
        "ready worker 0 of generation 1",
        "serving worker 0 of generation 1",
        "ready worker 0 of generation 2",
        "draining worker 0 of generation 1",
        "drained worker 0 of generation 1",
        "stopped worker 0 of generation 1",
        "sealed worker 0",
        "serving worker 0 of generation 2",
    ]
    assert staff.process(FIRST).restarts == 0


async def test_one_that_dies_after_it_has_served_is_followed_at_once(
    staff: Staff, logged: Hearer
) -> None:
    staff.supervise(SLOW_BACKOFF)
    await staff.supervisor.start([FIRST])
    for times in (1, 2):
        served = staff.process(FIRST)
        os.kill(served.pid, signal.SIGKILL)
        new = await staff.until_served(FIRST, served.generation + 1)
        assert new.restarts == times
        record = await logged.next("child.failed")
        assert record.stack_info == "it ended with SIGKILL"
        assert (vars(record)["pid"], vars(record)["deaths"]) == (served.pid, times)
    assert staff.taken_over == ["0", "0"]


async def test_one_that_fails_before_serving_is_tried_again_after_growing_waits(
    staff: Staff, logged: Hearer
) -> None:
    staff.supervise(FAST_BACKOFF)
    await staff.supervisor.start([FIRST])
    staff.settings["prepare"] = "fail"
    staff.supervisor.tell(FIRST, b"exit")
    await logged.next("child.failed")
    for wait_s in (0.01, 0.02, 0.02):
        record = await logged.next("child.failed")
        assert vars(record)["retry_s"] == wait_s
        assert "no_such_module" in str(record.stack_info)
    assert staff.supervisor.statistics().backoff_failures["worker 0"] >= 3
    del staff.settings["prepare"]
    await logged.next("child.serving")
    assert staff.process(FIRST).restarts == 1
    assert staff.supervisor.statistics().backoff_failures == {}


async def test_one_that_cannot_take_over_is_tried_again_too(staff: Staff, logged: Hearer) -> None:
    staff.supervise(FAST_BACKOFF)
    await staff.supervisor.start([FIRST])
    staff.settings["serve"] = "fail"
    staff.supervisor.tell(FIRST, b"exit")
    await logged.next("child.failed")
    for _ in range(2):
        assert (await logged.next("child.failed")).stack_info == "the log is damaged"
    del staff.settings["serve"]
    await staff.until_served(FIRST, 4)


async def test_a_replacement_that_does_not_import_leaves_the_old_one_serving(
    staff: Staff,
) -> None:
    await staff.supervisor.start([FIRST])
    before = staff.process(FIRST)
    staff.settings["prepare"] = "fail"
    with pytest.raises(ChildFailed) as caught:
        await staff.supervisor.replace(FIRST, drain_s=30)
    assert "ModuleNotFoundError: No module named 'no_such_module'" in caught.value.why
    assert "main.py" in caught.value.why
    assert staff.process(FIRST).pid == before.pid
    del staff.settings["prepare"]
    await staff.supervisor.replace(FIRST, drain_s=30)
    assert staff.process(FIRST).generation == 3


async def test_asking_for_a_replacement_ends_the_wait_for_the_next_try(
    staff: Staff, logged: Hearer
) -> None:
    staff.supervise(SLOW_BACKOFF)
    await staff.supervisor.start([FIRST])
    staff.settings["prepare"] = "fail"
    staff.supervisor.tell(FIRST, b"exit")
    await logged.next("child.failed")
    assert vars(await logged.next("child.failed"))["retry_s"] == 3600
    with pytest.raises(ChildFailed):
        await staff.supervisor.replace(FIRST, drain_s=30)
    del staff.settings["prepare"]
    await staff.supervisor.replace(FIRST, drain_s=30)
    assert staff.process(FIRST).state is ChildState.SERVING


async def test_the_old_one_may_die_while_its_replacement_gets_ready(
    staff: Staff,
) -> None:
    await staff.supervisor.start([FIRST])
    before = staff.process(FIRST)
    staff.settings["prepare"] = "wait"
    replacing = asyncio.ensure_future(staff.supervisor.replace(FIRST, drain_s=30))
    await staff.until(
        lambda: ChildState.STARTING in {c.state for c in staff.changes if c.generation == 2}
    )
    os.kill(before.pid, signal.SIGKILL)
    await staff.until(lambda: staff.changes[-1].pid == before.pid)
    del staff.settings["prepare"]
    (second,) = [c.pid for c in staff.supervisor.statistics().processes if c.generation == 2]
    os.kill(second, signal.SIGKILL)  # so that it comes to its end
    with pytest.raises(ChildFailed):
        await replacing
    assert (await staff.until_served(FIRST, 3)).restarts == 1


async def test_an_old_one_that_does_not_finish_in_time_is_cut_off(
    staff: Staff, logged: Hearer
) -> None:
    staff.settings["drain"] = "never"
    await staff.supervisor.start([FIRST])
    before = staff.process(FIRST)
    await staff.supervisor.replace(FIRST, drain_s=0.05)
    assert staff.process(FIRST).pid != before.pid
    assert vars(await logged.next("child.not_drained"))["drain_s"] == 0.05


async def test_a_replacement_goes_on_when_who_asked_has_gone(staff: Staff) -> None:
    await staff.supervisor.start([FIRST])
    asked = asyncio.ensure_future(staff.supervisor.replace(FIRST, drain_s=30))
    await staff.until(lambda: staff.changes[-1].generation == 2)
    asked.cancel()
    await staff.until_served(FIRST, 2)


async def test_who_serves_is_decided_when_the_hook_has_come_to_its_end(
    staff: Staff, logged: Hearer
) -> None:
    failures: list[Any] = [OSError("no space to seal the log"), None]

    async def hook(slot: str) -> None:
        assert staff.supervisor.statistics().processes[0].state is ChildState.READY
        if (failure := failures.pop(0)) is not None:
            raise failure

    staff.supervise(FAST_BACKOFF, before_takeover=hook)
    await staff.supervisor.start([FIRST])
    os.kill(staff.process(FIRST).pid, signal.SIGKILL)
    record = await logged.next("child.not_started")
    assert record.exc_info is not None
    assert "no space" in str(record.exc_info[1])
    await staff.until_served(FIRST, 3)
    assert failures == []


async def test_one_that_lingers_is_gone_before_its_successor_serves(
    staff: Staff, logged: Hearer
) -> None:
    """It has cut the connection and goes on; its successor is a spare process, ready at once."""
    limits = SupervisionLimits(ping_interval_s=3600, stop_timeout_s=0.5)
    staff.supervise(limits, spare_roles={Role.WORKER})
    await staff.supervisor.start([FIRST])
    await staff.until(lambda: staff.changes[-1].state is ChildState.SPARE)
    staff.supervisor.tell(FIRST, b"hang up")
    record = await logged.next("child.failed")
    assert record.stack_info == "it ended with SIGKILL"
    await logged.next("child.serving")
    assert staff.process(FIRST).generation == 2  # at the first try


async def test_the_stack_of_one_that_hangs_is_told_once(staff: Staff, logged: Hearer) -> None:
    await staff.supervisor.start([FIRST])
    [child] = staff.supervisor._children
    child.is_silent(3.0, "main.py, line 3")  # as its watch does, in its time
    child.hangs(30.0, "main.py, line 3")
    assert (await logged.next("child.silent")).stack_info == "main.py, line 3"
    assert (await logged.next("child.hangs")).stack_info is None
    assert (await logged.next("child.failed")).stack_info == "it did not answer for 30 s"
    assert child.failure == "it did not answer for 30 s:\nmain.py, line 3"
    await staff.until_served(FIRST, 2)


async def test_nothing_is_replaced_while_the_supervisor_stops(staff: Staff) -> None:
    staff.settings["drain"] = "never"
    await staff.supervisor.start([FIRST])
    replacing = asyncio.ensure_future(staff.supervisor.replace(FIRST, drain_s=30))
    await staff.until(lambda: staff.changes[-1].state is ChildState.DRAINING)
    await staff.supervisor.drain_and_stop(0)
    with pytest.raises(SupervisorStopping):
        await replacing
    with pytest.raises(SupervisorStopping):
        await staff.supervisor.replace(FIRST, drain_s=30)
