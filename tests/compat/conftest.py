"""Programs as they would be written for the platform, served from the files they are in."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from perdure.runtime.config.load import load
from perdure.runtime.server import Server
from tests.serving import Serving

PROGRAMS = Path(__file__).parent / "programs"

Start = Callable[..., Awaitable[str]]


@pytest.fixture
async def program(serve: Serving, tmp_path: Path) -> Start:
    """Serves a program of ``programs/``; gives its URL. Options are those of ``Server.start``."""

    async def start(
        name: str, file: str = "wrangler.toml", idle_timeout_s: float = 10, **options: Any
    ) -> str:
        config = load(PROGRAMS / name / file).config
        config = replace(config, perdure=replace(config.perdure, idle_timeout_s=idle_timeout_s))
        server: Server = await serve.start(config, data_dir=tmp_path / "data", **options)
        return f"http://127.0.0.1:{server.port}"

    return start


class Client:
    """A WebSocket client that is told what it has to hear, message by message."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def says(self, message: str | bytes) -> None:
        if isinstance(message, str):
            await self._socket.send_str(message)
        else:
            await self._socket.send_bytes(message)

    async def hears(self, *messages: str | bytes) -> None:
        for message in messages:
            heard = await self._socket.receive(timeout=30)
            assert heard.data == message

    async def heard(self) -> str:
        return str((await self._socket.receive(timeout=30)).data)

    async def closes(self, code: int = 1000, reason: str = "") -> tuple[int | None, bytes | str]:
        """Say goodbye; what the answer to that is."""
        await self._socket.close(code=code, message=reason.encode())
        return self._socket.close_code, ""


@pytest.fixture
async def client(http: aiohttp.ClientSession) -> AsyncIterator[Callable[[str], Awaitable[Client]]]:
    """Connects WebSocket clients."""
    sockets: list[aiohttp.ClientWebSocketResponse] = []

    async def connect(url: str) -> Client:
        socket = await http.ws_connect(url)
        sockets.append(socket)
        return Client(socket)

    yield connect
    for socket in sockets:
        await socket.close()
