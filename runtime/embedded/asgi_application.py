"""A perdure program as an ASGI application: ``app = perdure.asgi("wrangler.toml")``."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Unpack

from ...actors.http import Request, Response, UpgradeSocket
from ...actors.response_stream import let_go
from ...actors.session import LOST, LOST_REASON, NO_CODE, CloseFrame, Lost
from ...storage.errors import PerdureError
from ..config.model import WorkerConfig
from ..edge.outside import Outside
from ..server import Server
from .asgi_answer import AsgiAnswer
from .asgi_request import HostedBody, HostedRequest, Message, Receive, Scope, Send
from .hosted_socket import HostedSocket
from .mount import Mount, MountOptions

log = logging.getLogger("perdure.embedded")

# The handshake's, which is the server's.
_HANDSHAKE = frozenset(
    {
        "connection",
        "content-length",
        "content-type",
        "keep-alive",
        "sec-websocket-accept",
        "sec-websocket-extensions",
        "sec-websocket-protocol",
        "transfer-encoding",
        "upgrade",
    }
)


def asgi(
    config: str | Path | WorkerConfig = "wrangler.toml", **options: Unpack[MountOptions]
) -> "AsgiApplication":
    """Make an ASGI application of a perdure program, for any server of ASGI or to be mounted.

    The program runs in the server's process, of which there can be one only. Its data directory is
    opened when the server's lifespan starts, or at the first request, and let go of at the end.

    Args:
        config: The configuration file, or one that is read.
        options: ``data_dir``, ``env``, ``show_errors`` and ``delete_data``: see ``MountOptions``.

    Raises:
        ConfigError: The configuration cannot be used.
    """
    return AsgiApplication(Mount(config, **options))


class AsgiApplication:
    """A program, to be called by a server. Made by ``asgi``."""

    def __init__(self, mount: Mount) -> None:
        self._mount = mount
        perdure = mount.config.perdure
        self._outside = Outside(perdure.trusted_proxies, perdure.proxy_headers)

    def __repr__(self) -> str:
        return f"<perdure.asgi {self._mount.config.path}>"

    @property
    def env(self) -> Any:
        """The program's bindings and vars, for the application it is mounted in.

        ``await rooms.env.ROOM.get_by_name("lobby").join("me")``, on the event loop of the server.

        Raises:
            NotOpen: No lifespan has opened the program yet, or it has ended.
        """
        return self._mount.env

    def call(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call an actor from another thread, as a ``def`` route is: wait for the answer, return it.

        ``rooms.call(rooms.env.ROOM.get_by_name("lobby").join, "me")``.

        Raises:
            NotOpen: No lifespan has opened the program yet, or it has ended.
            UsageError: This is the server's own thread: await the call there.
        """
        return self._mount.call(function, *args, **kwargs)

    def lifespan(self, app: object = None) -> AbstractAsyncContextManager[None]:
        """Open the program, and close it at the end: for an application it is mounted in.

        ``FastAPI(lifespan=mounted.lifespan)``, or ``async with mounted.lifespan():`` within a
        lifespan of your own. Servers tell mounted applications neither of their start nor of their
        end.

        Args:
            app: The application, as frameworks pass it; not needed.
        """
        del app
        return self._mount.lifespan()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        kind = scope["type"]
        if kind == "lifespan":
            await self._live(receive, send)
        elif kind == "http":
            await self._answer_http(scope, receive, send)
        elif kind == "websocket":
            await self._answer_websocket(scope, receive, send)
        else:
            raise ValueError(f"perdure serves http and websocket, not {kind!r}")

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._mount.open()
        except PerdureError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._mount.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _opened(self) -> Server:
        if not self._mount.is_open:
            log.warning(
                "embedded.opened_late",
                extra={"hint": "no lifespan has opened the program: nobody will let it drain"},
            )
        return await self._mount.open()

    # HTTP.

    async def _answer_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        server = await self._opened()
        incoming = HostedRequest(scope, self._outside, is_upgrade=False)
        answer = AsgiAnswer(send, incoming.method, show_errors=self._mount.show_errors)
        refused, judgement = server.firewall.decide(incoming.head)
        if refused is not None:
            await answer.refuse(refused)
            return
        limit = self._mount.config.perdure.edge_limits.body_size_bytes_max
        loop = asyncio.get_running_loop()
        body = HostedBody(receive, limit, loop)
        try:
            if int(_length(incoming)) > limit:
                await answer.too_large(limit)
                return
            if not incoming.may_have_body:
                body.ended.set_result(None)
            request = incoming.request(body if incoming.may_have_body else None)
            response = await _ask(server, request)
            if isinstance(response, BaseException):
                await answer.fail(response, incoming, body)
            elif response.web_socket is not None:
                let_go(response)
                text = "Worker tried to return a WebSocket in answer to a request for none."
                await answer.fail(TypeError(text), incoming, body)
            else:
                await answer.write(response, body)
        finally:
            judgement.release()
            body.close()

    # WebSockets.

    async def _answer_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        server = await self._opened()
        await receive()  # websocket.connect
        incoming = HostedRequest(scope, self._outside, is_upgrade=True)
        refusal = Refusal(scope, send, show_errors=self._mount.show_errors)
        refused, judgement = server.firewall.decide(incoming.head)
        if refused is not None:
            await refusal.refuse(refused)
            return
        try:
            response = await _ask(server, incoming.request(None))
            if isinstance(response, BaseException):
                await refusal.fail(response, incoming, None)
            elif response.web_socket is None:
                await refusal.write(response, None)
            elif not response.web_socket.can_be_handed_over:
                text = "Can't return WebSocket in a Response after calling accept(), or twice."
                await refusal.fail(TypeError(text), incoming, None)
            else:
                await self._connect(response, response.web_socket, receive, send)
        finally:
            judgement.release()

    async def _connect(
        self, response: Response, socket: UpgradeSocket, receive: Receive, send: Send
    ) -> None:
        fields = response.header_fields()
        try:
            await send(
                {
                    "type": "websocket.accept",
                    "subprotocol": fields.get("Sec-WebSocket-Protocol"),
                    "headers": [
                        (name.lower().encode(), value.encode("utf-8", "surrogateescape"))
                        for name, value in fields.items()
                        if name.lower() not in _HANDSHAKE
                    ],
                }
            )
        except BaseException:  # the client has gone
            let_go(response)
            raise
        limits = self._mount.config.perdure.socket_limits
        carrier = _AsgiCarrier(receive, send)
        connection = HostedSocket(carrier, asyncio.get_running_loop(), limits)
        self._mount.sockets.add(connection)
        try:
            socket.hand_over(connection)
            await connection.run()
        finally:
            self._mount.sockets.discard(connection)


