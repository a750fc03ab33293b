"""Connections that user code opens: ``WebSocket(url)`` up to its ``open`` event, or its failure."""

import asyncio
import re
from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

from yarl import URL

from .errors import SocketStateError
from .execution import Execution
from .headers import Headers, HeadersInit
from .http import Request, Response, UpgradeSocket
from .http_errors import InvalidInit, InvalidUrl
from .link import NoPeer, SocketReceiver
from .response_stream import let_go
from .rpc import decode_error
from .session import SocketState
from .socket_turn import NotConnected, SocketInput
from .url import absolute_url
from .watch import with_trace

# RFC 9110, section 5.6.2.
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_WEBSOCKET_SCHEMES = {"http": "ws", "https": "wss"}


class ConnectingSocket(Protocol):
    """What the handshake asks of the socket that it is for."""

    state: SocketState

    def opened(self, inner: UpgradeSocket) -> None:
        """The handshake has succeeded: go on with the connection that ``inner`` has got."""
        ...

    def announce(self, what: SocketInput) -> None:
        """Have listeners hear something that the peer has not said."""
        ...


class Handshake(NoPeer):
    """Stands for the connection until there is one. Is a ``SocketLink``.

    The task that waits for the answer keeps the actor in memory; a socket that is connecting is
    not among ``ctx.sessions`` yet, so that whoever sends to all of those need not mind it.
    """

    __slots__ = ("_answered", "_socket", "_url")

    def __init__(self, socket: ConnectingSocket, owner: Execution, request: Request) -> None:
        self._socket = socket
        self._url = request.url
        self._answered: asyncio.Future[Response] = owner.loop.create_future()
        gate = owner.root if owner.turn is None else owner.turn.gate
        owner.start(self._wait(), gate).start_later()
        owner.emit(self._send, owner, request)

    def set_receiver(self, receiver: SocketReceiver) -> None:
        """Nothing is heard before the handshake has ended, and then from another link."""

    def sever(self, code: int, reason: str) -> None:
        """Give up: the socket is closed before it was open."""
        del code, reason
        self._fail(SocketStateError("the WebSocket was closed before its connection stood"))

    def _send(self, owner: Execution, request: Request) -> None:
        if not self._answered.done():
            owner.outbound.fetch(request, partial(self._on_reply, owner))

    def _on_reply(self, owner: Execution, answer: Any, failure: bytes | None) -> None:
        if failure is not None:
            self._fail(decode_error(failure, is_ours=True))
        elif self._answered.done() or owner.is_over:
            let_go(answer)
        else:
            self._answered.set_result(answer)

    def _fail(self, error: BaseException) -> None:
        if not self._answered.done():
            self._answered.set_exception(error)
            self._answered.exception()  # an actor that is gone meanwhile does not ask

    async def _wait(self) -> None:
        socket = self._socket
        try:
            response = await self._answered
        except Exception as error:
            socket.announce(NotConnected(error))
            return
        if response.web_socket is not None and socket.state is SocketState.CONNECTING:
            socket.opened(response.web_socket)
            return
        let_go(response)
        # Not the answer's URL: what brought it speaks HTTP, and has made http: of ws:.
        why = f"{self._url}: the server answered {response.status}, which is no WebSocket"
        socket.announce(NotConnected(ConnectionError(why)))


def begin_handshake(socket: ConnectingSocket, owner: Execution, request: Request) -> Handshake:
    """Have ``request`` leave when the turn's writes are durable; ``socket`` hears what comes."""
    return Handshake(socket, owner, with_trace(request))


def opening_request(
    url: str | URL, protocols: str | Sequence[str], headers: HeadersInit
) -> Request:
    """The upgrade request of ``WebSocket(url, protocols, headers=headers)``.

    Raises:
        InvalidUrl: The URL has a fragment, another scheme, or is none.
        InvalidInit: A subprotocol is no token, or is named twice.
    """
    text, parsed = absolute_url(url)
    parsed = URL(text, encoded=True) if parsed is None else parsed
    if "#" in str(url):
        raise InvalidUrl(text, "the URL of a WebSocket has no fragment")
    parsed = parsed.with_scheme(_WEBSOCKET_SCHEMES.get(parsed.scheme, parsed.scheme))
    fields = Headers(headers)
    names = [protocols] if isinstance(protocols, str) else list(protocols)
    for name in names:
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise InvalidInit(f"{name!r} cannot be the name of a WebSocket subprotocol")
    if len(set(names)) < len(names):
        raise InvalidInit(f"a WebSocket subprotocol is offered twice: {', '.join(names)}")
    if names:
        fields["Sec-WebSocket-Protocol"] = ", ".join(names)
    fields["Upgrade"] = "websocket"
    return Request(str(parsed), headers=fields)
