"""Takes connections without TLS, at one port or several."""

import asyncio
import socket
from collections.abc import Callable, Sequence


class HttpListener:
    """Listens, and has each connection spoken HTTP on. Stands for a ``Server``.

    Args:
        loop: Where it runs.
        make: Makes what speaks HTTP.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, make: Callable[[], asyncio.BaseProtocol]
    ) -> None:
        self._loop = loop
        self._make = make
        self._servers: list[asyncio.Server] = []
        self._is_closed = False

    async def listen_on(self, sockets: Sequence[socket.socket], backlog: int) -> None:
        """Begin to accept, at ports that are open; the sockets are the listener's from now on."""
        for listening in sockets:
            server = await self._loop.create_server(self._make, sock=listening, backlog=backlog)
            self._servers.append(server)

    def close(self) -> None:
        """Accept no more. Closing twice does nothing."""
        if not self._is_closed:
            self._is_closed = True
            for server in self._servers:
                server.close()

    async def wait_closed(self) -> None:
        """Wait until nothing of ``close`` is left to do."""
        for server in self._servers:
            await server.wait_closed()