class Refusal(AsgiAnswer):
    """An answer to an upgrade that is none: its own words where the server can send them."""

    def __init__(self, scope: Scope, send: Send, *, show_errors: bool) -> None:
        can_tell = "websocket.http.response" in (scope.get("extensions") or {})
        super().__init__(
            send if can_tell else _closing(send),
            "GET",
            show_errors=show_errors,
            kind="websocket.http",
        )


def _closing(send: Send) -> Send:
    """Close instead of answering: the server says 403 then."""

    async def close(message: Message) -> None:
        if message["type"].endswith(".start"):
            await send({"type": "websocket.close", "code": 1008})

    return close


class _AsgiCarrier:
    """The server's side of a WebSocket. Is a ``Carrier``."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send

    async def send(self, message: str | bytes) -> None:
        kind = "text" if isinstance(message, str) else "bytes"
        await self._send({"type": "websocket.send", kind: message})

    async def close(self, code: int, reason: str) -> None:
        await self._send({"type": "websocket.close", "code": code, "reason": reason})

    async def receive(self) -> str | bytes | CloseFrame | Lost:
        message = await self._receive()
        if message["type"] == "websocket.receive":
            text = message.get("text")
            return bytes(message["bytes"]) if text is None else str(text)
        code, reason = message.get("code", NO_CODE), message.get("reason") or ""
        if code == LOST:
            return Lost(LOST, reason or LOST_REASON)
        return CloseFrame(None if code in {None, NO_CODE} else code, reason)


async def _ask(server: Server, request: Request) -> Response | BaseException:
    """Have the program answer."""
    answered: asyncio.Future[Response | BaseException]
    answered = asyncio.get_running_loop().create_future()

    def on_response(response: Response | None, error: BaseException | None) -> None:
        if not answered.done():
            answered.set_result(response if response is not None else error)  # type: ignore[arg-type]  # one of them is there
        elif response is not None:  # whoever asked has been cancelled
            let_go(response)

    server.answerer.fetch(request, on_response)
    return await answered


def _length(incoming: HostedRequest) -> str:
    text = incoming.fields.get("Content-Length", "0")
    return text if text.isdecimal() else "0"
