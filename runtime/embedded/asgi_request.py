"""A request of another server, as its scope and its messages tell it."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import quote

from multidict import CIMultiDict, CIMultiDictProxy

from ...actors.http import Request
from ...actors.http_errors import BodyTooLate
from ..edge.client_address import normal_address
from ..edge.firewall.head import RequestHead
from ..edge.outside import Outside, origin_of
from ..edge.request_body import BodyTooLarge, ClientGone
from ..sandbox.purpose import FIELD

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# What may stand in a path as it is.
_SAFE = "/~!$&'()*+,;=:@%"


class HostedBody:
    """The body of a request. Is a ``StreamSource``.

    Attributes:
        is_too_large: More came than is allowed.
        ended: Done when all of it was read.
    """

    def __init__(
        self, receive: Receive, size_bytes_max: int, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._receive = receive
        self._size_bytes_max = self._left = size_bytes_max
        self._loop = loop
        # The server's own: it is read from within handlers, whose tasks wait at their gates.
        self._context = contextvars.copy_context()
        self._reading: asyncio.Task[Message] | None = None
        self._is_closed = False
        self.is_too_large = False
        self.ended: asyncio.Future[None] = loop.create_future()

    async def read_chunk(self) -> bytes:
        while not self.ended.done():
            if self.is_too_large:
                raise BodyTooLarge(self._size_bytes_max)
            if self._is_closed:
                raise BodyTooLate("request")
            message = await self._next()
            if message["type"] == "http.disconnect":
                self._is_closed = True
                raise ClientGone("the client went away while sending its body")
            chunk = bytes(message.get("body", b""))
            if not message.get("more_body", False):
                self.ended.set_result(None)
            self._left -= len(chunk)
            if self._left < 0:
                self.is_too_large = True
                raise BodyTooLarge(self._size_bytes_max)
            if chunk:
                return chunk
        return b""

    async def _next(self) -> Message:
        """The next message; a reader that was cancelled has not lost it."""
        if self._reading is None:

            async def read() -> Message:
                return await self._receive()

            self._reading = asyncio.Task(read(), loop=self._loop, context=self._context.copy())
        message = await asyncio.shield(self._reading)
        self._reading = None
        return message

    async def wait_for_disconnect(self) -> None:
        """Return when the client has gone; call it when the body has ended."""
        while (await self._next())["type"] != "http.disconnect":
            pass

    def close(self) -> None:
        """Nobody reads on."""
        self._is_closed = True
        if self._reading is not None:
            self._reading.cancel()

    def cancel(self, reason: BaseException | None = None) -> None:
        """What is left is the server's to drop."""
        del reason


class HostedRequest:
    """The head of a request.

    Attributes:
        method, url, fields, address: As a Request has them.
        head: What the firewall looks at.
    """

    def __init__(self, scope: Scope, outside: Outside, *, is_upgrade: bool) -> None:
        fields = CIMultiDict(
            [
                (name.decode("latin-1"), value.decode("utf-8", "surrogateescape"))
                for name, value in scope["headers"]
            ]
        )
        fields.popall(FIELD, None)  # only we may say it
        if is_upgrade:  # over HTTP/2 it is asked for in another way
            fields.setdefault("Upgrade", "websocket")
            fields.setdefault("Connection", "Upgrade")
        client = scope.get("client")
        peer = "" if not client or not client[0] else normal_address(str(client[0]))
        scheme: str = scope["scheme"].replace("ws", "http")
        host = fields.get("Host", "")
        seen = outside.look(peer, fields) if outside.trusted else None
        if seen is not None:
            peer, scheme, host = seen.address, seen.scheme or scheme, seen.host or host
        target = target_of(scope)
        self.method: str = scope.get("method", "GET")
        self.fields = CIMultiDictProxy(fields)
        self.address = peer or None
        self.url = (origin_of(scheme, host) or _own_origin(scheme, scope)) + target
        self.head = RequestHead(
            self.method, target, self.fields, host=host, address=peer, is_upgrade=is_upgrade
        )

    @property
    def may_have_body(self) -> bool:
        """A GET without a length has none, whatever the version of HTTP."""
        if self.fields.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.fields:
            return True
        return self.method not in {"GET", "HEAD", "OPTIONS"} and "Content-Length" not in self.fields

    def request(self, body: HostedBody | None) -> Request:
        """The request that the program sees."""
        return Request.incoming(self.method, self.url, self.fields, body, self.address)


def target_of(scope: Mapping[str, Any]) -> str:
    """Path and query below the place where the program is mounted."""
    root = scope.get("root_path") or ""
    path: str = scope["path"]
    raw: bytes = scope.get("raw_path") or b""
    text = raw.partition(b"?")[0].decode("latin-1") if raw else quote(path, safe=_SAFE)
    if root and (path == root or path.startswith(f"{root}/")):
        quoted = quote(root, safe=_SAFE)
        text = text.removeprefix(quoted) if text.startswith(quoted) else quote(path[len(root) :])
    query = scope.get("query_string") or b""
    return f"{text or '/'}{'?' if query else ''}{query.decode('latin-1')}"


def _own_origin(scheme: str, scope: Scope) -> str:
    """The server's own address, for a client that names none."""
    server = scope.get("server")
    if not server or server[1] is None:
        return f"{scheme}://localhost"
    host = f"[{server[0]}]" if ":" in server[0] else server[0]
    return f"{scheme}://{host}:{server[1]}"
