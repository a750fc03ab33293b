"""The HTTP front: reads a request's head, has the Worker answer it, writes the answer.

Promise:
    Each request gets one answer, in order, and one line for the log. A request that breaks a
    limit is answered with its status before any user code has seen it where that is possible.
Rules for editing this file:
    No user code runs here but through ``worker.fetch``. Nothing of user code's errors reaches a
    client unless ``show_errors`` is set.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Protocol

from aiohttp import web
from multidict import CIMultiDict

from ...actors.body import StreamSource
from ...actors.http import Request, Response
from ..config.limits import EdgeLimits
from ..host.worker import OnResponse
from .answer import FRAMING, Answer, WholeAnswer, can_be_written_whole
from .connection import WebSocketConnection
from .error_page import error_page, error_text, trimmed
from .http_protocol import HttpServer, plain_response
from .request_body import BodyTooLarge, ClientGone, RequestBody
from .upgrade import upgrade, why_no_handshake

log = logging.getLogger("perdure.edge")

_HOST = re.compile(r"[A-Za-z0-9.\-_:\[\]%]{1,300}")
HEADERS_MAX = 256


class Answerer(Protocol):
    """Who answers requests: the process's Worker."""

    def fetch(self, request: Request, on_response: OnResponse) -> None: ...


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request that was answered, for logs and metrics."""

    method: str
    path: str
    status: int
    duration_s: float


class Front:
    """Serves HTTP and WebSocket upgrades for one Worker."""

    def __init__(
        self,
        worker: Answerer,
        loop: asyncio.AbstractEventLoop,
        limits: EdgeLimits,
        *,
        show_errors: bool,
        on_request: Callable[[RequestRecord], None],
    ) -> None:
        self._worker = worker
        self._loop = loop
        self._limits = limits
        self._show_errors = show_errors
        self._on_request = on_request
        self._sockets: set[WebSocketConnection] = set()
        self._unanswered = 0
        self._all_answered: asyncio.Future[None] | None = None
        self.server = HttpServer(
            self._handle,  # type: ignore[arg-type]  # an Answer is all its protocol asks for
            loop=loop,
            access_log=None,
            keepalive_timeout=limits.keepalive_timeout_s,
            max_field_size=limits.header_size_bytes_max,
            max_line_size=limits.header_size_bytes_max,
            max_headers=HEADERS_MAX,
            auto_decompress=False,
        )

    # Stopping.

    @property
    def is_busy(self) -> bool:
        """Some request has not been answered yet."""
        return self._unanswered > 0

    def next_answer(self) -> asyncio.Future[None]:
        """Done when the last request under way has been answered."""
        if self._all_answered is None or self._all_answered.done():
            self._all_answered = self._loop.create_future()
        return self._all_answered

    async def close(self, sockets_close_s: float) -> None:
        """Close every connection; what is written leaves first.

        Args:
            sockets_close_s: How long clients may take to answer the close frame of a WebSocket.
        """
        await self.server.shutdown(timeout=0)
        ended = [connection.ended for connection in self._sockets]
        if ended:
            await asyncio.wait(ended, timeout=sockets_close_s)
        for connection in list(self._sockets):
            connection.abort()

    # Answering.

    async def _handle(self, incoming: web.BaseRequest) -> Answer:
        started = self._loop.time()
        self._unanswered += 1
        try:
            answer: Answer | None = self._refusal(incoming)
            if answer is None:
                answer = await self._answer(incoming, started)
        finally:
            self._unanswered -= 1
            if not self._unanswered and self._all_answered is not None:
                if not self._all_answered.done():
                    self._all_answered.set_result(None)
                self._all_answered = None
        self._log(incoming, answer.status, started)
        return answer

    def _log(self, incoming: web.BaseRequest, status: int, started: float) -> None:
        self._on_request(
            RequestRecord(incoming.method, incoming.raw_path, status, self._loop.time() - started)
        )

    def _refusal(self, incoming: web.BaseRequest) -> web.Response | None:
        """The answer to a request that may not pass, or None."""
        limits = self._limits
        raw_headers = incoming.raw_headers
        head_size = sum(map(len, chain.from_iterable(raw_headers))) + 4 * len(raw_headers)
        if head_size > limits.header_size_bytes_max:
            return plain_response(431, "Request Header Fields Too Large")
        length = incoming.content_length
        if length is not None and length > limits.body_size_bytes_max:
            response = plain_response(413, str(BodyTooLarge(limits.body_size_bytes_max)))
            response.force_close()
            return response
        if "Upgrade" in incoming.headers and _asks_for_websocket(incoming):
            why = why_no_handshake(incoming)
            # Not a WebSocket client after all: the Worker answers, as workerd's does, but a 101
            # is out of the question.
            if why is not None and "Sec-WebSocket-Key" in incoming.headers:
                headers = {"Sec-WebSocket-Version": "13"}
                return plain_response(400, f"Bad Request: {why}", headers)
        return None

    async def _answer(self, incoming: web.BaseRequest, started: float) -> Answer:
        body = (
            RequestBody(incoming, self._limits.body_size_bytes_max)
            if incoming.can_read_body
            else None
        )
        request = Request.incoming(incoming.method, self._url(incoming), incoming.headers, body)
        outcome = _Outcome(self._loop)
        self._worker.fetch(request, outcome.set)
        response, error = outcome.value or await outcome.wait()
        if error is not None:
            return self._failed(incoming, error, body)
        assert response is not None, "either a response or an error"
        if response.web_socket is not None:
            return self._upgrade(incoming, response, started)
        try:
            content = response.take_content()
        except Exception as used:
            return self._failed(incoming, used, body)
        if content is None or isinstance(content, bytes):
            content = content or b""
            if can_be_written_whole(incoming, response.status, content):
                return WholeAnswer(incoming, response, content)
            return _whole(response, content)
        return await self._stream(incoming, response, content)

    def _url(self, incoming: web.BaseRequest) -> str:
        target = incoming.raw_path
        if not target.startswith("/"):  # absolute form, as proxies send it; or OPTIONS *
            return target if "://" in target else f"{self._origin(incoming)}/{target}"
        return self._origin(incoming) + target

    def _origin(self, incoming: web.BaseRequest) -> str:
        origin = _origin_of(incoming.scheme, incoming.headers.get("Host", ""))
        if origin is None:
            name = incoming.transport.get_extra_info("sockname") if incoming.transport else None
            host = f"{name[0]}:{name[1]}" if isinstance(name, tuple) else "localhost"
            origin = f"{incoming.scheme}://{host}"
        return origin

    # Answers.

    def _upgrade(
        self, incoming: web.BaseRequest, response: Response, started: float
    ) -> web.StreamResponse:
        socket = response.web_socket
        assert socket is not None, "asked by the caller"
        if not _asks_for_websocket(incoming) or why_no_handshake(incoming) is not None:
            return self._failed(
                incoming,
                TypeError(
                    "Worker tried to return a WebSocket in a response to a request which did not "
                    'contain the header "Upgrade: websocket".'
                ),
                None,
            )
        if not socket.can_be_handed_over:
            return self._failed(
                incoming,
                TypeError("Can't return WebSocket in a Response after calling accept(), or twice."),
                None,
            )
        fields = response.header_fields().items()
        connection = upgrade(incoming, fields, self._loop, self._limits)
        if connection is not None:
            self._sockets.add(connection)
            connection.on_end = self._sockets.discard
            socket.hand_over(connection)
            self._log(incoming, 101, started)
        raise asyncio.CancelledError  # how aiohttp's handler lets go; see upgrade()

    async def _stream(
        self, incoming: web.BaseRequest, response: Response, source: StreamSource
    ) -> web.StreamResponse:
        answer = web.StreamResponse(
            status=response.status, reason=response.status_text or None, headers=_fields(response)
        )
        try:
            await answer.prepare(incoming)
            while chunk := await source.read_chunk():
                await answer.write(chunk)
        except ConnectionError as gone:
            source.cancel(gone)
            raise
        except asyncio.CancelledError:
            source.cancel(None)
            raise
        except Exception:
            # The head has left: an answer that ends early must not look whole.
            log.exception("response.body_failed", extra={"path": incoming.path})
            if incoming.transport is not None:
                incoming.transport.abort()
            raise ConnectionResetError("the body of the response failed") from None
        return answer

    def _failed(
        self, incoming: web.BaseRequest, error: BaseException, body: RequestBody | None
    ) -> web.StreamResponse:
        """The answer when user code raised."""
        if (body is not None and body.is_too_large) or isinstance(error, BodyTooLarge):
            response = plain_response(413, str(BodyTooLarge(self._limits.body_size_bytes_max)))
            response.force_close()
            return response
        if isinstance(error, ClientGone):
            log.debug("request.client_gone", extra={"path": incoming.path})
            raise ConnectionResetError(str(error))
        error = trimmed(error)
        log.error(
            "request.failed",
            extra={"method": incoming.method, "path": incoming.path},
            exc_info=(type(error), error, error.__traceback__),
        )
        if not self._show_errors:
            return plain_response(500, "Internal Server Error")
        if "text/html" in incoming.headers.get("Accept", ""):
            page = error_page(error, incoming.method, incoming.raw_path)
            return web.Response(text=page, status=500, content_type="text/html")
        return plain_response(500, error_text(error).rstrip())


class _Outcome:
    """What the Worker answers: often at once, so a future is made only when it is needed."""

    __slots__ = ("_future", "_loop", "value")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._future: asyncio.Future[None] | None = None
        self.value: tuple[Response | None, BaseException | None] | None = None

    def set(self, response: Response | None, error: BaseException | None) -> None:
        self.value = (response, error)
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    async def wait(self) -> tuple[Response | None, BaseException | None]:
        self._future = self._loop.create_future()
        await self._future
        assert self.value is not None, "set wakes after it has set"
        return self.value


def _asks_for_websocket(incoming: web.BaseRequest) -> bool:
    value = incoming.headers.get("Upgrade", "")
    return any(token.strip().lower() == "websocket" for token in value.split(","))


@lru_cache(256)
def _origin_of(scheme: str, host: str) -> str | None:
    """The start of the URL, or None if the Host header is no host."""
    return f"{scheme}://{host}" if _HOST.fullmatch(host) else None


def _fields(response: Response) -> CIMultiDict[str]:
    fields = CIMultiDict(response.header_fields())
    fields.setdefault("Server", "perdure")
    for name in FRAMING - {"content-length"}:  # a stream may know its length
        fields.popall(name, None)
    return fields


def _whole(response: Response, content: bytes) -> web.Response:
    fields = _fields(response)
    fields.popall("Content-Length", None)
    return web.Response(
        body=content,
        status=response.status,
        reason=response.status_text or None,
        headers=fields,
    )
