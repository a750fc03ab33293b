"""Processes of all kinds are killed at moments drawn at random, while workers are replaced.

``PERDURE_CRASH_ROUNDS`` says how often, ``PERDURE_CRASH_SEED`` repeats a run's choices. That two
never serve in one place is seen by a lock that each takes when it serves, as a log's writer does.
"""

import asyncio
import contextlib
import logging
import os
import random
import signal

import pytest

from perdure.runtime.shards.supervisor.errors import ChildFailed
from perdure.runtime.shards.supervisor.limits import SupervisionLimits
from perdure.runtime.shards.supervisor.places import Role
from perdure.runtime.shards.supervisor.states import ChildState
from tests.runtime.shards.supervisor.children import FIRST, ROUTER, SECOND, Staff

log = logging.getLogger(__name__)
pytestmark = [
    pytest.mark.crash,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_factories=["uvloop"]),
]

KILLS = 4 * int(os.environ.get("PERDURE_CRASH_ROUNDS", "2"))
SEED = int(os.environ.get("PERDURE_CRASH_SEED", random.randrange(2**32)))
LIMITS = SupervisionLimits(
    ping_interval_s=3600, backoff_first_s=0.01, backoff_max_s=0.05, stop_timeout_s=30
)


async def replace_again_and_again(staff: Staff) -> None:
    while True:
        with contextlib.suppress(ChildFailed):  # it was killed
            await staff.supervisor.replace_all(drain_s=30)


async def test_who_is_killed_when_never_matters(
    staff: Staff, caplog: pytest.LogCaptureFixture
) -> None:
    log.info("PERDURE_CRASH_SEED=%s", SEED)
    chance = random.Random(SEED)
    staff.supervise(LIMITS, spare_roles={Role.WORKER})
    await staff.supervisor.start([ROUTER, FIRST, SECOND])
    replacing = asyncio.ensure_future(replace_again_and_again(staff))
    for _ in range(KILLS):
        moment = len(staff.changes) + chance.randrange(1, 8)
        await staff.until_changes(moment)
        while not (living := staff.supervisor.statistics().processes):  # all were killed at once
            await staff.until_changes(len(staff.changes) + 1)
        os.kill(chance.choice(living).pid, signal.SIGKILL)
    replacing.cancel()
    await asyncio.wait({replacing})
    for place in (ROUTER, FIRST, SECOND):
        await staff.until_served(place, 1)
    reasons = {record.stack_info for record in caplog.records if record.stack_info}
    assert reasons <= {"it ended with SIGKILL"}, "no lock was held by another"
    left = [one.pid for one in staff.supervisor.statistics().processes]
    gone = [one for one in staff.changes if one.state is ChildState.DEAD]
    assert not set(left) & {one.pid for one in gone}
