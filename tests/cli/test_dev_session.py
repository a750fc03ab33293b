"""``perdure dev`` as it is by default, with a worker: saved files, broken files, and hot keys."""

from pathlib import Path

import aiohttp
import pytest

from tests.cli.terminal import in_terminal

# Several processes, each of which imports everything.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PROGRAM = """\
from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint

HTML = {"Content-Type": "text/html"}


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await self.env.ROOM.get_by_name("a").fetch(request)


class Room(DurableObject):
    async def fetch(self, request):
        if not request.is_upgrade:
            return Response("<h1>first</h1>", headers=HTML)
        client, server = WebSocketPair()
        self.ctx.accept_web_socket(server)
        return Response(None, status=101, web_socket=client)

    async def web_socket_message(self, ws, message):
        ws.send(f"first {message}")
"""
BROWSER = {"Accept": "text/html"}


async def test_what_is_saved_is_served_and_keys_do_what_they_say(
    project: Path, tmp_path: Path
) -> None:
    main = project / "src" / "main.py"
    main.write_text(PROGRAM)
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o755)
    command = ("-m", "perdure", "dev", "--port", 0)
    env = {"BROWSER": f"{browser} %s"}
    async with (
        in_terminal(*command, cwd=project, env=env) as terminal,
        aiohttp.ClientSession() as session,
    ):
        await terminal.until("Ready on ")
        await terminal.until("Press h for the keys")
        url = terminal.shown.partition("Ready on ")[2].splitlines()[0].strip()
        assert not terminal.has_echo

        async def page() -> str:
            async with session.get(url, headers=BROWSER) as response:
                return await response.text()

        async with session.ws_connect(url) as ws:

            async def says() -> str:
                await ws.send_str("x")
                return await ws.receive_str(timeout=100)

            assert (await page(), await says()) == ("<h1>first</h1>", "first x")
            main.write_text(PROGRAM.replace("first", "second"))
            await terminal.until("Reloaded in ")
            await terminal.until("(src/main.py)")
            assert (await page(), await says()) == ("<h1>second</h1>", "second x")

            main.write_text(f"import nothing_of_this_name\n{PROGRAM}")
            await terminal.until("No module named 'nothing_of_this_name'")
            await terminal.until("Not reloaded (src/main.py). What was there before goes on.")
            while "nothing_of_this_name" not in (text := await page()):
                pass  # the router has yet to hear of it
            assert text.startswith("<h1>second</h1>")
            assert await says() == "second x"

            main.write_text(PROGRAM.replace("first", "third"))
            await terminal.until("Reloaded in ")
            while "nothing_of_this_name" in (text := await page()):
                pass
            assert (text, await says()) == ("<h1>third</h1>", "third x")

            terminal.press("k")
            await terminal.until("Killing worker process ")
            assert await says() == "third x"
            terminal.press("s")
            await terminal.until("router 0 (process ")
            await terminal.until("1 WebSockets")
        terminal.press("R")
        await terminal.until("(as you wish)")
        terminal.press("h")
        await terminal.until("b  open the page in a browser")
        await terminal.until("x  exit")
        terminal.press("b")
        await terminal.until(f"Opening {url}")
        terminal.press("c")
        await terminal.until("\x1b[2J")
        terminal.press("x")
        await terminal.until("Stopped. All state is in ")
        assert await terminal.ended() == 0
        assert terminal.has_echo
        assert opened.read_text().strip() == url
