"""Requests to servers inside sandboxes: passed on as they came, and the answers as they are.

What differs from a request to the network: nothing is decoded, followed or added; the server is
told that it is ``localhost``, which is where it believes itself to be.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from ...actors.body import StreamSource
from ...actors.fetch import fetch_by
from ...actors.http import Request, Response
from ...actors.http_errors import InvalidBody
from ..sandbox.asking import SandboxRefused
from ..sandbox.connection import SandboxConnection
from ..sandbox.connector import SandboxConnector, inner_url
from ..sandbox.streams import Refused
from ..sockets.keepalive import KeepAlive
from ..sockets.limits import SocketLimits
from .answer import writable
from .hop_by_hop import without_named
from .outbound import HttpOutbound, NetworkError, why_broken_off

CONNECT_TIMEOUT_S: Final = 60
# Who starts a server and connects at once finds it there.
LISTEN_WAIT_S: Final = 10.0
# Of one line of an answer's head; cookies of development servers are long.
LINE_BYTES_MAX: Final = 64 * 1024
# What concerns one connection only, besides what aiohttp says by itself.
_OF_THE_CONNECTION: Final = (
    "Host",
    "Connection",
    "Keep-Alive",
    "Proxy-Connection",
    "Transfer-Encoding",
    "TE",
    "Trailer",
    "Upgrade",
    "Expect",
)


class SandboxOutbound(HttpOutbound):
    """Sends requests into sandboxes, with one pool of connections for the process."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limits: SocketLimits,
        connect: Callable[[str], Awaitable[SandboxConnection]],
        keep_alive: KeepAlive | None = None,
    ) -> None:
        """Connect to nothing yet.

        Args:
            loop: Everything happens on it.
            limits: Of WebSockets.
            connect: Gives the connection to the keeper of a sandbox, which it may share.
            keep_alive: Pings WebSockets; None for nobody.
        """
        super().__init__(loop, limits, keep_alive)
        self._connector = SandboxConnector(connect, loop, LISTEN_WAIT_S)

    async def fetch_inside(self, sandbox_id: str, port: int, request: Request) -> Response:
        """Send a request of an actor to what listens on a port inside.

        Redirects are given back, and bodies flow; an upgrade gives a response with the socket.

        Raises:
            SandboxRefused: SERVICE_NOT_RESPONDING, if nothing listens there or there is no
                answer, or why there is no such sandbox.
            NotInHandler: No handler is running.
        """
        inner = Request(request)
        inner.url = inner_url(sandbox_id, port, request.url)
        inner.redirect = "manual"
        response = await fetch_by(self, inner)
        response.url = request.url
        return response

    async def close(self) -> None:
        """End what is under way, and the pool."""
        await super().close()
        await self._connector.close()

    def new_session(self) -> aiohttp.ClientSession:
        """Return a session that adds nothing, and decodes nothing."""
        return aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            connector=self._connector,
            auto_decompress=False,
            max_line_size=LINE_BYTES_MAX,
            max_field_size=LINE_BYTES_MAX,
        )

    def fields(self, request: Request) -> CIMultiDict[str]:
        """Return the header fields as they came, to a server that is localhost."""
        fields = CIMultiDict(
            [(name, writable(value)) for name, value in request.header_fields().items()]
        )
        for name in _OF_THE_CONNECTION:
            fields.popall(name, None)
        if request.is_upgrade:  # its body, if it has one, is not sent: nobody is to wait for it
            fields.popall("Content-Length", None)
        fields["Host"] = f"localhost:{URL(request.url, encoded=True).port}"
        return fields

    def data(self, request: Request, fields: CIMultiDict[str]) -> Any:
        """Return the body, which is sent with the length that it came with, if it had one."""
        content = request.take_content()
        declared = fields.popall("Content-Length", [])
        if content is None or isinstance(content, bytes):
            return content
        if len(declared) == 1 and declared[0].isascii() and declared[0].isdecimal():
            fields["Content-Length"] = declared[0]
            return _chunks(content, int(declared[0]))
        return _chunks(content, None)

    def answered(self, request: Request, incoming: aiohttp.ClientResponse) -> CIMultiDict[str]:
        """Return the header fields of an answer, as they came."""
        del request
        return CIMultiDict(without_named(incoming.headers))

    def failure(self, request: Request, error: BaseException) -> Exception:
        """Return an error that speaks of the port inside."""
        port = URL(request.url, encoded=True).port
        text = f"The server on port {port} inside the sandbox did not answer: {error}"
        return SandboxRefused(Refused("SERVICE_NOT_RESPONDING", text, port=port))

    def broken_off(self, url: URL, error: BaseException) -> NetworkError:
        """Return an error that speaks of the port inside."""
        text = f"The answer of the server on port {url.port} inside the sandbox broke off: "
        return NetworkError(text + why_broken_off(error))

    def use(self, url: URL) -> Callable[[], None]:
        """Keep a sandbox awake while a WebSocket of it is open."""
        return self._connector.use(url)

    def sandbox_of(self, url: URL) -> str | None:
        """Return the id, which is what the host of such a URL is."""
        return url.raw_host


async def _chunks(source: StreamSource, declared: int | None) -> AsyncIterator[bytes]:
    """What ``source`` gives; as long as was declared, or else the connection is not used again.

    A server that waits for the rest of a body would take the next request on its connection,
    which may be somebody else's, for that.
    """
    size = 0
    while chunk := await source.read_chunk():
        size += len(chunk)
        if declared is not None and size > declared:
            break
        yield chunk
    if declared is not None and size != declared:
        raise InvalidBody("request", f"has another length than the {declared} bytes it declares")
