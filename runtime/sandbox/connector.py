"""Connections of an HTTP client to servers inside sandboxes.

*Promise*: a sandbox stays awake while a request or a WebSocket to a server inside is under way;
a connection that only waits in the pool for the next request keeps nothing awake.
*Assumes*: URLs are made by ``inner_url``; all calls come from the loop's thread.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from .asking import SandboxRefused
from .awake import Awake
from .connection import SandboxConnection

# What is idle for longer is closed. Usual servers hang up after 5 s, some of them just when the
# next request comes.
KEEP_ALIVE_S: Final = 2.0


def inner_url(sandbox_id: str, port: int, url: str) -> str:
    """Return what a client with a ``SandboxConnector`` asks for, to reach a server inside.

    Path and query are those of ``url``, byte for byte: nothing is decoded, encoded or normalised.

    Args:
        sandbox_id: 64 hex digits.
        port: Where the server listens.
        url: Absolute; its host does not matter.
    """
    scheme, _, rest = url.partition("://")
    start = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    path = rest[start:].partition("#")[0]
    scheme = {"https": "http", "wss": "ws"}.get(scheme, scheme)
    return f"{scheme}://{sandbox_id}:{port}{path if path[:1] == '/' else '/' + path}"


class SandboxConnector(aiohttp.BaseConnector):
    """aiohttp's connections, as sockets that were made inside of sandboxes."""

    def __init__(
        self,
        connect: Callable[[str], Awaitable[SandboxConnection]],
        loop: asyncio.AbstractEventLoop,
        wait_s: float = 0.0,
    ) -> None:
        """Connect to nothing yet.

        Args:
            connect: Gives the connection to the keeper of a sandbox, which it may share.
            loop: Everything happens on it.
            wait_s: How long a server is waited for that does not listen yet.
        """
        super().__init__(limit=0, keepalive_timeout=KEEP_ALIVE_S, loop=loop)
        self._reach = connect
        self._wait_s = wait_s
        self._awake = Awake(connect, loop)

    def use(self, url: URL) -> Callable[[], None]:
        """Keep the sandbox of ``url`` awake until what is returned is called."""
        return self._awake.use(url.raw_host or "")

    async def connect(
        self,
        req: Any,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # aiohttp's name
    ) -> aiohttp.connector.Connection:
        """Give a connection, which is in use until it is released or closed."""
        self._awake.begin(req.url.raw_host)
        try:
            return await super().connect(req, traces, timeout)
        except BaseException:
            self._awake.end(req.url.raw_host)
            raise

    def _release(self, key: Any, protocol: ResponseHandler, *, should_close: bool = False) -> None:
        self._awake.end(key.host)
        super()._release(key, protocol, should_close=should_close)

    def _close(self, *, abort_ssl: bool = False) -> list[Awaitable[object]]:
        self._awake.close()
        return super()._close(abort_ssl=abort_ssl)

    async def _create_connection(
        self,
        req: Any,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # aiohttp's name
    ) -> ResponseHandler:
        del traces, timeout
        keeper = await self._reach(req.url.raw_host)
        inner = await self._socket(keeper, req.url.port)
        try:
            _, protocol = await self._loop.create_connection(self._factory, sock=inner)
        except BaseException:
            inner.close()
            raise
        return protocol

    async def _socket(self, keeper: SandboxConnection, port: int) -> socket.socket:
        try:
            return await keeper.socket(port)
        except SandboxRefused as refused:
            if refused.code != "SERVICE_NOT_RESPONDING" or not self._wait_s:
                raise
        await keeper.ask("listening", port=port, timeout_s=self._wait_s)
        return await keeper.socket(port)
