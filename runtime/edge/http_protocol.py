"""aiohttp's HTTP protocol with our answers to requests that cannot be read.

aiohttp parses; what it refuses it would answer with 400 and a traceback in the log. A client's
mistake is no error of ours: it gets its documented status, and one line at debug level.
"""

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

from .request_body import BodyMalformed

log = logging.getLogger("perdure.edge")

SERVER = "perdure"
_TOO_MANY_HEADERS = "Too many headers"


class HttpProtocol(RequestHandler):
    """One HTTP connection.

    Attributes:
        on_lost: Called once when the connection has ended, for whoever is answering then.
    """

    __slots__ = ("_ended", "on_lost")

    def __init__(self, manager: web.Server, **options: Any) -> None:
        super().__init__(manager, **options)
        self.on_lost: Callable[[], None] | None = None
        self._ended: asyncio.Future[None] | None = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # What cannot be read is queued behind the request whose body it was meant to be, and
        # whose handler would wait for the rest of that body for ever.
        if self._current_request is not None and self._messages:
            message, body = self._messages[-1][0], self._current_request.content
            if not isinstance(message, RawRequestMessage) and not body.is_eof():
                body.set_exception(BodyMalformed(_why(message.message)))

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        on_lost, self.on_lost = self.on_lost, None
        if on_lost is not None:
            on_lost()
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

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
    """Makes an ``HttpProtocol`` for each connection."""

    def __call__(self) -> RequestHandler:
        return HttpProtocol(self, loop=self._loop, **self._kwargs)


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
