"""curl asks for a WebSocket, and shows the bytes that come: it knows nothing of frames.

It cannot say anything either, so what another client would say comes over HTTP here.
"""

import asyncio
import base64
import contextlib
import hashlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.clients.conftest import Town
from tests.wire import CLOSE, KEY, PING, TEXT, Answer, Wire

pytestmark = pytest.mark.slow

CURL = shutil.which("curl")


@contextlib.asynccontextmanager
async def curl(town: Town, query: str = "") -> AsyncIterator[tuple[Wire, Answer]]:
    """The bytes that curl shows, and the head that it got."""
    if CURL is None:
        pytest.skip("there is no curl here: `.ci/run packages` installs it")
    process = await asyncio.create_subprocess_exec(
        *(CURL, "--silent", "--include", "--no-buffer", "--max-time", "60"),
        *("-H", "Connection: Upgrade", "-H", "Upgrade: websocket"),
        *("-H", "Sec-WebSocket-Version: 13", "-H", f"Sec-WebSocket-Key: {KEY}"),
        *("-H", "Sec-WebSocket-Protocol: chat.v1, chat.v2"),
        town.room("hibernating", query).replace("ws", "http", 1),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**26,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    wire = Wire(process.stdout, process.stdin)
    try:
        yield wire, await wire.head()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def next_text(wire: Wire) -> str:
    """The next text; pings may come before it, which nobody answers."""
    while (frame := await wire.frame()).opcode == PING:
        pass
    assert frame.opcode == TEXT, frame
    return frame.payload.decode()


async def test_the_upgrade_and_the_frames_behind_it(town: Town) -> None:
    async with curl(town, "?greet=hello") as (wire, head):
        assert (head.status, head.reason) == (101, "Switching Protocols")
        assert head.get("Upgrade") == "websocket"
        accepted = hashlib.sha1(KEY.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        assert head.get("Sec-WebSocket-Accept") == base64.b64encode(accepted).decode()
        assert head.get("Sec-WebSocket-Protocol") == "chat.v2"
        assert await next_text(wire) == "hello"
        long = "x" * 4000
        assert await town.get(f"/hibernating/lobby?say={long}") == 1
        assert await next_text(wire) == long
        while (await wire.frame()).opcode != PING:  # nothing else is said
            pass
    assert (await town.closed())[::2] == [1006, False]


async def test_a_server_that_stops_says_so_and_another_serves(town: Town) -> None:
    port = town.server.port
    async with curl(town, "?greet=one") as (wire, _):
        assert await next_text(wire) == "one"
        await town.stop()
        while (frame := await wire.frame()).opcode != CLOSE:
            pass
        assert frame.close == (1001, "the server is going away")
        assert await wire.rest() == b""
    await town.start(port)
    async with curl(town, "?greet=two") as (wire, _):
        assert await next_text(wire) == "two"


async def test_what_wakes_the_actor_reaches_who_stayed(
    town: Town, evicted: Callable[[], Awaitable[object]]
) -> None:
    async with curl(town) as (wire, _):
        await evicted()
        assert await town.get("/hibernating/lobby?say=awake") == 1
        assert await next_text(wire) == "awake"
