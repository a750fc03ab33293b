"""Clients that others have written, each behind the same few calls."""

import asyncio
import base64
import json
import shutil
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect

from tests.browser import NewTab, Tab

HERE = Path(__file__).parent
MODULES = HERE.parents[1] / "node_modules"
# The system's may be older than Node's WebSocket; npm's package "node" is what .ci/run installs.
NODES = (MODULES / ".bin/node", shutil.which("node"))
NODE_MIN = 22
LINE_SIZE_BYTES_MAX = 2**26

# ["open", protocol], ["text", str], ["binary", bytes], ["close", code, reason]
Event = list[Any]


class Client(Protocol):
    """One WebSocket, which may be opened again.

    Attributes:
        reconnects: It does so by itself.
        can_ping: The program that uses it may send pings.
    """

    reconnects: bool
    can_ping: bool

    async def open(self, url: str, protocols: list[str]) -> None: ...
    async def next(self) -> Event: ...
    async def send(self, message: str | bytes) -> None: ...
    async def ping(self) -> None:
        """Returns when it is answered."""
        ...

    async def close(self, code: int, reason: str) -> None: ...


class WithWebsockets:
    """The library ``websockets``."""

    reconnects, can_ping = False, True
    _socket: ClientConnection

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._is_new = False

    async def open(self, url: str, protocols: list[str]) -> None:
        offered = [websockets.Subprotocol(name) for name in protocols]
        self._socket = await self._stack.enter_async_context(
            connect(url, subprotocols=offered or None, max_size=None)
        )
        self._is_new = True

    async def next(self) -> Event:
        if self._is_new:
            self._is_new = False
            return ["open", self._socket.subprotocol or ""]
        try:
            message = await self._socket.recv()
        except websockets.ConnectionClosed:
            return ["close", self._socket.close_code, self._socket.close_reason]
        return ["text" if isinstance(message, str) else "binary", message]

    async def send(self, message: str | bytes) -> None:
        await self._socket.send(message)

    async def ping(self) -> None:
        await (await self._socket.ping())

    async def close(self, code: int, reason: str) -> None:
        await self._socket.close(code, reason)


class WithAiohttp:
    """The client of ``aiohttp``."""

    reconnects, can_ping = False, True
    _socket: aiohttp.ClientWebSocketResponse

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._events: list[Event] = []

    async def open(self, url: str, protocols: list[str]) -> None:
        http = await self._stack.enter_async_context(aiohttp.ClientSession())
        self._socket = await http.ws_connect(url, protocols=protocols, max_msg_size=0)
        self._events.append(["open", self._socket.protocol or ""])

    async def next(self) -> Event:
        if self._events:
            return self._events.pop()
        message = await self._socket.receive()
        if message.type is aiohttp.WSMsgType.CLOSE:
            return ["close", message.data, message.extra]
        if message.type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING}:
            return ["close", self._socket.close_code, None]
        return ["text" if isinstance(message.data, str) else "binary", message.data]

    async def send(self, message: str | bytes) -> None:
        if isinstance(message, str):
            await self._socket.send_str(message)
        else:
            await self._socket.send_bytes(message)

    async def ping(self) -> None:
        """It has no answer to wait for, unless one reads it oneself."""
        self._socket._autoping = False
        await self._socket.ping(b"are you there?")
        answer = await self._socket.receive()
        assert (answer.type, bytes(answer.data)) == (aiohttp.WSMsgType.PONG, b"are you there?")
        self._socket._autoping = True

    async def close(self, code: int, reason: str) -> None:
        await self._socket.close(code=code, message=reason.encode())


class _Driven:
    """What drive.js drives; see there."""

    can_ping = False

    async def _command(self, method: str, *args: Any) -> None:
        raise AssertionError("each kind has its own")

    async def _heard(self) -> Event:
        raise AssertionError("each kind has its own")

    async def open(self, url: str, protocols: list[str]) -> None:
        await self._command("open", url, protocols, "arraybuffer")

    async def next(self) -> Event:
        event = await self._heard()
        if event[0] == "binary":
            return ["binary", base64.b64decode(event[1])]
        return event[:3]  # of a close without what there was of it: see test_chromium.py

    async def send(self, message: str | bytes) -> None:
        if isinstance(message, str):
            await self._command("text", message)
        else:
            await self._command("binary", base64.b64encode(message).decode())

    async def ping(self) -> None:
        raise AssertionError("a page cannot")

    async def close(self, code: int, reason: str) -> None:
        await self._command("close", code, reason)


class InNode(_Driven):
    """A client that runs in Node: ``kind`` says which, see in_node.mjs."""

    def __init__(self, kind: str, process: asyncio.subprocess.Process) -> None:
        self.reconnects = kind != "node"
        self._process = process

    @classmethod
    async def start(cls, kind: str, stack: AsyncExitStack) -> "InNode":
        program = await find_node()
        if kind != "node" and not (MODULES / kind).exists():
            pytest.skip(f"{kind} is not in node_modules: `.ci/run peer` installs it")
        process = await asyncio.create_subprocess_exec(
            program,
            HERE / "in_node.mjs",
            kind,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_SIZE_BYTES_MAX,
        )

        async def stop() -> None:
            assert process.stdin is not None
            process.stdin.close()  # it ends when nobody has commands any more
            await process.wait()

        stack.push_async_callback(stop)
        return cls(kind, process)

    async def _command(self, method: str, *args: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([method, *args]).encode() + b"\n")
        await self._process.stdin.drain()

    async def _heard(self) -> Event:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        assert line, "the client ended"
        event = json.loads(line)
        assert isinstance(event, list)
        return event


class InChromium(_Driven):
    """A page's own ``WebSocket``."""

    reconnects = False

    def __init__(self, tab: Tab) -> None:
        self.tab = tab

    @classmethod
    async def start(cls, new_tab: NewTab, page: str) -> "InChromium":
        """In a new tab that shows ``page``, from where the WebSockets then come."""
        tab = Tab(await new_tab())
        await tab.open(page)
        source = (HERE / "drive.js").read_text().replace("export ", "")
        await tab.run(
            source + "; var heard = [], wake = () => {};"
            "var driver = drive((...args) => new WebSocket(...args.slice(0, 2)),"
            " event => { heard.push(event); wake(); });"
            "var next = async () => {"
            " while (!heard.length) await new Promise(done => wake = done);"
            " return heard.shift(); }"
        )
        return cls(tab)

    async def _command(self, method: str, *args: Any) -> None:
        # What it returns is nothing that could be told, or is not wanted.
        await self.tab.run(f"void driver.{method}(...{json.dumps(args)})")

    async def _heard(self) -> Event:
        event = await self.tab.run("next()")
        assert isinstance(event, list)
        return event


async def find_node() -> str:
    """Node's program, new enough to have a WebSocket client of its own; else the test is skipped."""
    for program in NODES:
        if program is None or not Path(program).exists():
            continue
        asked = await asyncio.create_subprocess_exec(
            program, "--version", stdout=asyncio.subprocess.PIPE
        )
        version = (await asked.communicate())[0].decode()
        if int(version.lstrip("v").split(".")[0]) >= NODE_MIN:
            return str(program)
    pytest.skip(f"there is no Node {NODE_MIN} or newer: `.ci/run peer` installs one")


IN_PYTHON: dict[str, Callable[[AsyncExitStack], Client]] = {
    "websockets": WithWebsockets,
    "aiohttp": WithAiohttp,
}
IN_NODE = ("node", "partysocket", "reconnecting-websocket")
