"""aiohttp's HTTP protocol with our answers to requests that cannot be read.

aiohttp parses; what it refuses it would answer with 400 and a traceback in the log. A client's
mistake is no error of ours: it gets its documented status, and one line at debug level.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol, cast

from aiohttp import web
from aiohttp.http import HttpRequestParser, RawRequestMessage
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler, RequestPayloadError

from .client_address import normal_address
from .pieces import is_one_piece, pieces
from .request_body import BodyMalformed

log = logging.getLogger("perdure.edge")

SERVER = "perdure"
_TOO_MANY_HEADERS = "Too many headers"


class Doorkeeper(Protocol):
    """Who counts connections: ``admission.Admission``."""

    def admit(self, holder: object, address: str) -> Any: ...
    def pass_on(self, holder: object, heir: object) -> None: ...
    def release(self, holder: object) -> None: ...
    def turn_away(
        self, transport: asyncio.Transport, refusal: Any, loop: asyncio.AbstractEventLoop
    ) -> None: ...


@dataclass(slots=True)
class Counts:
    """Requests that broke a limit, since the start; see ``EdgeStatistics``."""

    heads_too_large: int = 0
    heads_late: int = 0
    answers_unread: int = 0
    bodies_too_large: int = 0
    bodies_stalled: int = 0
    # By the first digit of the status; nothing stands at 0.
    answered: list[int] = field(default_factory=lambda: [0] * 6)


class HttpProtocol(RequestHandler):
    """One HTTP connection.

    Attributes:
        on_lost: Called once when the connection has ended, for whoever is answering then.
        peer_address: Who is at the other end; empty for a connection without addresses.
        is_admitted: The connection is counted, and its end has to be told.
        is_half_closed: The client will send nothing more, and may wait for its answers.
        answered: Requests that got their answer.
    """

    __slots__ = (
        "_chunked",
        "_ended",
        "_head_timer",
        "_held",
        "_holder",
        "_last",
        "_server",
        "_unread_timer",
        "answered",
        "is_admitted",
        "is_half_closed",
        "on_lost",
        "peer_address",
    )

    def __init__(self, manager: "HttpServer", holder: object = None, **options: Any) -> None:
        super().__init__(manager, **options)
        self._server = manager
        self._holder = holder
        self.on_lost: Callable[[], None] | None = None
        self.peer_address = ""
        self.is_admitted = False
        self.is_half_closed = False
        self.answered = 0
        self._chunked: Any = None  # the body of the last request, while it comes in chunks
        self._held: deque[bytes] = deque()  # for the parser, when it has room
        self._last: RawRequestMessage | None = None  # of which the parser loses what follows
        self._ended: asyncio.Future[None] | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        doorkeeper = self._server.doorkeeper
        peer = transport.get_extra_info("peername")
        self.peer_address = normal_address(peer[0]) if isinstance(peer, tuple) else ""
        if self._holder is not None:
            doorkeeper.pass_on(self._holder, self)
            self._holder = None
        elif (refusal := doorkeeper.admit(self, self.peer_address)) is not None:
            doorkeeper.turn_away(cast("asyncio.Transport", transport), refusal, self._loop)
            return
        self.is_admitted = True
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._chunked is None and not self._held and is_one_piece(data):
            self._feed(data)
        else:
            self._held.extend(pieces(data))
            self._feed_held()
        if self._current_request is None:
            self._watch_head()
        elif self._messages:
            # What cannot be read is queued behind the request whose body it was meant to be, and
            # whose handler would wait for the rest of that body for ever.
            message, body = self._messages[-1][0], self._current_request.content
            if not isinstance(message, RawRequestMessage) and not body.is_eof():
                body.set_exception(BodyMalformed(_why(message.message)))

    def _feed_held(self) -> None:
        """Feed the pieces, one after the other, as long as there is room for what they bring.

        A parser that is full would keep them, and lay what ends a body together with what follows.
        """
        self._feed(b"")  # what the parser kept when it was full
        while self._held and not self._reading_paused and not self._is_queue_full():
            self._feed(self._held.popleft())
            if self._upgraded:  # they are no HTTP any more
                super().data_received(b"".join(self._held))
            if self._upgraded or self._has_error():
                self._held.clear()

    def _is_queue_full(self) -> bool:
        return len(self._messages) >= self._max_msg_queue_size

    def _has_error(self) -> bool:
        return bool(self._messages) and not isinstance(self._messages[-1][0], RawRequestMessage)

    def _feed(self, data: bytes) -> None:
        """Feed bytes of which a chunked body, when it ends in them, is the last thing.

        aiohttp's parser gives the trailers of a chunked body to the request behind it, as headers
        of its own, and through a proxy that may be somebody else's request. So behind a chunked
        body a new parser begins.
        """
        known = len(self._messages)
        super().data_received(data)
        for place, (message, body) in enumerate(list(self._messages)[known:], known):
            if not isinstance(message, RawRequestMessage):
                self._chunked = None  # it is answered with why, and ends the connection
                if place > 0 and not self._messages[place - 1][1].is_eof():
                    del self._messages[place - 1]  # not begun, and its body is what is wrong
            elif self._chunked is None:
                self._chunked = body if message.chunked else None
                if message.upgrade and not self._upgraded and not body.is_eof():
                    # aiohttp drops what comes in one piece with the end of such a body.
                    self._last = message
            else:  # it is not as it was taken to be, so nothing is known about this request
                while len(self._messages) > place:
                    self._messages.pop()
                self.close()
                break
        if self._chunked is not None and self._chunked.is_eof():
            self._chunked = None
            self._parser = self._new_parser()

    def _new_parser(self) -> HttpRequestParser:
        """As ``RequestHandler`` makes its own."""
        return HttpRequestParser(
            self,
            self._loop,
            self._read_bufsize,
            max_line_size=self.max_line_size,
            max_field_size=self.max_field_size,
            max_headers=self.max_headers,
            payload_exception=RequestPayloadError,
            auto_decompress=False,
            max_msg_queue_size=self._max_msg_queue_size,
        )

    def eof_received(self) -> bool:  # type: ignore[override]  # aiohttp says None, always
        """The client has said all it will say: what it has asked, it may still be told.

        Returns:
            Whether the connection stays open for that.
        """
        request = self._current_request
        asked = request is not None or bool(self._messages)
        is_whole = request is None or request.content.is_eof()
        if not asked or not is_whole or self.on_lost is not None or self._upgraded:
            return False
        if self.ssl_context is not None:  # neither loop can keep half a TLS connection
            return False
        self.is_half_closed = True
        return True

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._head_came()
        self._is_read_again()
        if self.is_admitted:
            self.is_admitted = False
            self._server.doorkeeper.release(self)
        on_lost, self.on_lost = self.on_lost, None
        if on_lost is not None:
            on_lost()
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    def leave_place_to(self, heir: object) -> None:
        """Another object stands for the connection from now on, and tells of its end."""
        self.is_admitted = False
        self._server.doorkeeper.pass_on(self, heir)

    @property
    def ends_after_answer(self) -> bool:
        """Whether the answer to the request under way is the last one here."""
        if self.answered >= self._server.requests_max:
            return True
        request = self._current_request
        message = None if request is None else request._message  # noqa: SLF001  # no public name
        if message is not None and message is self._last:
            return True
        return self.is_half_closed and not self._messages

    # Heads that do not come.

    def _watch_head(self) -> None:
        """Begin to wait for the rest of a head, or see that it has come."""
        waiter = self._waiter
        # Without a waiter a request was just taken up, or the connection is new.
        is_waiting = self._request_count == 0 if waiter is None else not waiter.done()
        if not is_waiting or self._messages:
            if self._head_timer is not None:
                self._head_came()
        elif self._head_timer is None and not self._force_close:
            self._head_timer = self._loop.call_later(
                self._server.header_timeout_s, self._head_is_late
            )

    def _head_came(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self.transport is None or self._force_close:
            return
        self._server.counts.heads_late += 1
        self.transport.write(plain_answer(HTTPStatus.REQUEST_TIMEOUT, "Request Timeout"))
        self.force_close()

    # Answers that are not read.

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._is_read_again()

    def _watch_reading(self) -> None:
        """Wait for the client to read on; what it has taken meanwhile is a sign that it does."""
        transport = self.transport
        if transport is not None:
            self._unread_timer = self._loop.call_later(
                self._server.answer_idle_timeout_s,
                self._may_be_unread,
                transport,
                transport.get_write_buffer_size(),
            )

    def _may_be_unread(self, transport: asyncio.Transport, size_bytes: int) -> None:
        self._unread_timer = None
        if transport.get_write_buffer_size() < size_bytes:
            self._watch_reading()
            return
        self._server.counts.answers_unread += 1
        log.debug("answer.unread", extra={"address": self.peer_address})
        transport.abort()  # whatever else was said would wait behind what is not read

    def _is_read_again(self) -> None:
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None

    def _process_keepalive(self) -> None:
        if self._head_timer is not None:  # it is not idle: a request is on its way
            self._keepalive_handle = None
            return
        super()._process_keepalive()

    def close_if_idle(self) -> None:
        """Close unless a request is under way; aiohttp's ``close`` would also drop its body."""
        if self._waiter is not None and not self._waiter.done():
            self.close()

    def end(self) -> "tuple[asyncio.Transport, asyncio.Future[None]] | None":
        """Cut off what is under way; what is written already leaves first.

        Returns:
            The transport, and a future that is done when all has left; None if that is so now.
        """
        transport, task = self.transport, self._task_handler
        if task is not None:
            task.cancel()
        self.force_close()
        if transport is None:
            return None
        self._ended = self._loop.create_future()
        return transport, self._ended

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if isinstance(exc, ConnectionError):
            raise exc  # the client is gone: no answer, and no error of ours
        if status != HTTPStatus.BAD_REQUEST:
            return super().handle_error(request, status, exc, message)
        if isinstance(exc, LineTooLong) or (message or "").startswith(_TOO_MANY_HEADERS):
            self._server.counts.heads_too_large += 1
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            text = "Request Header Fields Too Large"
        else:
            text = f"Bad Request: {_why(message)}"
        log.debug("request.refused", extra={"status": int(status), "why": text})
        response = plain_response(status, text)
        response.force_close()
        return response


