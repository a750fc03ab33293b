"""When the commit log fails, the process ends and says why; its successor has what was told."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from tests.cli.process import Processes, Running
from tests.serving import Serving

pytestmark = pytest.mark.slow

PROGRAM = """
from perdure import DurableObject, Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await self.env.ROOM.get_by_name("a").fetch(request)


class Room(DurableObject):
    async def fetch(self, request):
        count = (await self.ctx.storage.get("count") or 0) + 1
        await self.ctx.storage.put("count", count)
        return Response(str(count))
"""
Start = Callable[..., Awaitable[Running]]


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """The disk is broken while there is a file of this name."""
    return tmp_path / "broken"


@pytest.fixture
async def start(tmp_path: Path, shim: Path, broken: Path) -> AsyncIterator[Start]:
    """Serve the program on a disk that can be broken: ``await start("serve")``."""
    config = Serving(tmp_path).write(PROGRAM, objects=["Room"])
    disk = {"COLUMNS": "500", "LD_PRELOAD": str(shim), "BROKEN_DISK": str(broken)}
    processes = Processes()

    async def start_it(*command: str) -> Running:
        place = ("--workers", 0, "-c", config.path, "--port", 0, "--data", tmp_path / "data")
        return await processes.start(*command, *place, env=disk)

    yield start_it
    await processes.clean_up()


async def visit(url: str) -> str | None:
    """The number of the visit; None when the server would not say."""
    try:
        async with aiohttp.ClientSession() as http, http.get(url) as answer:
            return await answer.text() if answer.status == 200 else None
    except aiohttp.ClientError:
        return None


@pytest.mark.parametrize("command", ["serve", "dev"])
async def test_it_ends_with_an_error_that_says_what_to_do(
    start: Start, broken: Path, command: str
) -> None:
    running = await start(command)
    url = await running.ready()
    assert await visit(url) == "1"
    broken.touch()
    assert await visit(url) is None
    ended = await running.ended()
    assert ended.code == 1
    assert "the commit log failed" in ended.err
    assert "Input/output error" in ended.err
    assert "Mend the disk or make room on it, and start again" in ended.err
    assert "This is a bug" not in ended.err

    broken.unlink()
    successor = await start(command)
    # The second visit was not told of; it may have been kept or not.
    assert await visit(await successor.ready()) in {"2", "3"}
    assert (await successor.stop()).code == 0


async def test_nobody_is_served_from_a_disk_that_is_still_broken(
    start: Start, broken: Path
) -> None:
    killed = await start("serve")
    assert await visit(await killed.ready()) == "1"
    await killed.clean_up()
    broken.touch()
    ended = await (await start("serve")).ended()
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("error: ")
    assert re.search("disk I/O error|Input/output error", ended.err)

    broken.unlink()
    mended = await start("serve")
    assert await visit(await mended.ready()) == "2"
    assert (await mended.stop()).code == 0
