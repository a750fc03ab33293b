"""One worker at a time has an actor, whatever state its process is in."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from perdure.runtime.shards.supervisor.child import Child
from perdure.runtime.shards.supervisor.limits import SupervisionLimits
from perdure.runtime.supervised import SupervisedServer
from perdure.storage.layout import Layout
from tests.chaos.client import Broken
from tests.chaos.conftest import Start, told
from tests.chaos.points import STOP, order
from tests.chaos.run import Run

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(240)]

IN_A_COMMIT = (
    "before a commit is in the log",
    "while a commit is in the log, and not durable",
    "while a commit is durable, and nobody knows",
)
# So that it does not take half a minute to see that a process is silent.
SOON = SupervisionLimits(ping_interval_s=0.5, silence_report_s=1.0, silence_max_s=4.0)
NEVER = SupervisionLimits(silence_max_s=None)


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("moment", IN_A_COMMIT)
async def test_a_worker_that_is_stopped_in_a_commit_is_reported_and_replaced(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture, moment: str
) -> None:
    server = await start(limits=SOON)

    async def stop_it() -> None:
        room = min(run.rooms)
        pid = run.pid_of(room)
        order(tmp_path, pid, moment, 3, STOP)
        await run.until(lambda: is_gone(pid), "end of a worker that is stopped")
        await run.until_served()

    async with Run(server, tmp_path) as run:
        await run.join(4)
        await run.during(stop_it)
    for event in ("child.silent", "child.hangs"):
        assert "stopped by a signal (SIGSTOP)" in "".join(told(caplog, event)), event


async def test_a_worker_that_hangs_is_reported_with_its_stack_and_replaced(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = await start(limits=SOON)

    async def hang_one() -> None:
        pids = {run.pid_of(room) for room in run.rooms}
        with pytest.raises(Broken, match=r"hang answered 503.*"):
            await run.ask("hang")
        await run.until(lambda: any(map(is_gone, pids)), "end of a worker that hangs")
        await run.until_served()

    async with Run(server, tmp_path) as run:
        await run.join(4)
        await run.during(hang_one)
    assert "in fetch" in "".join(told(caplog, "child.hangs"))


async def test_a_worker_that_is_stopped_for_less_than_the_limit_goes_on(
    start: Start, tmp_path: Path
) -> None:
    server = await start(limits=NEVER)

    async def stop_it() -> None:
        room = min(run.rooms)
        pid = run.pid_of(room)
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(3)
        os.kill(pid, signal.SIGCONT)
        before = sum(client.answers_of[pid] for client in run.clients)
        await run.until(
            lambda: sum(client.answers_of[pid] for client in run.clients) > before + 20,
            "more answers of the same process",
        )

    async with Run(server, tmp_path) as run:
        await run.join(4)
        await run.during(stop_it)
    assert not run.report.redelivered


class TakenForDead:
    """A worker that its supervisor, and the file system, take for dead while it is only stopped."""

    def __init__(self, server: SupervisedServer, pid: int, layout: Layout, slot: str) -> None:
        [self._child] = [one for one in server.supervisor._children if one.pid == pid]
        self.pid = pid
        (layout.log_dir(slot) / "LOCK").unlink()
        layout.alarms_file_of(slot).rename(layout.alarms_file_of("of-the-older"))
        process = self._child._process
        process._loop.remove_reader(process._pidfd)
        Child._ended(self._child, "nothing: it is only taken for dead")

    async def go_on(self) -> int:
        """Let it run, and return the status that it ends with."""
        os.kill(self.pid, signal.SIGCONT)
        process = self._child._process
        status = await asyncio.to_thread(process._popen.wait)
        os.close(process._pidfd)
        process._pidfd = -1
        return status


@pytest.mark.parametrize("moment", IN_A_COMMIT)
async def test_of_one_that_was_taken_for_dead_and_goes_on_nothing_lands(
    start: Start, tmp_path: Path, moment: str
) -> None:
    server = await start(limits=NEVER)

    async def take_over() -> None:
        room = min(run.rooms)
        pid = run.pid_of(room)
        order(tmp_path, pid, moment, 3, STOP)
        await run.until(lambda: is_stopped(pid), "stop")
        older = TakenForDead(server, pid, Layout(tmp_path / "data"), run.slots[room])
        await run.until_served()
        assert run.pid_of(room) != pid, "its successor serves"
        with pytest.raises(Broken, match="answered 50"):  # its file is locked, too
            await run.ask(room)
        said = sum(client.answers_of[pid] for client in run.clients)
        assert await older.go_on() != 0
        await run.until(
            lambda: all(c.served_by == run.pid_of(c.room) for c in run.clients), "other answers"
        )
        assert sum(client.answers_of[pid] for client in run.clients) == said

    async with Run(server, tmp_path) as run:
        await run.join(4)
        await run.during(take_over)
    assert run.report.redelivered
