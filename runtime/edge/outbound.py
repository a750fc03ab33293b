"""Requests of user code to the network, through aiohttp's client. Is the ``Outbound`` of actors.

Runs in tasks of its own, outside of any actor: what an actor has to do with it is the future
that it awaits. What ``sandbox_outbound.py`` does in another way are the methods after ``close``.
"""

import asyncio
import base64
import contextvars
import errno
import os
import ssl
import weakref
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from ...actors.body import StreamSource
from ...actors.events import OnReply
from ...actors.http import Request, Response
from ...actors.rpc import encode_error
from ...actors.session import GOING_AWAY
from ...actors.websocket import WebSocket
from ..sockets.client_socket import ClientSocket
from ..sockets.deflate import Deflate
from ..sockets.extension import OFFER, Agreed, BadExtensions, check_answer
from ..sockets.keepalive import KeepAlive
from ..sockets.limits import SocketLimits
from ..sockets.movable_socket import MovableSocket
from .answer import writable
from .hop_by_hop import without_named
from .upgrade import accept_of

# As in the Fetch standard.
REDIRECTS_MAX = 20
# So long may servers take to answer the close frames of WebSockets when the process stops.
CLOSE_S = 1.0
# What aiohttp decodes, if the library for it is there; without it, reading the body fails.
_DECODED = frozenset({"gzip", "deflate", "br", "zstd"})
_WEBSOCKET_SCHEMES = {"ws": "http", "wss": "https"}


class NetworkError(OSError):
    """A request of user code got no answer: no connection, no name, a broken one."""


