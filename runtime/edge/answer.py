"""Answers as they are written: in one go past aiohttp's writer where that is possible.

aiohttp spends more on writing a short response than on everything else (PERFORMANCE.md
section 3: half of a request's time). What is usual is therefore written by hand; whatever is
not (a stream, HEAD, HTTP/1.0, a status without a body, a large body) goes aiohttp's way.
"""

from http import HTTPStatus
from typing import Any, Protocol

from aiohttp import HttpVersion11, web
from aiohttp.helpers import rfc822_formatted_time
from multidict import CIMultiDict

from ...actors.body import StreamSource
from ...actors.http import Response
from .http_protocol import SERVER

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
    def force_close(self) -> None: ...
    async def prepare(self, request: Any) -> Any: ...
    async def write_eof(self) -> None: ...


class WholeAnswer:
    """A response that is written as one piece. Is an ``Answer``."""

    __slots__ = ("_body", "_response", "keep_alive", "status")

    def __init__(self, request: web.BaseRequest, response: Response, body: bytes) -> None:
        self._response = response
        self._body = body
        self.status = response.status
        self.keep_alive = request.keep_alive

    def force_close(self) -> None:
        self.keep_alive = False

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
            lines.append(f"Server: {SERVER}")
        if not self.keep_alive:
            lines.append("Connection: close")
        lines.append(f"Content-Length: {len(self._body)}\r\n\r\n")
        # Bytes that came from the network and are no UTF-8 leave as they came.
        transport.write("\r\n".join(lines).encode("utf-8", "surrogateescape") + self._body)
        protocol = request.protocol
        if protocol.writing_paused:  # else a client that asks on and never reads fills the memory
            await protocol._drain_helper()  # noqa: SLF001  # what aiohttp's own writer waits for

    async def write_eof(self) -> None:
        """Everything was written by ``prepare``."""


class _Whole(web.Response):
    """aiohttp's response, without a content type that nobody has named."""

    async def _prepare_headers(self) -> None:
        is_named = "Content-Type" in self.headers
        await super()._prepare_headers()
        if not is_named:
            self.headers.pop("Content-Type", None)


class StreamAnswer(web.StreamResponse):
    """A response whose body follows piece by piece. Is an ``Answer``.

    Attributes:
        declared: The length that the response says its body has; None when it says nothing.
    """

    def __init__(self, response: Response) -> None:
        fields = _fields(response)
        self.declared = _declared_length(fields)
        self._is_named = "Content-Type" in fields
        super().__init__(
            status=response.status, reason=response.status_text or None, headers=fields
        )

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        if not self._is_named:
            self.headers.pop("Content-Type", None)


def has_no_body(request: web.BaseRequest, status: int) -> bool:
    """Whether nothing may follow the head of this answer to ``request``."""
    return request.method == "HEAD" or status in _STATUS_WITHOUT_BODY


def whole_answer(request: web.BaseRequest, response: Response, body: bytes) -> Answer:
    """The answer for a response whose body is here."""
    if (
        len(body) <= BODY_SIZE_BYTES_MAX
        and not has_no_body(request, response.status)
        and request.version == HttpVersion11
    ):
        return WholeAnswer(request, response, body)
    fields = _fields(response)
    if body or request.method != "HEAD":
        fields.popall("Content-Length", None)
    else:  # it may tell the length of the body that a GET would get
        _declared_length(fields)
    return _Whole(
        body=body,
        status=response.status,
        reason=response.status_text or None,
        headers=fields,
    )


def _fields(response: Response) -> CIMultiDict[str]:
    fields = CIMultiDict(
        [(name, writable(value)) for name, value in response.header_fields().items()]
    )
    fields.setdefault("Server", SERVER)
    for name in FRAMING - {"content-length"}:  # a stream may know its length
        fields.popall(name, None)
    return fields


def _declared_length(fields: CIMultiDict[str]) -> int | None:
    """What Content-Length says; a text that is no length is taken out."""
    values = fields.getall("Content-Length", [])
    if len(set(values)) == 1 and values[0].isdecimal() and values[0].isascii():
        fields["Content-Length"] = values[0]
        return int(values[0])
    fields.popall("Content-Length", None)
    return None


def writable(value: str) -> str:
    """``value`` as aiohttp can write it: bytes of another encoding become text by Latin-1."""
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogateescape").decode("latin-1")
    return value


async def copy_body(source: StreamSource, answer: StreamAnswer) -> None:
    """Write what ``source`` gives, which has to be as long as the head says."""
    size = 0
    while chunk := await source.read_chunk():
        size += len(chunk)
        if answer.declared is not None and size > answer.declared:
            break
        await answer.write(chunk)
    if answer.declared not in {None, size}:
        raise ValueError(
            f"the response's Content-Length is {answer.declared}, but its body is "
            f"{'longer' if chunk else f'{size} bytes long'}; leave the header out"
        )
