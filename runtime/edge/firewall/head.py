# Pure: the head of a request, as text.
"""What of a request rules look at, each worked out when the first one asks.

Promise:
    What a rule sees is what the Worker will see. Where a request could be read in two ways,
    ``paths`` has both, so that no rule is walked round by another spelling.
"""

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence

from multidict import CIMultiDict, CIMultiDictProxy, MultiDict, MultiMapping
from yarl import URL

Fields = CIMultiDict[str] | CIMultiDictProxy[str]
_NO_QUERY: MultiMapping[str] = MultiDict()
_SLASHES = re.compile(r"[/\\]+")


class RequestHead:
    """The head of one request.

    Args:
        method: As sent.
        target: As sent: a path with a query, or a whole URL.
        headers: All fields.
        host: Where the client meant to go; usually the ``Host`` field.
        address: The client's, or what finds it; empty if unknown.
        is_upgrade: It asks to become a WebSocket.

    Attributes:
        paths: The path, decoded, without a slash at its end; all its readings where there are
            two. First as ``request.parsed_url.path`` has it, then with ``//`` and with what were
            encoded slashes and dot segments resolved.
    """

    __slots__ = (
        "_address",
        "_cookies",
        "_url",
        "headers",
        "host",
        "is_upgrade",
        "method",
        "paths",
        "target",
    )

    def __init__(
        self,
        method: str,
        target: str,
        headers: Fields,
        *,
        host: str,
        address: str | Callable[[], str],
        is_upgrade: bool,
    ) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.host = host
        self._address = address
        self.is_upgrade = is_upgrade
        self.paths = _paths_of(target)
        self._url: URL | None = None
        self._cookies: Mapping[str, Sequence[str]] | None = None

    @property
    def address(self) -> str:
        """The client's address; empty if unknown."""
        if not isinstance(self._address, str):
            self._address = self._address()
        return self._address

    @property
    def query(self) -> MultiMapping[str]:
        """The query, decoded, as ``request.parsed_url.query`` has it."""
        if "?" not in self.target:
            return _NO_QUERY
        if self._url is None:
            self._url = _url_of(self.target)
        return _NO_QUERY if self._url is None else self._url.query

    @property
    def cookies(self) -> Mapping[str, Sequence[str]]:
        """The values of each cookie."""
        if self._cookies is None:
            self._cookies = _cookies_of(self.headers.getall("Cookie", ()))
        return self._cookies


def host_of(target: str, host: str) -> str:
    """Return where a request goes: a whole URL as its target says so itself (RFC 9112, 3.2.2)."""
    if target.startswith("/"):
        return host
    url = _url_of(target) if "://" in target else None
    return host if url is None else url.authority


def _paths_of(target: str) -> Sequence[str]:
    path = target.partition("?")[0].partition("#")[0]
    is_plain = path.startswith("/") and "%" not in path and "\\" not in path
    if is_plain and "//" not in path and "/." not in path:
        return (path.rstrip("/"),)
    url = _url_of(target)
    seen = path if url is None else url.path
    plain = _SLASHES.sub("/", f"/{seen}")
    plain = posixpath.normpath(plain).rstrip("/")
    seen = seen.rstrip("/")
    return (seen,) if seen == plain else (seen, plain)


def _url_of(target: str) -> URL | None:
    """The URL as the front makes it for the Worker, but for the host."""
    url = f"http://h{target}" if target.startswith("/") else target
    try:
        return URL(url if "://" in url else f"http://h/{url}")
    except ValueError:
        return None


def _cookies_of(fields: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """The values by name; none is decoded, for neither do browsers."""
    found: dict[str, list[str]] = {}
    for pair in ";".join(fields).split(";"):
        name, sign, value = pair.partition("=")
        if sign:
            value = value.strip()
            if len(value) > 1 and value[0] == value[-1] == '"':
                value = value[1:-1]
            found.setdefault(name.strip(), []).append(value)
    return found