class HttpOutbound:
    """Sends requests with one connection pool for the process."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limits: SocketLimits,
        keep_alive: KeepAlive | None = None,
        *,
        compression: bool = False,
    ) -> None:
        self._compression = compression
        self._loop = loop
        self._limits = limits
        self._keep_alive = keep_alive
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._sockets: set[ClientSocket] = set()

    def fetch(self, request: Request, on_reply: OnReply) -> None:
        # A plain task in an empty context: made inside an actor's turn, it is none of its tasks.
        context = contextvars.Context()
        task = asyncio.Task(self._fetch(request, on_reply), loop=self._loop, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard, context=context)

    async def close(self) -> None:
        """End what is under way, WebSockets among it, and the pool."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for socket in list(self._sockets):
            socket.sever(GOING_AWAY, "the client is going away")
        if ended := [socket.ended for socket in self._sockets]:
            await asyncio.wait(ended, timeout=CLOSE_S)
        for socket in list(self._sockets):
            socket.abort()
        if self._session is not None:
            await self._session.close()
            self._session = None

    def new_session(self) -> aiohttp.ClientSession:
        """Return what asks: the pool, and what it does by itself."""
        return aiohttp.ClientSession(
            # How long an answer may take is the caller's to say: asyncio.timeout().
            timeout=aiohttp.ClientTimeout(total=None, connect=60),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "perdure"},
            connector=aiohttp.TCPConnector(limit=0, loop=self._loop),
        )

    def fields(self, request: Request) -> CIMultiDict[str]:
        """Return the header fields to send; those of the connection are aiohttp's to say."""
        fields = CIMultiDict(
            [(name, writable(value)) for name, value in request.header_fields().items()]
        )
        for name in ("Host", "Connection", "Keep-Alive", "Transfer-Encoding", "Content-Length"):
            fields.popall(name, None)
        # A request that is passed on says what its client can decode; here it is aiohttp that does.
        if fields.get("Accept-Encoding", "").lower() != "identity":
            fields.popall("Accept-Encoding", None)
        return fields

    def data(self, request: Request, fields: CIMultiDict[str]) -> Any:
        """Return the body to send, as aiohttp takes it."""
        del fields
        content = request.take_content()
        return content if content is None or isinstance(content, bytes) else _chunks(content)

    def answered(self, request: Request, incoming: aiohttp.ClientResponse) -> CIMultiDict[str]:
        """Return the header fields of an answer, as they are for its body."""
        answered = CIMultiDict(without_named(incoming.headers))
        if answered.get("Content-Encoding", "").lower() in _DECODED and request.method != "HEAD":
            answered.popall("Content-Encoding")
            answered.popall("Content-Length", None)
        return answered

    def failure(self, request: Request, error: BaseException) -> Exception:
        """Return what whoever asked is told when there was no answer."""
        return NetworkError(f"fetch {request.url}: {_text(error)}")

    def broken_off(self, url: URL, error: BaseException) -> NetworkError:
        """Return what whoever reads an answer is told when it ends too early."""
        return NetworkError(f"{url}: the answer broke off: {why_broken_off(error)}")

    def use(self, url: URL) -> Callable[[], None]:
        """A WebSocket to ``url`` is open; what is returned is called when it has ended."""
        del url
        return _nothing

    def sandbox_of(self, url: URL) -> str | None:
        """Return the id of the sandbox in which the server is; None for one elsewhere."""
        del url
        return None

    async def _fetch(self, request: Request, on_reply: OnReply) -> None:
        try:
            if request.is_upgrade:
                response = await self._upgrade(request)
            else:
                response = await self._http(request)
        except asyncio.CancelledError:
            on_reply(None, encode_error(NetworkError("the server is going away")))
            raise
        except NetworkError as error:
            on_reply(None, encode_error(error))
        except (aiohttp.ClientError, OSError) as error:
            on_reply(None, encode_error(self.failure(request, error)))
        except Exception as error:
            on_reply(None, encode_error(error))
        else:
            on_reply(response, None)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = self.new_session()
        return self._session

    async def _http(self, request: Request) -> Response:
        fields = self.fields(request)
        incoming = await self._open_session().request(
            request.method,
            _http_url(request),
            headers=fields,
            data=self.data(request, fields),
            allow_redirects=request.redirect == "follow",
            max_redirects=REDIRECTS_MAX,
        )
        if incoming.status == 101:  # passed on, client and server would read on in two ways
            _cut(incoming)
            why = "the server switched to another protocol, which it was not asked to"
            raise self.failure(request, NetworkError(why))
        if request.redirect == "error" and incoming.status in {301, 302, 303, 307, 308}:
            incoming.release()
            raise NetworkError(f"fetch {request.url}: it was redirected, and redirect is 'error'")
        return Response.incoming(
            incoming.status,
            incoming.reason or "",
            self.answered(request, incoming),
            _ResponseBody(incoming, self._loop, self.broken_off),
            str(incoming.url),
            redirected=bool(incoming.history),
        )

    async def _upgrade(self, request: Request) -> Response:
        """Shake hands; the answer of a server that does not upgrade is an ordinary response."""
        key = base64.b64encode(os.urandom(16)).decode()
        fields = self.fields(request)
        fields.popall("Sec-WebSocket-Extensions", None)  # whoever wrote that may; we do not
        for name, value in (
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", key),
        ):
            fields[name] = value
        if self._compression:
            fields["Sec-WebSocket-Extensions"] = OFFER
        incoming = await self._open_session().get(
            _http_url(request), headers=fields, allow_redirects=False
        )
        answered = CIMultiDict(without_named(incoming.headers))
        if incoming.status != 101:
            return Response.incoming(
                incoming.status,
                incoming.reason or "",
                answered,
                _ResponseBody(incoming, self._loop, self.broken_off),
                str(incoming.url),
            )
        try:
            agreed = _agreed(fields, answered)
            why = _why_no_handshake(fields, answered, accept_of(key))
        except BadExtensions as error:
            agreed, why = None, str(error)
        if why is not None:
            _cut(incoming)
            raise self.failure(request, NetworkError(why))
        chosen = answered.get("Sec-WebSocket-Protocol", "")
        extensions = "" if agreed is None else agreed.header
        socket = WebSocket.unaccepted(url=request.url, protocol=chosen, extensions=extensions)
        deflate = None if agreed is None else Deflate.as_agreed(agreed, self._limits)
        connection, tail = self._take_over(incoming, deflate)
        socket.connect(connection)
        if tail:
            connection.data_received(tail)
        return Response.incoming(101, incoming.reason or "", answered, None, request.url, socket)

    def _take_over(
        self, incoming: aiohttp.ClientResponse, deflate: Deflate | None
    ) -> tuple[ClientSocket, bytes]:
        """Take the connection out of aiohttp's hands, as ``ws_connect`` does.

        Returns:
            The connection, and what the server had sent behind its 101.
        """
        pooled = incoming.connection
        assert pooled is not None, "a 101 has no body, so the connection is still held"
        protocol: Any = pooled.protocol
        transport = pooled.transport
        assert transport is not None, "it has just carried a 101"
        connection = MovableSocket(
            transport,
            self._loop,
            self._limits,
            is_client=True,
            keep_alive=self._keep_alive,
            deflate=deflate,
        )
        connection.sandbox_id = self.sandbox_of(incoming.url)
        self._sockets.add(connection)
        connection.on_end = self._ended(incoming.url)
        tail: bytes = protocol._tail  # noqa: SLF001  # read behind the head; nothing public has it
        transport.set_protocol(connection)
        protocol.transport = None  # so that the pool forgets it without closing it
        pooled.close()
        transport.resume_reading()  # aiohttp pauses when much came behind the head
        return connection, tail

    def _ended(self, url: URL) -> Callable[[ClientSocket], None]:
        end_use = self.use(url)

        def ended(connection: ClientSocket) -> None:
            self._sockets.discard(connection)
            end_use()

        return ended


