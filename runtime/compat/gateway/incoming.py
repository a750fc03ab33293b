"""What an application is told of a request, whichever interface it has."""

from collections.abc import Iterator
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from ....actors.http import Request

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def native_request(request: object) -> Request:
    """The request in ``request``, which may be a view of one.

    Raises:
        TypeError: There is none.
    """
    inner = getattr(request, "js_object", None)
    for found in (request, getattr(request, "native", None), getattr(inner, "native", None)):
        if isinstance(found, Request):
            return found
    raise TypeError(
        f"an application answers a Request, not {type(request).__name__}: pass on what fetch() got"
    )


class Target:
    """Where a request goes.

    Attributes:
        scheme: "http" or "https".
        raw_path: The path as it was sent.
        path: The same, decoded, as bytes.
        query: What follows the question mark, as it was sent.
        server: Host and port.
    """

    __slots__ = ("path", "query", "raw_path", "scheme", "server")

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
        self.raw_path = (parts.path or "/").encode()
        self.path = unquote_to_bytes(self.raw_path)
        self.query = parts.query.encode()
        self.server = (parts.hostname or "localhost", _port(parts))


def _port(parts: SplitResult) -> int:
    return parts.port or _DEFAULT_PORTS.get(parts.scheme, 80)


def header_pairs(request: Request) -> Iterator[tuple[bytes, bytes]]:
    """Names in small letters, and values with the bytes that came."""
    for name, value in request.header_fields().items():
        yield name.lower().encode(), value.encode("utf-8", "surrogateescape")


def text_of(value: bytes | str) -> str:
    """A header's name or value, as the application has given it, for a Response."""
    return value if isinstance(value, str) else bytes(value).decode("utf-8", "surrogateescape")


def offered_subprotocols(request: Request) -> list[str]:
    """The subprotocols that the client offers, in its order."""
    fields = request.header_fields().getall("Sec-WebSocket-Protocol", ())
    return [name for field in fields for part in field.split(",") if (name := part.strip())]
