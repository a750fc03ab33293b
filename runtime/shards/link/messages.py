"""Requests and responses as they travel between processes.

    request  = [method, url, [[name, value], ...], client_address, redirect, body, resumed,
                is_immutable]
    response = [status, status_text, [[name, value], ...], body, url, redirected, socket_ref,
                is_immutable]
    body     = None | bytes | number of a stream (streams.py) | True: there was one, and it is used
    socket_ref = None | [slot, generation, number]

Fields keep their order, their case and their duplicates. A body that is bytes at one end is bytes
at the other, so that whoever answers a client knows its length; only beyond
``WHOLE_SIZE_BYTES_MAX`` it follows as a stream, and a response then gets the field Content-Length
that says what its bytes would have.
"""

from typing import Any, Literal, NamedTuple, Protocol, TypeVar

from multidict import CIMultiDict

from ....actors.body import BytesSource, Content
from ....actors.http import Request, Response, UpgradeSocket
from .streams import Streams

# As much as an RPC message may have (actors/limits.py), which travels in the same way.
WHOLE_SIZE_BYTES_MAX = 32 * 2**20

_USED: Literal[True] = True

M = TypeVar("M", Request, Response)


class SocketRef(NamedTuple):
    """Names a WebSocket that a worker has lent to whoever gets the response that carries it.

    Attributes:
        slot: The worker's.
        generation: Which worker of that slot.
        number: Of its own count.
    """

    slot: str
    generation: int
    number: int


class SocketPassing(Protocol):
    """What becomes of the WebSocket of a response that leaves for another process."""

    def lend(self, web_socket: UpgradeSocket) -> SocketRef:
        """Keep ``web_socket`` for whoever comes with the reference that this returns."""
        ...

    def borrow(self, ref: SocketRef) -> UpgradeSocket:
        """The WebSocket of another process that ``ref`` names, as one of this process.

        Raises:
            LinkBroken: There can be none of that name.
        """
        ...


def write_request(request: Request, streams: Streams) -> tuple[list[Any], int | None]:
    """``request`` as it travels, and the stream of its body if it has one; a stream is used then.

    Must be sent at once: what the stream sends is to come after it.
    """
    content = _content_of(request)
    body = _write_body(content, streams)
    wire = [
        request.method,
        request.url,
        _pairs(request),
        request.client_address,
        request.redirect,
        body,
        request.resumed,
        request.is_immutable,
    ]
    return wire, body if type(body) is int else None


def read_request(wire: list[Any], streams: Streams) -> Request:
    """The request that travelled so.

    Raises:
        LinkBroken: Its body is a stream that was announced before.
    """
    method, url, pairs, client_address, redirect, body, resumed, is_immutable = wire
    content = _read_body(body, streams)
    request = Request.incoming(method, url, CIMultiDict(pairs), content, client_address)
    request.redirect = redirect
    request.resumed = resumed
    return _as_it_was(request, body, is_immutable=is_immutable)


def write_response(
    response: Response, streams: Streams, sockets: SocketPassing
) -> tuple[list[Any], int | None]:
    """``response`` as it travels, and the stream of its body if it has one. See write_request."""
    content = _content_of(response)
    pairs = _pairs(response)
    is_cut = isinstance(content, bytes) and len(content) > WHOLE_SIZE_BYTES_MAX
    if is_cut and "Content-Length" not in response.header_fields():
        assert isinstance(content, bytes), "just looked at"
        pairs.append(("Content-Length", str(len(content))))
    body = _write_body(content, streams)
    socket = response.web_socket
    wire = [
        response.status,
        response.status_text,
        pairs,
        body,
        response.url,
        response.redirected,
        None if socket is None else sockets.lend(socket),
        response.is_immutable,
    ]
    return wire, body if type(body) is int else None


def read_response(wire: list[Any], streams: Streams, sockets: SocketPassing) -> Response:
    """The response that travelled so.

    Raises:
        LinkBroken: Its body is a stream that was announced before, or there is no such socket.
    """
    status, status_text, pairs, body, url, redirected, ref, is_immutable = wire
    response = Response.incoming(
        status,
        status_text,
        CIMultiDict(pairs),
        _read_body(body, streams),
        url,
        None if ref is None else sockets.borrow(SocketRef(*ref)),
        redirected=redirected,
    )
    return _as_it_was(response, body, is_immutable=is_immutable)


def _pairs(message: Request | Response) -> list[tuple[str, str]]:
    return list(message.header_fields().items())


def _content_of(message: Request | Response) -> Content | Literal[True]:
    """The body; True when somebody has read it already.

    A stream is taken out. Bytes stay, so that a request which was lost on its way can be sent
    again.
    """
    if message.body_used:
        return _USED
    content = message.content
    return content if isinstance(content, bytes) else message.take_content()


def _write_body(
    content: Content | Literal[True], streams: Streams
) -> bytes | int | Literal[True] | None:
    if content is None or content is _USED:
        return content
    if not isinstance(content, bytes):
        return streams.send(content)
    if len(content) <= WHOLE_SIZE_BYTES_MAX:
        return content
    return streams.send(BytesSource(content))


def _read_body(body: bytes | int | Literal[True] | None, streams: Streams) -> Content:
    if body is None or isinstance(body, bytes):
        return body
    return b"" if body is _USED else streams.receive(body)


def _as_it_was(message: M, body: object, *, is_immutable: bool) -> M:
    if body is _USED:
        message.take_content()
    if not is_immutable:
        message.make_mutable()
    return message
