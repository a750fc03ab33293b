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
from collections.abc import Callable
from functools import partial
from itertools import chain
from time import perf_counter
from typing import Protocol

from aiohttp import HttpVersion11, web

from ...actors.body import StreamSource
from ...actors.http import Request, Response, UpgradeSocket
from ...actors.http_errors import BodyTooLate
from ...actors.response_stream import let_go
from ...actors.session import GOING_AWAY
from ...actors.watch import watch
from ..config.limits import EdgeLimits
from ..host.worker import OnResponse
from ..sockets.client_socket import ClientSocket
from ..sockets.keepalive import KeepAlive
from ..sockets.limits import SocketLimits
from ..sockets.movable_socket import MovableSocket
from ..sockets.watch import watch as socket_watch
from .admission import Admission, connections_possible
from .answer import Answer, StreamAnswer, copy_body, has_no_body, whole_answer
from .error_page import error_page, error_text
from .firewall.firewall import Firewall
from .hop_by_hop import without_named
from .http_protocol import HttpProtocol, HttpServer, plain_response, text_response
from .movable_protocol import MovableProtocol
from .outbound import NetworkError
from .outcome import Outcome, Unfinished, Upgraded
from .outside import Outside
from .request_body import BodyMalformed, BodyStalled, BodyTooLarge, ClientGone, RequestBody
from .request_record import CLIENT_GONE, RequestRecord
from .sound_request import objection
from .statistics import EdgeStatistics
from .tls_listener import TlsStatistics
from .upgrade import asks_for_websocket, no_handshake, upgrade, why_no_handshake

log = logging.getLogger("perdure.edge")

HEADERS_MAX = 256
# All handlers have been cancelled by then, so this is not reached; but 0 would mean no limit.
HANDLERS_END_S = 1.0


class Answerer(Protocol):
    """Who answers requests: the process's Worker."""

    def fetch(self, request: Request, on_response: OnResponse) -> None: ...


