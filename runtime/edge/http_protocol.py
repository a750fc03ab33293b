"""aiohttp's HTTP protocol with our answers to requests that cannot be read.

aiohttp parses; what it refuses it would answer with 400 and a traceback in the log. A client's
mistake is no error of ours: it gets its documented status, and one line at debug level.
"""

import logging
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

log = logging.getLogger("perdure.edge")

_TOO_MANY_HEADERS = "Too many headers"


class HttpProtocol(RequestHandler):
    """One HTTP connection."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if status != HTTPStatus.BAD_REQUEST:
            return super().handle_error(request, status, exc, message)
        if isinstance(exc, LineTooLong) or (message or "").startswith(_TOO_MANY_HEADERS):
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            text = "Request Header Fields Too Large"
        else:
            text = "Bad Request: " + (message or "this is not HTTP").splitlines()[0]
        log.debug("request.refused", extra={"status": int(status), "why": text})
        response = plain_response(status, text)
        response.force_close()
        return response


class HttpServer(web.Server):
    """Makes an ``HttpProtocol`` for each connection."""

    def __call__(self) -> RequestHandler:
        return HttpProtocol(self, loop=self._loop, **self._kwargs)


def plain_response(status: int, text: str, headers: Any = None) -> web.Response:
    """A short answer of the server's own."""
    response = web.Response(text=text + "\n", status=status, headers=headers)
    response.headers["Server"] = "perdure"
    return response