def _why(message: str | None) -> str:
    """The parser's words without the piece of the request that it shows."""
    return (message or "this is not HTTP").splitlines()[0].rstrip(":")


class HttpServer(web.Server):
    """Makes an ``HttpProtocol`` for each connection.

    Attributes:
        doorkeeper: Asked whether a connection is served.
        header_timeout_s: How long the rest of a head may take.
        answer_idle_timeout_s: How long a client may take none of an answer that waits for it.
        requests_max: How many requests are answered on one connection.
        counts: Requests that broke a limit.
    """

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[Any]],
        doorkeeper: Doorkeeper,
        *,
        header_timeout_s: float,
        answer_idle_timeout_s: float,
        requests_max: int,
        kind: type[HttpProtocol] = HttpProtocol,
        **options: Any,
    ) -> None:
        super().__init__(handler, **options)
        self._kind = kind
        self.doorkeeper = doorkeeper
        self.header_timeout_s = header_timeout_s
        self.answer_idle_timeout_s = answer_idle_timeout_s
        self.requests_max = requests_max
        self.counts = Counts()

    def __call__(self, holder: object = None) -> HttpProtocol:
        """Make one; with ``holder``, for a connection that is admitted, and held by that."""
        return self._kind(self, holder, loop=self._loop, **self._kwargs)


def plain_answer(status: int, text: str, *headers: str) -> bytes:
    """A short answer on a connection that has no request, and ends with it."""
    body = f"{text}\n".encode()
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        f"Server: {SERVER}",
        "Connection: close",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def plain_response(status: int, text: str, headers: Any = None) -> web.Response:
    """A short answer of the server's own."""
    return text_response(status, text + "\n", "text/plain", headers)


def text_response(status: int, text: str, content_type: str, headers: Any = None) -> web.Response:
    """An answer of the server's own; what UTF-8 cannot say is escaped."""
    response = web.Response(
        body=text.encode("utf-8", "backslashreplace"), status=status, headers=headers
    )
    response.headers["Content-Type"] = f"{content_type}; charset=utf-8"
    response.headers["Server"] = SERVER
    return response
