import os
import signal

import pytest

from perdure.runtime.shards.supervisor.limits import SupervisionLimits
from perdure.runtime.shards.supervisor.places import Role
from perdure.runtime.shards.supervisor.states import ChildState
from perdure.runtime.shards.supervisor.statistics import ProcessStatistics
from tests.runtime.shards.supervisor.children import FIRST, PATIENT, Staff

# What differs between event loops, test_child.py and test_control.py have on both.
pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_factories=["uvloop"])]


def spares(staff: Staff) -> list[ProcessStatistics]:
    return [one for one in staff.supervisor.statistics().processes if one.role is None]


def is_spare_ready(staff: Staff) -> bool:
    return [one.state for one in spares(staff)] == [ChildState.SPARE]


async def test_a_replacement_is_the_spare_process_and_another_follows_it(staff: Staff) -> None:
    staff.supervise(PATIENT, spare_roles={Role.WORKER})
    await staff.supervisor.start([FIRST])
    await staff.until(lambda: is_spare_ready(staff))
    (spare,) = spares(staff)
    os.kill(staff.process(FIRST).pid, signal.SIGKILL)
    new = await staff.until_served(FIRST, 2)
    assert new.pid == spare.pid
    await staff.until(lambda: is_spare_ready(staff))
    assert spares(staff)[0].pid != spare.pid


async def test_a_spare_process_that_dies_is_replaced(staff: Staff) -> None:
    limits = SupervisionLimits(ping_interval_s=3600, backoff_first_s=0.01)
    staff.supervise(limits, spare_roles={Role.WORKER})
    await staff.supervisor.start([FIRST])
    await staff.until(lambda: is_spare_ready(staff))
    (spare,) = spares(staff)
    os.kill(spare.pid, signal.SIGKILL)
    await staff.until(lambda: is_spare_ready(staff) and spares(staff)[0].pid != spare.pid)
    assert staff.process(FIRST).restarts == 0


async def test_without_a_spare_process_a_new_one_is_launched(staff: Staff) -> None:
    await staff.supervisor.start([FIRST])
    os.kill(staff.process(FIRST).pid, signal.SIGKILL)
    assert (await staff.until_served(FIRST, 2)).restarts == 1
    assert spares(staff) == []
