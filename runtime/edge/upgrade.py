"""Turning an HTTP connection into a WebSocket, once the Worker has answered 101."""

import asyncio
import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aiohttp import HttpVersion11, web
from aiohttp.web_protocol import RequestHandler

from ..sockets.client_socket import ClientSocket
from ..sockets.deflate import Deflate
from ..sockets.extension import BadExtensions, choose, read_extensions
from ..sockets.keepalive import KeepAlive
from ..sockets.limits import SocketLimits
from .http_protocol import plain_response

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# What the handshake says itself; the Worker's own word on these does not count.
_OURS = frozenset(
    {
        "upgrade",
        "connection",
        "keep-alive",
        "sec-websocket-accept",
        "sec-websocket-extensions",
        "content-length",
        "content-type",
        "transfer-encoding",
    }
)


def accept_of(key: str) -> str:
    """The answer to a ``Sec-WebSocket-Key``."""
    digest = hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


@dataclass(frozen=True, slots=True)
class NoHandshake:
    """Why a request to become a WebSocket cannot be granted."""

    status: int
    why: str

    @property
    def headers(self) -> dict[str, str]:
        """What the refusal tells besides: which version is spoken here."""
        version = {"Sec-WebSocket-Version": "13"}
        return version | {"Upgrade": "websocket"} if self.status == 426 else version


def asks_for_websocket(request: web.BaseRequest) -> bool:
    """Whether the client names WebSocket as what it wants to speak."""
    if "Upgrade" not in request.headers:
        return False
    values = request.headers.getall("Upgrade")
    return any(t.strip().lower() == "websocket" for v in values for t in v.split(","))


def why_no_handshake(request: web.BaseRequest) -> NoHandshake | None:
    """What is wrong with the client's upgrade request, or None (RFC 6455, section 4.2.1)."""
    headers = request.headers
    if request.method != "GET":
        return NoHandshake(400, "a WebSocket upgrade is a GET request")
    if request.version < HttpVersion11:
        return NoHandshake(400, "a WebSocket upgrade is a request of HTTP/1.1")
    tokens = {t.strip().lower() for v in headers.getall("Connection", ()) for t in v.split(",")}
    if "upgrade" not in tokens:
        return NoHandshake(400, 'a WebSocket upgrade has the header "Connection: Upgrade"')
    if headers.get("Sec-WebSocket-Version") != "13":  # section 4.4: say which one would do
        why = 'this server speaks WebSocket version 13 ("Sec-WebSocket-Version: 13")'
        return NoHandshake(426, why)
    for name in ("Sec-WebSocket-Key", "Sec-WebSocket-Version"):  # sections 11.3.1 and 11.3.5
        if len(headers.getall(name, ())) > 1:
            return NoHandshake(400, f"{name} must not appear more than once")
    if not _is_key(headers.get("Sec-WebSocket-Key", "")):
        return NoHandshake(400, "Sec-WebSocket-Key must be 16 bytes in base64")
    if not _are_protocols(headers.getall("Sec-WebSocket-Protocol", ())):
        return NoHandshake(400, "Sec-WebSocket-Protocol must be a list of tokens, each once")
    try:  # section 9.1 has this fail, whether or not any extension is spoken here
        read_extensions(headers.getall("Sec-WebSocket-Extensions", ()))
    except BadExtensions as error:
        return NoHandshake(400, str(error))
    return None


def no_handshake(refused: NoHandshake) -> web.Response:
    """The answer that tells a client so."""
    return plain_response(refused.status, f"Bad Request: {refused.why}", refused.headers)


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 16
    except ValueError:
        return False


def _are_protocols(values: Sequence[str]) -> bool:
    """Whether subprotocols are offered as section 4.1 says, or none at all."""
    names = [name.strip(" \t") for value in values for name in value.split(",")]
    return len(set(names)) == len(names) and all(map(_TOKEN.fullmatch, names))


def upgrade(
    request: web.BaseRequest,
    fields: Iterable[tuple[str, str]],
    loop: asyncio.AbstractEventLoop,
    limits: SocketLimits,
    keep_alive: KeepAlive | None = None,
    *,
    compression: bool = False,
    kind: type[ClientSocket] = ClientSocket,
) -> tuple[ClientSocket, bytes] | None:
    """Write the 101 and take the connection over; None if the client has gone meanwhile.

    aiohttp's protocol object is told that its connection has ended, so that it, its parser and
    its buffers are released (PERFORMANCE.md: 1.3 instead of 13.7 KiB for each idle socket). The
    caller has to leave aiohttp's handler with CancelledError.

    Returns:
        The connection, and what the client had sent behind its request. The connection is to
        be given that as soon as it has a receiver, and before the loop reads on.
    """
    transport = request.transport
    if transport is None or transport.is_closing():
        return None
    head = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept_of(request.headers['Sec-WebSocket-Key'])}",
    ]
    agreed = choose(request.headers.getall("Sec-WebSocket-Extensions", ())) if compression else None
    if agreed is not None:
        head.append(f"Sec-WebSocket-Extensions: {agreed.header}")
    head += [f"{name}: {value}" for name, value in fields if name.lower() not in _OURS]
    transport.write("\r\n".join([*head, "", ""]).encode("utf-8", "surrogateescape"))
    deflate = None if agreed is None else Deflate.as_agreed(agreed, limits)
    connection = kind(transport, loop, limits, keep_alive=keep_alive, deflate=deflate)
    tail = _release(request.protocol, loop)
    transport.set_protocol(connection)
    transport.resume_reading()  # aiohttp pauses when much came behind the head
    return connection, tail


def _release(old: RequestHandler, loop: asyncio.AbstractEventLoop) -> bytes:
    """Have aiohttp forget the connection without closing it; give what it had read ahead."""
    tail = old._message_tail  # noqa: SLF001  # what came behind the head; nothing public has it
    old._message_tail = b""  # noqa: SLF001
    old.transport = None
    loop.call_soon(old.connection_lost, None)
    return tail