class Front:
    """Serves HTTP and WebSocket upgrades for one Worker."""

    def __init__(
        self,
        worker: Answerer,
        loop: asyncio.AbstractEventLoop,
        limits: EdgeLimits,
        socket_limits: SocketLimits,
        *,
        firewall: Firewall,
        outside: Outside,
        show_errors: bool,
        on_request: Callable[[RequestRecord], None],
        keep_alive: KeepAlive | None = None,
        compression: bool = False,
        is_movable: bool = False,
    ) -> None:
        self._compression = compression
        self._socket_kind = MovableSocket if is_movable else ClientSocket
        self._worker = worker
        self._loop = loop
        self._limits = limits
        self._socket_limits = socket_limits
        self._keep_alive = keep_alive
        self._firewall = firewall
        self._outside = outside
        self.admission = Admission(
            connections_possible(limits.connections_max),
            limits.connections_per_address_max,
            outside.trusted,
        )
        self._show_errors = show_errors
        self._on_request = on_request
        self._sockets: set[ClientSocket] = set()
        self._on_socket_end = self._socket_ended  # made once: each socket holds it
        self._unanswered = 0
        self._all_answered: asyncio.Future[None] | None = None
        self._is_winding_down = self._is_leaving = False
        self.server = HttpServer(
            self._handle,
            self.admission,
            header_timeout_s=limits.header_timeout_s,
            answer_idle_timeout_s=limits.answer_idle_timeout_s,
            requests_max=limits.keepalive_requests_max,
            kind=MovableProtocol if is_movable else HttpProtocol,
            loop=loop,
            access_log=None,
            keepalive_timeout=limits.keepalive_timeout_s,
            max_field_size=limits.header_size_bytes_max,
            max_line_size=limits.header_size_bytes_max,
            max_headers=HEADERS_MAX,
            auto_decompress=False,
        )

    def statistics(self, tls: TlsStatistics | None) -> EdgeStatistics:
        """What was counted, beside what the listener has."""
        counts = self.server.counts
        return EdgeStatistics(
            self.admission.statistics(),
            tls,
            self.server.requests_count,
            counts.heads_too_large,
            counts.heads_late,
            counts.answers_unread,
            counts.bodies_too_large,
            counts.bodies_stalled,
            tuple(counts.answered),
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

    def wind_down(self) -> None:
        """Close idle connections, and each other one after the answer it waits for."""
        self._is_winding_down, self._is_leaving = True, False
        for connection in self._connections():
            connection.close_if_idle()

    def leave(self, *, is_possible: bool) -> None:
        """Have no connection wait for another request here.

        Args:
            is_possible: Another process can have those between two requests. Else they may ask
                once more, and are closed behind the answer.
        """
        self._is_winding_down, self._is_leaving = True, is_possible
        if not is_possible:
            for connection in self.movable:
                connection.wake_up()

    async def close(self, answers_leave_s: float, sockets_close_s: float) -> None:
        """Close every connection; what is written leaves first.

        Args:
            answers_leave_s: How long clients may take to read answers that are written.
            sockets_close_s: How long they may take to answer the close frame of a WebSocket.
        """
        ends = [end for connection in self._connections() if (end := connection.end())]
        for socket in list(self._sockets):
            socket.sever(GOING_AWAY, "the server is going away")
        if closed := [socket.ended for socket in self._sockets]:
            await asyncio.wait(closed, timeout=sockets_close_s)
        if ends:
            await asyncio.wait([ended for _, ended in ends], timeout=answers_leave_s)
        for socket in list(self._sockets):
            socket.abort()
        for transport, ended in ends:
            if not ended.done():
                transport.abort()
        self.admission.close()
        await self.server.shutdown(timeout=HANDLERS_END_S)

    @property
    def movable(self) -> list[MovableProtocol]:
        """Those that speak HTTP, and may be had by another process."""
        return [c for c in self.server.connections if isinstance(c, MovableProtocol)]

    def _connections(self) -> list[HttpProtocol]:
        return [c for c in self.server.connections if isinstance(c, HttpProtocol)]

    # Answering.

    async def _handle(self, incoming: web.BaseRequest) -> Answer:
        started = perf_counter()  # uvloop's clock counts whole milliseconds
        self._unanswered += 1
        status = CLIENT_GONE
        try:
            answer = self._refusal(incoming) or await self._answer(incoming)
            status = answer.status
            protocol = incoming.protocol
            assert isinstance(protocol, HttpProtocol), "HttpServer makes no others"
            protocol.answered += 1
            if protocol.ends_after_answer or (
                self._is_winding_down and not (self._is_leaving and _rests(protocol))
            ):
                answer.force_close()
        except Upgraded:
            status = 101
            raise asyncio.CancelledError from None  # how aiohttp lets go; see upgrade()
        except Unfinished as unfinished:
            status = unfinished.status
            raise
        else:
            return answer
        finally:
            if self._firewall.holds_places:
                self._firewall.release(incoming)
            self._unanswered -= 1
            if not self._unanswered and self._all_answered is not None:
                if not self._all_answered.done():
                    self._all_answered.set_result(None)
                self._all_answered = None
            self._log(incoming, status, started)

    def _log(self, incoming: web.BaseRequest, status: int, started: float) -> None:
        # A status of the program's own is 200 to 599 (Response sees to that).
        self.server.counts.answered[status // 100] += 1
        took_s = perf_counter() - started
        self._on_request(RequestRecord(incoming.method, incoming.raw_path, status, took_s))
        if watch.tell is not None:
            fields = {
                "method": incoming.method,
                "path": incoming.raw_path,
                "status": status,
                "duration_ms": round(took_s * 1000, 3),
                "address": self._outside.address(incoming) or None,
            }
            watch.tell("request", None, fields)

    def _refusal(self, incoming: web.BaseRequest) -> web.Response | None:
        """The answer to a request that may not pass, or None."""
        limits = self._limits
        raw_headers = incoming.raw_headers
        head_size = sum(map(len, chain.from_iterable(raw_headers))) + 4 * len(raw_headers)
        if head_size + len(incoming.raw_path) > limits.header_size_bytes_max:
            self.server.counts.heads_too_large += 1
            return plain_response(431, "Request Header Fields Too Large")
        if (unsound := objection(incoming)) is not None:
            return unsound
        length = incoming.content_length
        if length is not None and length > limits.body_size_bytes_max:
            return self._too_large()
        is_upgrade = "Upgrade" in incoming.headers and asks_for_websocket(incoming)
        if is_upgrade:
            refused = why_no_handshake(incoming)
            # Without a key it is no WebSocket client: the Worker answers, as workerd's does, and
            # only a 101 of the Worker's is answered with what is wrong.
            if refused is not None and "Sec-WebSocket-Key" in incoming.headers:
                return no_handshake(refused)
        if is_upgrade or self._firewall.has_rules:
            return self._firewall.refusal(incoming, is_upgrade=is_upgrade)
        return None

    async def _answer(self, incoming: web.BaseRequest) -> Answer:
        body: RequestBody | None = None
        if incoming.can_read_body:
            body = RequestBody(incoming, self._limits, self._loop)
        request = Request.incoming(
            incoming.method,
            self._outside.url(incoming),
            without_named(incoming.headers),
            body,
            self._outside.address(incoming) or None,
        )
        if body is None:
            return await self._answer_request(incoming, request, None)
        try:
            answer = await self._answer_request(incoming, request, body)
            if body.is_awaited:  # the client may send its body, or may not: who could tell?
                answer.force_close()
            return answer
        finally:
            # What the handler has not read, it gets no more: the connection has to go on.
            content = request.content
            if content is not body and content is not None and not isinstance(content, bytes):
                content.cancel(BodyTooLate("request"))
            await body.close()

    async def _answer_request(
        self, incoming: web.BaseRequest, request: Request, body: RequestBody | None
    ) -> Answer:
        outcome = Outcome(self._loop)
        self._worker.fetch(request, outcome.set)
        response, error = outcome.value or await outcome.wait()
        if error is not None:
            return self._failed(incoming, error, body)
        assert response is not None, "either a response or an error"
        if response.web_socket is not None:
            return self._upgrade(incoming, response, response.web_socket)
        try:
            content = response.take_content()
        except Exception as used:
            return self._failed(incoming, used, body)
        if content is None or isinstance(content, bytes):
            return whole_answer(incoming, response, content or b"")
        if body is not None:  # after the head of the answer it would be too late to say so
            body.invite()
        return await self._stream(incoming, response, content)

    # Answers.

    def _upgrade(
        self, incoming: web.BaseRequest, response: Response, socket: UpgradeSocket
    ) -> Answer:
        if not asks_for_websocket(incoming):
            let_go(response)
            return self._failed(
                incoming,
                TypeError(
                    "Worker tried to return a WebSocket in a response to a request which did not "
                    'contain the header "Upgrade: websocket".'
                ),
                None,
            )
        if (refused := why_no_handshake(incoming)) is not None:  # the client's fault: no key
            let_go(response)
            return no_handshake(refused)
        if not socket.can_be_handed_over:
            return self._failed(
                incoming,
                TypeError("Can't return WebSocket in a Response after calling accept(), or twice."),
                None,
            )
        fields = response.header_fields().items()
        protocol = incoming.protocol
        assert isinstance(protocol, HttpProtocol), "HttpServer makes no others"
        upgraded = upgrade(
            incoming,
            fields,
            self._loop,
            self._socket_limits,
            self._keep_alive,
            compression=self._compression,
            kind=self._socket_kind,
        )
        if upgraded is None:
            let_go(response)
            raise Unfinished(CLIENT_GONE, "the client has gone")
        connection, tail = upgraded
        protocol.leave_place_to(connection)
        self.watch_over(connection)
        connection.on_end = self._firewall.until_end(incoming, self._on_socket_end)
        socket.hand_over(connection)
        if socket_watch.tell is not None:
            address = self._outside.address(incoming) or None
            about = {"path": incoming.raw_path, "address": address}
            socket_watch.tell("websocket.connection.accepted", connection, about)
        if tail:
            connection.data_received(tail)
        raise Upgraded

    def watch_over(self, connection: ClientSocket, request: Request | None = None) -> None:
        """Close it with the others, and notice its end. Its ``request`` has passed elsewhere."""
        self._sockets.add(connection)
        on_end = self._on_socket_end
        connection.on_end = on_end if request is None else self._firewall.hold(request, on_end)

    def _socket_ended(self, socket: ClientSocket) -> None:
        self._sockets.discard(socket)
        self.admission.release(socket)

    async def _stream(
        self, incoming: web.BaseRequest, response: Response, source: StreamSource
    ) -> Answer:
        answer = StreamAnswer(response)
        if answer.declared is None and incoming.version < HttpVersion11:
            answer.force_close()  # the end of the connection is the end of the body
        if has_no_body(incoming, response.status):
            source.cancel(None)
            return answer
        protocol = incoming.protocol
        assert isinstance(protocol, HttpProtocol), "HttpServer makes no others"
        gone = ConnectionResetError("the client has gone")
        protocol.on_lost = partial(source.cancel, gone)
        try:
            await answer.prepare(incoming)
            await copy_body(source, answer)
        except asyncio.CancelledError:
            source.cancel(None)
            raise
        except Exception as error:
            source.cancel(gone)
            if incoming.transport is None:
                raise Unfinished(CLIENT_GONE, "the client has gone") from None
            # The head has left: an answer that ends early must not look whole.
            cause = None if isinstance(error, NetworkError) else error  # of no line of a program
            extra = {"path": incoming.raw_path, "error": str(error)}
            log.exception("response.body_failed", extra=extra, exc_info=cause)
            incoming.transport.abort()
            raise Unfinished(500, "the body of the response failed") from error
        finally:
            protocol.on_lost = None
        return answer

    def _failed(
        self, incoming: web.BaseRequest, error: BaseException, body: RequestBody | None
    ) -> web.Response:
        """The answer when user code raised."""
        if (body is not None and body.is_too_large) or isinstance(error, BodyTooLarge):
            return self._too_large()
        if (body is not None and body.has_stalled) or isinstance(error, BodyStalled):
            self.server.counts.bodies_stalled += 1
            stalled = BodyStalled(self._limits.body_idle_timeout_s)
            return _closing(408, f"Request Timeout: {stalled}")
        if isinstance(error, BodyMalformed):
            return _closing(400, f"Bad Request: {error}")
        if isinstance(error, ClientGone):
            log.debug("request.client_gone", extra={"path": incoming.raw_path})
            raise Unfinished(CLIENT_GONE, str(error))
        log.error(
            "request.failed",
            extra={"method": incoming.method, "path": incoming.raw_path},
            exc_info=(type(error), error, error.__traceback__),
        )
        if not self._show_errors:
            return plain_response(500, "Internal Server Error")
        if "text/html" in incoming.headers.get("Accept", ""):
            page = error_page(error, incoming.method, incoming.raw_path)
            return text_response(500, page, "text/html")
        return plain_response(500, error_text(error).rstrip())

    def _too_large(self) -> web.Response:
        self.server.counts.bodies_too_large += 1
        return _closing(413, str(BodyTooLarge(self._limits.body_size_bytes_max)))


def _rests(connection: HttpProtocol) -> bool:
    """Whether it waits for another process to have it, instead of being closed."""
    return isinstance(connection, MovableProtocol) and connection.rest()


def _closing(status: int, text: str) -> web.Response:
    """An answer behind which nothing can be read."""
    response = plain_response(status, text)
    response.force_close()
    return response
