"""``perdure reload``, and SIGHUP: new code for a server that goes on."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.cli.process import Start
from tests.cli.test_serve import get


def change(project: Path, old: str, new: str) -> None:
    program = project / "src" / "main.py"
    text = program.read_text()
    assert old in text
    program.write_text(text.replace(old, new))


@asynccontextmanager
async def listening(
    session: aiohttp.ClientSession, url: str
) -> AsyncIterator["asyncio.Queue[str]"]:
    """What a client hears, that answers pings meanwhile and is never sent away."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with session.ws_connect(url) as ws:

        async def listen() -> None:
            async for message in ws:
                heard.put_nowait(message.data)
            heard.put_nowait(f"closed with {ws.close_code}")

        task = asyncio.create_task(listen())
        yield heard
        task.cancel()


@pytest.mark.slow
@pytest.mark.timeout(300)  # several processes, each of which imports everything
async def test_new_code_is_served_when_it_can_be_imported(start: Start, project: Path) -> None:
    running = await start("serve", "--port", 0, "--workers", 1)
    url = await running.ready()
    async with aiohttp.ClientSession() as session, listening(session, url) as heard:
        assert await heard.get() == "visit 1"

        change(project, 'f"visit {count}")\n        client', 'f"call {count}")\n        client')
        ended = await (await start("reload")).ended()
        assert (ended.code, ended.out, ended.err) == (0, "1 worker replaced.\n", "")
        assert await heard.get() == "visit 2", "its request was replayed"
        assert await get(url) == (200, "call 3")

        change(project, "class Room", "import nothing_of_this_name\n\n\nclass Room")
        ended = await (await start("reload")).ended()
        assert (ended.code, ended.out) == (2, "")
        assert ended.err.startswith("error: Nothing was changed; workers that serve go on")
        assert "No module named 'nothing_of_this_name'" in ended.err
        assert await get(url) == (200, "call 4")
        running.send(signal.SIGHUP)
        assert "nothing_of_this_name" in await running.message("nothing_of_this_name'")

        change(project, "import nothing_of_this_name\n\n\n", "")
        change(project, "call {count}", "turn {count}")
        with (project / "wrangler.toml").open("a") as file:
            file.write('[perdure]\nproxy_headers = "forwarded"\ncontrol_port = 0\n')
        running.send(signal.SIGHUP)
        await running.message("server.reloaded")
        assert await heard.get() == "visit 5"
        assert await get(url) == (200, "turn 6")
        ended = await (await start("reload")).ended()
        assert ended.err == (
            "note: perdure.proxy_headers was changed; routers have that: perdure upgrade replaces "
            "them.\n"
            "note: perdure.control_port was changed; the next start of the server heeds that.\n"
        )
    assert (await running.stop(signal.SIGTERM)).code == 0


@pytest.mark.slow
@pytest.mark.timeout(300)  # several processes, each of which imports everything
async def test_a_server_of_one_process_says_what_it_lacks(start: Start) -> None:
    ended = await (await start("reload")).ended()
    assert (ended.code, ended.out) == (1, "") or ended.code == 2
    running = await start("serve", "--workers", 0, "--port", 0)
    await running.ready()
    for command in (("reload",), ("resize", 2)):
        ended = await (await start(*command)).ended()
        assert (ended.code, ended.out) == (2, "")
        assert "This server is one process" in ended.err
        assert "--workers 1" in ended.err