class _ResponseBody:
    """The body of an answer from the network. Is a ``StreamSource``."""

    __slots__ = ("__weakref__", "_broken_off", "_response")

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        loop: asyncio.AbstractEventLoop,
        broken_off: Callable[[URL, BaseException], NetworkError],
    ) -> None:
        self._response = response
        self._broken_off = broken_off
        # User code may drop an answer without having read it; its connection must not be lost.
        weakref.finalize(self, _close_later, response, loop).atexit = False

    async def read_chunk(self) -> bytes:
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            raise self._broken_off(self._response.url, error) from error

    def cancel(self, reason: BaseException | None = None) -> None:
        del reason
        self._response.close()


def _agreed(asked: CIMultiDict[str], answered: CIMultiDict[str]) -> Agreed | None:
    values = answered.getall("Sec-WebSocket-Extensions", ())
    if values and "Sec-WebSocket-Extensions" not in asked:
        header = ", ".join(values)
        raise BadExtensions(f"the server uses an extension that it was not offered: {header}")
    return check_answer(values)


def _why_no_handshake(
    asked: CIMultiDict[str], answered: CIMultiDict[str], accept: str
) -> str | None:
    """What is wrong with a server's 101, if anything (RFC 6455, section 4.1)."""
    for name in ("Sec-WebSocket-Accept", "Sec-WebSocket-Protocol"):  # sections 11.3.3 and 11.3.4
        if len(answered.getall(name, ())) > 1:
            return f"the server answered with more than one {name}"
    if answered.get("Upgrade", "").lower() != "websocket":
        return "the server switched to another protocol than WebSocket"
    tokens = ",".join(answered.getall("Connection", ())).lower().split(",")
    if "upgrade" not in {token.strip() for token in tokens}:
        return 'the server answered without "Connection: Upgrade"'
    if answered.get("Sec-WebSocket-Accept") != accept:
        return "the server answered another handshake"
    protocol = answered.get("Sec-WebSocket-Protocol")
    offered = ",".join(asked.getall("Sec-WebSocket-Protocol", ()))
    if protocol is not None and protocol not in {name.strip() for name in offered.split(",")}:
        return f"the server chose a subprotocol that it was not offered: {protocol}"
    return None


def _cut(response: aiohttp.ClientResponse) -> None:
    """End a connection that has carried a 101 which is none.

    Without Upgrade and Connection in it, aiohttp has put the connection back among those that it
    uses again, so that to close the response is to close nothing.
    """
    protocol = response._protocol  # noqa: SLF001  # it is all that still knows the connection
    response.close()
    if protocol is not None:
        protocol.close()


def _close_later(response: aiohttp.ClientResponse, loop: asyncio.AbstractEventLoop) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(response.close)


def _nothing() -> None:
    """Nobody minds."""


def _http_url(request: Request) -> URL:
    url = URL(request.url, encoded=True)
    return url.with_scheme(_WEBSOCKET_SCHEMES.get(url.scheme, url.scheme))


async def _chunks(source: StreamSource) -> AsyncIterator[bytes]:
    while chunk := await source.read_chunk():
        yield chunk


def why_broken_off(error: BaseException) -> str:
    """Why an answer ended too early."""
    if isinstance(error, aiohttp.ClientPayloadError):  # its text is one of aiohttp's parser
        return "the connection ended before it did, or it is not as HTTP has it"
    return _text(error)


def _text(error: BaseException) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error  # what stands around it speaks of aiohttp's options
        number = cause.errno
        if isinstance(cause, ssl.SSLCertVerificationError):  # its number is none of the system's
            why = f"its certificate is not trusted: {cause.verify_message}"
        elif isinstance(cause, ssl.SSLError):
            why = f"TLS failed: {cause.reason}"
        elif number is not None and number in errno.errorcode:
            why = os.strerror(number)
        else:
            why = cause.strerror or str(cause)
        return f"cannot connect to {error.host}:{error.port}: {why}"
    return str(error) or type(error).__name__
