"""``perdure drain``: ends a server, or one of its workers, when it has finished its work."""

import asyncio
import time
from pathlib import Path

import click
from rich.text import Text

from ..runtime.control.draining import DrainArguments
from ..runtime.control.protocol import Failure, OperationFailed
from ..storage.layout import Layout
from .operating import Asking, Item, Where, with_place
from .ranges import Amount

# After its timeout a server cuts off what is left, and tidies up; so long that takes at most.
_END_S = 30.0
_LOOKS_INTERVAL_S = 0.05


@click.command(
    epilog="""\b
Examples:
  perdure drain                       before a container is stopped, or in its preStop hook
  perdure drain --timeout 300         let long requests finish
  perdure drain --worker 1            have another process in a worker's place"""
)
@click.option(
    "--worker",
    metavar="SLOT",
    help="Drain this worker only, and start another in its place; perdure ps lists them.",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=Amount(0.0),
    metavar="SECONDS",
    help="How long running requests and handlers may take; what takes longer is cut off. "
    "Default: perdure.limits.shutdown_timeout_s, under perdure dev 2.",
)
@with_place
def drain(worker: str | None, timeout_s: float | None, where: Where) -> None:
    """Take no new work, finish what is under way, and end the server; wait until it has ended.

    As SIGTERM does, but for that this returns when it is over: no new connections, running
    requests and handlers finish, then WebSockets are closed with 1001, everything is durable, and
    the server exits with 0. Whatever restarts it by itself will do so: stop it there instead.

    With --worker one worker finishes and is replaced; clients stay connected.
    """
    items: list[Item] = []
    lock_file = Layout(where.place().data_dir).lock_file

    async def talk(asking: Asking) -> None:
        started = time.monotonic()
        arguments = DrainArguments(worker, timeout_s)
        try:
            result = await asking.run("drain", arguments, items.append)
        except OperationFailed:
            if not items:  # else the server was quicker than its answer
                raise
            result = {"is_stopping": True}
        if worker is None:
            await _until_gone(lock_file, items[0])
            result = {"pid": items[0]["pid"], "duration_s": round(time.monotonic() - started, 3)}
        if where.is_json:
            asking.answer(result)
        elif worker is None:
            told = f"The server (process {result['pid']}) has ended, after "
            asking.output.data(Text(f"{told}{result['duration_s']:.1f} s."))
        else:
            told = f"process {result['successor_pid']} has taken the place of {result['pid']}"
            asking.output.data(Text(f"Worker {worker}: {told}."))

    where.operate(talk, needs_server=True)


async def _until_gone(lock_file: Path, item: Item) -> None:
    """Return when the process has let go of its data directory.

    Its lock is not tried: a server that starts at that moment would find it taken.

    Raises:
        OperationFailed: It still has it when it should long have ended.
    """
    pid = item["pid"]
    can_be_seen = _exists(pid)
    deadline = time.monotonic() + item["timeout_s"] + _END_S
    while time.monotonic() < deadline:
        if (can_be_seen and not _exists(pid)) or not _holds(lock_file, pid):
            return
        await asyncio.sleep(_LOOKS_INTERVAL_S)
    problem = f"The server (process {pid}) was asked to end, and is still there"
    hint = "Its log may tell why; SIGTERM twice does not wait for what is under way"
    raise OperationFailed(Failure("StillRunning", problem, hint))


def _exists(pid: int) -> bool:
    """Say whether there is such a process, as far as can be seen from here."""
    return Path(f"/proc/{pid}").exists()


def _holds(lock_file: Path, pid: int) -> bool:
    """Say whether a process has not let go of the directory; it takes its number away then."""
    return lock_file.read_text().strip() == str(pid)
