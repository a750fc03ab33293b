import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from perdure.runtime.shards.supervisor.errors import ChildFailed, ControlBroken, SupervisorStopping
from perdure.runtime.shards.supervisor.places import Place, Role
from perdure.runtime.shards.supervisor.states import ChildState
from tests.runtime.shards.supervisor.children import (
    FIRST,
    ROUTER,
    SECOND,
    Staff,
    program,
    until_gone,
)

# What differs between event loops, test_child.py and test_control.py have on both.
pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_factories=["uvloop"])]


async def test_workers_serve_before_routers_and_end_before_them(staff: Staff) -> None:
    await staff.supervisor.start([ROUTER, FIRST, SECOND])
    loop = asyncio.get_running_loop()
    assert json.loads(staff.supervisor.info(ROUTER))["pid"] == staff.process(ROUTER).pid
    asked = await staff.supervisor.ask_statistics(30)
    assert {str(identity.place) for identity in asked} == {"router 0", "worker 0", "worker 1"}
    assert len(json.loads(asked[next(iter(asked))] or b"")["links"]) == 2
    await staff.supervisor.drain_and_stop(loop.time() + 30)
    words = [line.rpartition(" of ")[0] for line in staff.journal()]
    assert words[3:6][2] == "serving router 0"
    assert words[6:8] == ["draining together router 0", "drained router 0"]
    assert set(words[8:12]) == {
        f"{word} worker {slot}" for word in ("draining together", "drained") for slot in (0, 1)
    }
    assert set(words[12:14]) == {"stopped worker 0", "stopped worker 1"}
    assert words[14:] == ["stopped router 0"]
    assert staff.supervisor.statistics().processes == ()
    assert staff.taken_over == []


async def test_a_program_that_does_not_start_ends_all_and_is_told(staff: Staff) -> None:
    staff.settings["prepare"] = "refuse"
    with pytest.raises(ChildFailed, match=r"main.py has no class Room"):
        await staff.supervisor.start([ROUTER, FIRST])
    assert staff.supervisor.statistics().processes == ()


async def test_what_is_to_be_done_when_all_are_ready_is_done_before_anybody_serves(
    staff: Staff,
) -> None:
    done: list[list[str]] = []

    async def refuse() -> None:
        done.append(staff.journal())
        raise ControlBroken("nothing is as it should be")

    with pytest.raises(ControlBroken):
        await staff.supervisor.start([ROUTER, FIRST], once_ready=refuse)
    assert sorted(line.partition(" of ")[0] for line in done[0]) == [
        "ready router 0",
        "ready worker 0",
    ]
    assert staff.supervisor.statistics().processes == ()


async def test_all_workers_are_replaced_one_after_another(staff: Staff) -> None:
    await staff.supervisor.start([ROUTER, FIRST, SECOND])
    router = staff.process(ROUTER)
    await staff.supervisor.replace_all(drain_s=30)
    assert staff.process(ROUTER).pid == router.pid
    assert [staff.process(place).generation for place in (FIRST, SECOND)] == [4, 5]
    words = [line.rpartition(" of ")[0] or line for line in staff.journal()][6:]
    one = [
        "ready worker {}",
        "draining worker {}",
        "drained worker {}",
        "stopped worker {}",
        "sealed worker {}",
        "serving worker {}",
    ]
    assert words == [word.format(slot) for slot in (0, 1) for word in one]


async def test_a_roll_ends_at_its_first_failure(staff: Staff) -> None:
    await staff.supervisor.start([FIRST, SECOND])
    before = [staff.process(place).pid for place in (FIRST, SECOND)]
    staff.settings["prepare"] = "fail"
    with pytest.raises(ChildFailed) as caught:
        await staff.supervisor.replace_all(drain_s=30)
    assert caught.value.place == FIRST
    assert [staff.process(place).pid for place in (FIRST, SECOND)] == before


async def test_what_is_done_once_a_replacement_is_ready_may_stop_the_roll(staff: Staff) -> None:
    await staff.supervisor.start([FIRST, SECOND])
    before = [staff.process(place).pid for place in (FIRST, SECOND)]
    done: list[list[str]] = []

    async def once_ready() -> None:
        done.append(staff.journal()[4:])
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        await staff.supervisor.replace_all(drain_s=30, once_ready=once_ready)
    assert done == [["ready worker 0 of generation 3"]]
    assert [staff.process(place).pid for place in (FIRST, SECOND)] == before


async def test_places_come_and_go_while_it_runs(staff: Staff) -> None:
    await staff.supervisor.start([FIRST])
    await staff.supervisor.add(SECOND)
    assert staff.process(SECOND).generation == 2
    await staff.supervisor.remove(SECOND, drain_s=30)
    assert [c.slot for c in staff.supervisor.statistics().processes if c.role] == ["0"]
    await staff.supervisor.add(SECOND)
    assert staff.taken_over == ["1"]  # what it had is another's now
    staff.settings["prepare"] = "fail"
    with pytest.raises(ChildFailed):
        await staff.supervisor.add(Place(Role.WORKER, "2"))
    staff.supervisor.tell(Place(Role.WORKER, "2"), b"to nobody")
    assert staff.supervisor.info(Place(Role.WORKER, "2")) == b""


async def test_what_does_not_finish_is_cut_off_and_what_does_not_end_is_killed(
    staff: Staff,
) -> None:
    staff.settings["drain"] = "never"
    await staff.supervisor.start([ROUTER, FIRST])
    loop = asyncio.get_running_loop()
    await staff.supervisor.drain_and_stop(loop.time() + 0.05)
    assert staff.supervisor.statistics().processes == ()
    with pytest.raises(SupervisorStopping):
        await staff.supervisor.add(SECOND)


async def test_a_stop_in_a_hurry_may_follow_one_that_was_cancelled(staff: Staff) -> None:
    staff.settings["drain"] = "never"
    await staff.supervisor.start([ROUTER, FIRST])
    loop = asyncio.get_running_loop()
    gently = asyncio.ensure_future(staff.supervisor.drain_and_stop(loop.time() + 3600))
    await staff.until(lambda: staff.changes[-1].state is ChildState.DRAINING)
    gently.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gently
    await staff.supervisor.drain_and_stop(loop.time())
    assert staff.supervisor.statistics().processes == ()


async def test_the_operator_can_ask_what_a_process_does(staff: Staff) -> None:
    await staff.supervisor.start([FIRST])
    serving = staff.process(FIRST)
    staff.supervisor.tell(FIRST, b"sleep")
    stack = ""
    while "blocking_user_code" not in stack:  # it has yet to hear
        stack = str(await staff.supervisor.stack(serving.pid))
    assert await staff.supervisor.stack(1) is None
    os.kill(serving.pid, signal.SIGKILL)
    await staff.until_served(FIRST, 2)


async def test_nothing_is_left_when_the_supervisor_is_killed() -> None:
    """Children that spin or sleep hear of nothing; the kernel ends them."""
    tree = Path(__file__).with_name("tree.py")
    command = [sys.executable, str(tree), *program().command]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as supervisor:
        assert supervisor.stdout is not None
        line = await asyncio.to_thread(supervisor.stdout.readline)
        pids = json.loads(line)
        assert len(pids) == 4  # the spare one, too
        waits = [until_gone(pid, lambda: None) for pid in pids]
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        await asyncio.sleep(0)  # they hold on to the processes
        supervisor.kill()
        await asyncio.gather(*tasks)
    assert supervisor.returncode == -signal.SIGKILL
