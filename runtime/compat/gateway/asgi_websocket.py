"""One WebSocket, as an ASGI application hears of it and speaks to it.

Its subprotocol is what the application chooses among those that the client offers. A client that
reads slowly holds the application up in its ``send``: nothing is dropped, and nobody is cut off.
"""

import asyncio
import logging

from ....actors.execution import Execution
from ....actors.http import Request, Response
from ....actors.link import RELAY, PairLink
from ....actors.session import INTERNAL_ERROR, NORMAL
from ....actors.socket_events import CloseEvent, SocketEvent
from ....actors.socket_iterator import SocketIterator
from ....actors.websocket import WebSocket
from .answer import Answer
from .asgi_http import AsgiApp, Message, Scope, run_answering, start, write
from .errors import ClientDisconnected, ProtocolMisused
from .incoming import offered_subprotocols, text_of

log = logging.getLogger("perdure.gateway")

# So much may be sent in one turn; then it ends, so that it leaves.
TURN_SIZE_BYTES_MAX = 64 * 1024


class _HeldSocket(WebSocket):
    """A socket that says whether its client reads."""

    __slots__ = ("room",)

    room: asyncio.Future[None] | None

    def hold(self) -> None:
        if self.room is None and self.owner is not None:
            self.room = self.owner.loop.create_future()

    def go_on(self) -> None:
        room, self.room = self.room, None
        if room is not None and not room.done():
            room.set_result(None)

    @property
    def is_open(self) -> bool:
        return self.ready_state == self.OPEN


class WebSocketExchange:
    """One connection. ``receive`` and ``send`` are the application's."""

    def __init__(self, request: Request, execution: Execution) -> None:
        self._execution = execution
        self._offered = offered_subprotocols(request)
        self.answer = Answer("ASGI", execution.loop)
        self._socket: _HeldSocket | None = None
        self._messages: SocketIterator | None = None
        self._closed: CloseEvent | None = None
        # The application has said whether it takes the connection.
        self._decided: asyncio.Future[None] = execution.loop.create_future()
        self.answer.ended.add_done_callback(self._decide)
        self._is_announced = False
        self._is_denied = self._has_closed = False
        self._turn_size_bytes = 0

    async def receive(self) -> Message:
        self._turn_size_bytes = 0
        if not self._is_announced:
            self._is_announced = True
            return {"type": "websocket.connect"}
        if self._messages is None:  # some listen in one task and accept in another
            await asyncio.shield(self._decided)
        if self._messages is None:
            return _disconnect(1006, "")
        try:
            message = await anext(self._messages)
        except StopAsyncIteration:
            closed = self._closed
            return _disconnect(1006, "") if closed is None else _disconnect_of(closed)
        kind = "text" if isinstance(message, str) else "bytes"
        return {"type": "websocket.receive", kind: message}

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.accept":
            self._accept(message)
        elif kind == "websocket.send":
            await self._send(message)
        elif kind == "websocket.close":
            await self._close(message)
        elif kind == "websocket.http.response.start" and self._socket is None:
            self._is_denied = True
            start(self.answer, message)
        elif kind == "websocket.http.response.body" and self._is_denied:
            await write(self.answer, message)
        else:
            raise ProtocolMisused("ASGI", f"sends {kind!r} at a time when a WebSocket takes none")

    def _accept(self, message: Message) -> None:
        if self._socket is not None or self._is_denied:
            raise ProtocolMisused("ASGI", "has answered the WebSocket's client already")
        protocol = message.get("subprotocol")
        if protocol is not None and protocol not in self._offered:
            offers = ", ".join(self._offered) or "none"
            problem = f"chooses the subprotocol {protocol!r}, but its client offers {offers}"
            raise ProtocolMisused("ASGI", problem)
        headers = [(text_of(n), text_of(v)) for n, v in message.get("headers") or ()]
        if protocol is not None:
            headers.append(("Sec-WebSocket-Protocol", protocol))
        server = _HeldSocket.unaccepted(protocol=protocol or "")
        assert isinstance(server, _HeldSocket), "it makes its own class"
        server.room = None
        client = WebSocket.unaccepted(protocol=protocol or "")
        response = Response(None, 101, headers=headers, web_socket=client)
        to_server, to_client = PairLink(server), PairLink(client)
        to_server.other, to_client.other = to_client, to_server
        client.connect(to_server)
        server.connect(to_client)
        server.take(self._execution, (RELAY, None))
        server.add_event_listener("close", self._heard_close)
        self._messages = aiter(server)
        self._socket = server
        self.answer.is_complete = True
        self.answer.response.set_result(response)
        self._decide()

    def _decide(self, _: object = None) -> None:
        if not self._decided.done():
            self._decided.set_result(None)

    def _heard_close(self, event: SocketEvent) -> None:
        assert isinstance(event, CloseEvent), "it listens to these"
        self._closed = event
        if self._socket is not None:
            self._socket.go_on()

    async def _send(self, message: Message) -> None:
        socket = self._opened("sends a message")
        text = message.get("text")
        data: str | bytes = bytes(message.get("bytes") or b"") if text is None else text
        self._turn_size_bytes += len(data)
        if self._turn_size_bytes > TURN_SIZE_BYTES_MAX:
            self._turn_size_bytes = 0
            await asyncio.sleep(0)
        while socket.room is not None and socket.is_open:
            await asyncio.shield(socket.room)
        if not socket.is_open:
            raise ClientDisconnected
        socket.send(data)

    def _opened(self, what: str) -> _HeldSocket:
        if self._socket is None:
            raise ProtocolMisused("ASGI", f"{what} before it has accepted the WebSocket")
        if self._has_closed:
            raise ProtocolMisused("ASGI", f"{what} after it has closed the WebSocket")
        return self._socket

    async def _close(self, message: Message) -> None:
        if self._socket is None and not self._is_denied:
            self._is_denied = True
            self.answer.start(403, [])
            await self.answer.write(b"", more=False)
            return
        socket = self._opened("closes")
        self._has_closed = True
        code = message.get("code", NORMAL)
        if socket.is_open:
            socket.close(NORMAL if code is None else code, message.get("reason") or "")

    def end(self, error: BaseException | None) -> None:
        """The application has returned, or raised."""
        socket = self._socket
        if socket is None or not socket.is_open or self._has_closed:
            return
        if error is None:
            socket.close(NORMAL)
        else:
            socket.close(INTERNAL_ERROR)


def _disconnect(code: int, reason: str) -> Message:
    return {"type": "websocket.disconnect", "code": code, "reason": reason}


def _disconnect_of(event: CloseEvent) -> Message:
    return _disconnect(event.code, event.reason)


def describe(scope: Scope, request: Request) -> None:
    """Have ``scope`` be that of a WebSocket which ``request`` asks for."""
    scope.update(
        type="websocket",
        scheme={"http": "ws", "https": "wss"}.get(scope["scheme"], scope["scheme"]),
        subprotocols=offered_subprotocols(request),
    )


async def serve_websocket(
    app: AsgiApp, request: Request, scope: Scope, execution: Execution
) -> Response:
    """Have ``app`` answer the upgrade, and go on with the connection."""
    exchange = WebSocketExchange(request, execution)
    describe(scope, request)
    scope["extensions"] = {"websocket.http.response": {}}

    async def application() -> None:
        try:
            await app(scope, exchange.receive, exchange.send)
        except BaseException as error:
            exchange.end(error)
            raise
        exchange.end(None)
        if not exchange.answer.is_complete:
            problem = "has returned without accepting the WebSocket, or refusing it"
            raise ProtocolMisused("ASGI", problem)

    return await run_answering(application(), exchange.answer, execution)
