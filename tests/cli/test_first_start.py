"""``perdure dev`` with a program that is broken from the start."""

import asyncio
import signal
import socket
from pathlib import Path

import aiohttp
import pytest

from perdure.runtime.stand_in import CHANGED_PATH
from tests.cli.conftest import CONFIG
from tests.cli.process import Start
from tests.cli.test_dev import get

pytestmark = pytest.mark.slow

BROKEN = "import perdure\n\nperdure.nothing\n"


@pytest.mark.parametrize("workers", [0, 1])
async def test_a_program_that_is_broken_at_first_is_waited_for(
    start: Start, project: Path, workers: int
) -> None:
    main = project / "src" / "main.py"
    program = main.read_text()
    main.write_text(BROKEN)
    running = await start("dev", "--port", 0, "--workers", workers)
    await running.message("src/main.py:3: error: main.py raised AttributeError")
    assert "perdure.nothing" in await running.message("    perdure.nothing")
    told = await running.message("Not started. ")
    url = told.partition("http")[1] + told.partition("http")[2].split()[0]
    status, page = await get(f"{url}/greeting", Accept="text/html")
    assert status == 500
    assert "main.py raised AttributeError" in page
    assert "    perdure.nothing\n" in page
    status, text = await get(url)
    assert (status, "AttributeError" in text, "<" in text.splitlines()[0]) == (500, True, False)
    assert not (project / ".perdure").exists()
    async with aiohttp.ClientSession() as session:
        # A page that is open hears of each change, and is loaded again.
        waits = asyncio.ensure_future(session.get(f"{url}{CHANGED_PATH}"))
        await asyncio.sleep(0)
        lines = 1
        while not waits.done():  # it is not told of a change that was there before it asked
            (project / "wrangler.toml").write_text(f"{CONFIG}[perdure" + "\n" * lines)
            await running.message("wrangler.toml:11:")
            await asyncio.wait({waits}, timeout=1)
            lines += 1
        assert waits.result().status == 204
        assert "wrangler.toml:11:" in (await get(url))[1]
        (project / "wrangler.toml").write_text(CONFIG)
        await running.message("src/main.py:3: error: main.py raised AttributeError")
        main.write_text(program)
        assert await running.ready() == url
        assert await get(url) == (200, "visit 1")
    assert [line for line in running.seen if CHANGED_PATH in line] == []
    assert sum(" 500 Internal Server Error " in line for line in running.seen) == 3
    shown = [line.split() for line in running.seen]
    assert ["ROOM", "Durable", "Object", "Room", "wrangler.toml:4"] in shown
    assert (await running.stop()).code == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_who_does_not_mend_a_program_stops_it(
    start: Start, project: Path, number: signal.Signals
) -> None:
    (project / "src" / "main.py").write_text(BROKEN)
    running = await start("dev", "--port", 0)
    told = await running.message("Not started. ")
    ended = await running.stop(number)
    assert (ended.code, ended.out, ended.err) == (0, "", "Stopped. Nothing was started.\n")
    port = int(told.partition("127.0.0.1:")[2].split()[0])
    with socket.create_server(("127.0.0.1", port)):  # it is free
        pass


async def test_what_is_no_fault_of_the_program_is_not_waited_for(
    start: Start, project: Path
) -> None:
    (project / "src" / "main.py").write_text(BROKEN)
    with socket.create_server(("127.0.0.1", 0)) as other:
        running = await start("dev", "--workers", 0, "--port", other.getsockname()[1])
        ended = await running.ended()
    assert ended.code == 1
    assert "main.py raised AttributeError" in ended.err
    assert "error: cannot listen on 127.0.0.1:" in ended.err


async def test_serve_does_not_wait_for_a_broken_program(start: Start, project: Path) -> None:
    (project / "src" / "main.py").write_text(BROKEN)
    ended = await (await start("serve", "--port", 0)).ended()
    assert ended.code == 2
    assert "src/main.py:3: error: main.py raised AttributeError" in ended.err
    assert "    perdure.nothing\n" in ended.err
    assert not (project / ".perdure").exists()
