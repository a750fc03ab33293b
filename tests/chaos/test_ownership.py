"""One worker at a time has an actor, whatever state its process is in."""

import asyncio
import os
import shutil
import signal
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from perdure.runtime.shards.supervisor.child import Child
from perdure.runtime.shards.supervisor.limits import SupervisionLimits
from perdure.runtime.supervised import SupervisedServer
from perdure.storage.layout import Layout
from tests.chaos.client import IN_FLIGHT, Broken
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
    assert "stopped by a signal (SIGSTOP)" in "".join(told(caplog, "child.silent"))
    assert told(caplog, "child.hangs"), "with nothing that was not said before"


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
    assert "in fetch" in "".join(told(caplog, "child.silent") + told(caplog, "child.hangs"))
    assert told(caplog, "child.hangs")


async def test_a_worker_that_is_stopped_for_less_than_the_limit_goes_on(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = await start(limits=NEVER)

    async def stop_it() -> None:
        room = min(run.rooms)
        pid = run.pid_of(room)
        os.kill(pid, signal.SIGSTOP)
        await run.until(lambda: told(caplog, "child.silent"), "report of a worker that is stopped")
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


def is_locked(file: Path) -> bool:
    """Whether another process has an actor's file for itself."""
    with closing(apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
        try:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        except apsw.BusyError:
            return True
    return False


def renew(file: Path) -> None:
    """Have a file, and its -wal, be another one with the same content, which nobody has open."""
    for path in sorted(file.parent.glob(f"{file.name}*"), reverse=True):
        copy = path.with_name("copy")
        shutil.copyfile(path, copy)
        copy.rename(path)


class TakenForDead:
    """A worker that its supervisor, and the file system, take for dead while it is only stopped.

    No supervisor does that: a child is dead when the kernel has given up all its threads and files
    (``Process._reap``). What it would meet is the lock of the log, that of each actor's file, and
    that of the alarms; all of them are got around here, so that the log's ownership is left alone.
    """

    def __init__(
        self, server: SupervisedServer, pid: int, layout: Layout, slot: str, actor: str
    ) -> None:
        [self._child] = [one for one in server.supervisor._children if one.pid == pid]
        self.pid = pid
        (layout.log_dir(slot) / "LOCK").unlink()
        layout.alarms_file_of(slot).rename(layout.alarms_file_of("of-the-older"))
        [file] = layout.actors_dir.rglob(f"{actor}.db")
        assert is_locked(file), "as long as its process lives, whatever that does"
        renew(file)
        assert not is_locked(file)
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
    """Its successor has the log, and all that it had in hand; clients notice nothing."""
    server = await start(limits=NEVER)

    async def take_over() -> None:
        room = min(run.rooms)
        pid, slot, actor = run.pid_of(room), run.slot_of(room), (await run.ask(room))["id"]
        order(tmp_path, pid, moment, 3, STOP)
        await run.until(lambda: is_stopped(pid), "stop")
        older = TakenForDead(server, pid, Layout(tmp_path / "data"), slot, actor)
        await run.until_served()
        assert run.pid_of(room) != pid, "its successor serves"
        clients = [client for client in run.clients if client.room == room]
        await run.until(
            lambda: all(client.served_by == run.pid_of(room) for client in clients),
            "answers of its successor, while it is there itself",
        )
        said = sum(client.answers_of[pid] for client in clients)
        assert await older.go_on() != 0
        heard = {client: client.heard for client in clients}
        await run.until(
            lambda: all(client.heard > heard[client] + IN_FLIGHT for client in clients),
            "more answers",
        )
        assert sum(client.answers_of[pid] for client in clients) == said, "nothing more of it"

    async with Run(server, tmp_path) as run:
        await run.join(4)
        await run.during(take_over)
    assert run.report.redelivered
