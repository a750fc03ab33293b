"""Answers written in one go: head and body as one piece of bytes, past aiohttp's writer.

aiohttp spends more on writing a short response than on everything else (PERFORMANCE.md
section 3: half of a request's time). What is usual is therefore written by hand; whatever is
not (HEAD, HTTP/1.0, a status without a body, a large body) goes aiohttp's way.
"""

from http import HTTPStatus
from typing import Any, Protocol

from aiohttp import HttpVersion11, web
from aiohttp.helpers import rfc822_formatted_time

from ...actors.http import Response

# Above this the writer has to wait for a slow client, which aiohttp's does.
BODY_SIZE_BYTES_MAX = 64 * 1024
_REASONS = {status.value: status.phrase for status in HTTPStatus}
_STATUS_WITHOUT_BODY = frozenset({204, 205, 304})
# The length and the framing of a body are the connection's business.
FRAMING = frozenset({"content-length", "transfer-encoding", "connection", "keep-alive"})


class Answer(Protocol):
    """What aiohttp's protocol asks of a handler's response."""

    @property
    def status(self) -> int: ...
    @property
    def keep_alive(self) -> Any: ...
    async def prepare(self, request: Any) -> Any: ...
    async def write_eof(self) -> None: ...


def can_be_written_whole(request: web.BaseRequest, status: int, body: bytes) -> bool:
    """Whether ``WholeAnswer`` is right for this answer to ``request``."""
    return (
        len(body) <= BODY_SIZE_BYTES_MAX
        and status not in _STATUS_WITHOUT_BODY
        and request.method != "HEAD"
        and request.version == HttpVersion11
    )


class WholeAnswer:
    """A response that is written as one piece. Is an ``Answer``."""

    __slots__ = ("_body", "_response", "keep_alive", "status")

    def __init__(self, request: web.BaseRequest, response: Response, body: bytes) -> None:
        self._response = response
        self._body = body
        self.status = response.status
        self.keep_alive = request.keep_alive

    async def prepare(self, request: web.BaseRequest) -> None:
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client has gone")
        response = self._response
        reason = response.status_text or _REASONS.get(self.status, "")
        lines = [f"HTTP/1.1 {self.status} {reason}"]
        has_date = has_server = False
        for name, value in response.header_fields().items():
            lower = name.lower()
            if lower not in FRAMING:
                lines.append(f"{name}: {value}")
                has_date = has_date or lower == "date"
                has_server = has_server or lower == "server"
        if not has_date:
            lines.append(f"Date: {rfc822_formatted_time()}")
        if not has_server:
            lines.append("Server: perdure")
        if not self.keep_alive:
            lines.append("Connection: close")
        lines.append(f"Content-Length: {len(self._body)}\r\n\r\n")
        transport.write("\r\n".join(lines).encode() + self._body)

    async def write_eof(self) -> None:
        """Everything was written by ``prepare``."""
