"""examples/cursors: of each pointer only the newest position matters."""

import asyncio
import base64
import json
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.browser import Tab, chromium
from tests.wire import Wire

Serve = Callable[[str], Awaitable[str]]


@pytest.fixture
async def url(serve: Serve) -> str:
    return await serve("cursors")


def enter(url: str, board: str = "lobby") -> connect:
    return connect(f"ws{url.removeprefix('http')}/board/{board}")


async def hear(ws: ClientConnection) -> Any:
    return json.loads(await ws.recv())


async def test_a_pointer_is_seen_by_the_others_until_it_leaves(url: str) -> None:
    async with enter(url) as one:
        assert (await hear(one))["pointers"] == {}
        async with enter(url) as other, enter(url, "elsewhere") as stranger:
            me = (await hear(other))["you"]
            await hear(stranger)
            await other.send("[0.25, 2]")
            assert await hear(one) == {"id": me, "at": [0.25, 1.0]}
            async with enter(url) as late:
                welcome = await hear(late)
                assert welcome["pointers"] == {me: [0.25, 1.0]}
            assert await hear(one) == {"id": welcome["you"], "at": None}
        assert await hear(one) == {"id": me, "at": None}


@pytest.mark.parametrize(
    "bad", ["garbage", "[1]", '["a", "b"]', "{}", "[1, 2, 3]", "5", "[null, 1]"]
)
async def test_what_is_no_position_ends_its_connection_only(url: str, bad: str) -> None:
    async with enter(url) as one, enter(url) as other:
        await hear(one)
        await hear(other)
        await one.send(bad)
        await one.wait_closed()
        assert one.close_code == 1003
        assert (await hear(other))["at"] is None
        async with enter(url) as third:
            await hear(third)
            await third.send("[0, 0]")
            assert (await hear(other))["at"] == [0.0, 0.0]


async def test_who_reads_slowly_is_spared_old_positions_and_gets_the_newest(
    url: str, http: aiohttp.ClientSession
) -> None:
    host, port = url.removeprefix("http://").split(":")
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(narrow, (host, int(port)))
    reader, writer = await asyncio.open_connection(sock=narrow, limit=2**10)
    key = base64.b64encode(b"0123456789abcdef").decode()
    writer.write(
        f"GET /board/lobby HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    slow = Wire(reader, writer)
    async with slow, enter(url) as quick:
        await hear(quick)
        sent = 0
        while not await spared(http, url):  # until the kernel takes no more for the slow one
            for _ in range(2000):
                sent += 1
                await quick.send(json.dumps([sent / 10_000_000, 0.5]))
        last = [sent / 10_000_000, 0.5]
        await reader.readuntil(b"\r\n\r\n")
        seen = [json.loads(await slow.text())]
        while seen[-1].get("at") != last:
            seen.append(json.loads(await slow.text()))
        assert len(seen) < sent
        positions = [message["at"][0] for message in seen[1:]]
        assert positions == sorted(positions), "never back to where it was"


async def spared(http: aiohttp.ClientSession, url: str) -> int:
    async with http.get(f"{url}/statistics/lobby") as response:
        statistics: list[list[int]] = await response.json()
        return max(dropped for _, dropped in statistics)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.asyncio(loop_factories=["uvloop"])
async def test_two_pages_see_each_others_pointers(
    url: str, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with chromium(tmp_path / "profile", http) as open_tab:
        one, other = Tab(await open_tab()), Tab(await open_tab())
        for tab in (one, other):
            await tab.open(url)
            await tab.wait_for("document.querySelector('#status').className === 'open'")
        await one.command("Page.bringToFront")  # a page that nobody sees draws nothing
        await one.command("Input.dispatchMouseEvent", type="mouseMoved", x=100, y=50)
        await other.wait_for("document.querySelector('.pointer') !== null")
        size = await one.run("[innerWidth, innerHeight]")
        at = await other.run("document.querySelector('.pointer').dataset.at.split(' ').map(Number)")
        assert at == pytest.approx([100 / size[0], 50 / size[1]])
        assert await one.run("document.querySelectorAll('.pointer').length") == 0
        await one.run("socket.onclose = null; socket.close()")
        await other.wait_for("document.querySelector('.pointer') === null")
