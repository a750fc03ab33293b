"""examples/terminal: shells in a page, as one looks at them in Chromium."""

import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from perdure.runtime.sandbox.terminal_relay import WAITING_BYTES_MAX
from perdure.runtime.sandbox.wire import CHUNK_BYTES_MAX
from tests.browser import Tab, chromium

Serve = Callable[[str], Awaitable[str]]
PAGE = Path(__file__).parents[3] / "examples" / "terminal" / "page"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("bwrap") is None, reason="there is no bubblewrap here, to make a wall of"
    ),
]


@pytest.fixture
async def url(serve: Serve) -> str:
    return await serve("terminal")


async def test_a_name_is_a_computer_of_its_own(url: str) -> None:
    address = f"ws{url.removeprefix('http')}/terminal/"
    for name, expected in (("desk", b"1\r\n"), ("desk", b"2\r\n"), ("other", b"1\r\n")):
        async with connect(f"{address}{name}?cols=80&rows=24") as ws:
            await ws.send(b"echo here >> seen; wc -l < seen; exit\n")
            shown = b""
            while isinstance(message := await ws.recv(), bytes):
                shown += message
            assert json.loads(message) == {"type": "ready"}
            while isinstance(message := await ws.recv(), bytes):
                shown += message
            assert expected in shown
            assert json.loads(message) == {"type": "exit", "code": 0}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/terminal/desk?cols=80&rows=24", 426),
        ("/terminal/desk", 400),
        ("/terminal/desk?cols=wide&rows=24", 400),
        ("/terminal/NO?cols=80&rows=24", 400),
        ("/terminal/", 400),
        ("/terminal/a/b", 404),
        ("/other", 404),
        ("/", 200),
        ("/package.json", 404),
    ],
)
async def test_other_requests(
    url: str, http: aiohttp.ClientSession, path: str, status: int
) -> None:
    async with http.get(url + path) as response:
        assert response.status == status


async def test_a_terminal_of_no_size_is_refused(url: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws{url.removeprefix('http')}/terminal/desk?cols=0&rows=24")
    assert refused.value.response.status_code == 400


# The page.


class TerminalTab(Tab):
    async def type(self, text: str) -> None:
        await self.command("Input.insertText", text=text)

    async def press(self, key: str, code: int, modifiers: int = 0) -> None:
        facts = {"key": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        typed = {"text": "\r"} if key == "Enter" else {}
        await self.command("Input.dispatchKeyEvent", type="keyDown", **facts, **typed)
        await self.command("Input.dispatchKeyEvent", type="keyUp", **facts)

    async def enter(self, line: str) -> None:
        await self.type(line)
        await self.press("Enter", 13)

    async def shows(self, text: str) -> None:
        """Until a line that is shown begins with a text; what a canvas shows has no DOM."""
        await self.wait_for(
            "(() => { const buffer = perdure.shown.terminal.buffer.active;"
            "  for (let i = 0; i < buffer.length; i++)"
            f"    if (buffer.getLine(i).translateToString(true).startsWith({json.dumps(text)}))"
            "      return true;"
            "  return false; })()"
        )

    async def size(self) -> Any:
        return await self.run("[perdure.shown.terminal.rows, perdure.shown.terminal.cols]")

    async def becomes(self, state: str) -> None:
        await self.wait_for(f"document.querySelector('#status').className === '{state}'")

    async def lose_connection(self) -> None:
        """As if the network had gone; until the page has said so, which is not for long."""
        await self.run(
            "new Promise(done => { const status = document.querySelector('#status');"
            "  new MutationObserver(() => status.className === 'lost' && done())"
            "    .observe(status, {attributes: true});"
            "  perdure.shown.socket.close(4000); })"
        )

    async def status(self) -> Any:
        return await self.run("document.querySelector('#status').textContent")


@pytest.fixture
async def tab(tmp_path: Path, http: aiohttp.ClientSession) -> AsyncIterator[TerminalTab]:
    if not (PAGE / "node_modules").exists():
        pytest.skip("there is no xterm.js here, to look at: `.ci/run peer` installs it")
    async with chromium(tmp_path / "profile", http) as open_tab:
        yield TerminalTab(await open_tab())


@pytest.mark.browser
async def test_a_person_types_and_sees(url: str, tab: TerminalTab) -> None:
    await tab.open(url)
    await tab.becomes("open")
    await tab.enter("echo $((20 + 3)) $(stty size)")
    rows, cols = await tab.size()
    await tab.shows(f"23 {rows} {cols}")

    # Another size of the window is one of the terminal.
    await tab.command(
        "Emulation.setDeviceMetricsOverride",
        width=640,
        height=400,
        deviceScaleFactor=1,
        mobile=False,
    )
    await tab.wait_for(f"perdure.shown.terminal.cols !== {cols}")
    rows, cols = await tab.size()
    await tab.enter("clear; echo now $(stty size)")
    await tab.shows(f"now {rows} {cols}")


@pytest.mark.browser
async def test_what_writes_without_end_can_be_looked_at_and_ended(
    url: str, tab: TerminalTab
) -> None:
    await tab.open(url)
    await tab.becomes("open")
    await tab.run(
        "let most = 0, heard = 0; const shell = perdure.shown; const write = shell.write;"
        "shell.write = (bytes, socket) => { write.call(shell, bytes, socket);"
        "  heard += bytes.length; most = Math.max(most, shell.undrawn); }"
    )
    await tab.enter("yes")
    # More than is ever sent ahead, so it is sent because the page says what it has drawn.
    await tab.wait_for(f"heard > {4 * WAITING_BYTES_MAX}")
    await tab.press("c", 67, modifiers=2)
    await tab.enter("echo it is $((40 + 2))")
    await tab.shows("it is 42")
    assert await tab.run("most") < WAITING_BYTES_MAX + CHUNK_BYTES_MAX


@pytest.mark.browser
async def test_shells_end_and_begin_again(url: str, tab: TerminalTab) -> None:
    await tab.open(url + "/#shells")
    await tab.becomes("open")
    await tab.enter("exit 3")
    await tab.becomes("ended")
    assert await tab.status() == "Ended with 3"
    await tab.press("Enter", 13)
    await tab.becomes("open")
    await tab.enter("echo $((1 + 1)) > file")
    await tab.run("document.querySelector('#new').click()")
    await tab.becomes("open")
    await tab.enter("until [ -s file ]; do sleep 0.05; done; cat file")
    await tab.shows("2")
    assert await tab.run("document.querySelectorAll('.tab').length") == 2

    await tab.lose_connection()
    await tab.becomes("open")
    await tab.shows("── a new shell")
    await tab.run("document.querySelector('[aria-selected=true] .end').click()")
    assert await tab.run("document.querySelectorAll('.tab').length") == 1
