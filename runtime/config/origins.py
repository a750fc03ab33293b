# Pure: text to patterns.
"""Origins as browsers send them, and patterns for those of other sites that may connect.

An origin is a scheme, a host and maybe a port (RFC 6454, section 6.2), or the word ``null`` for
a page that has none, such as one in a sandbox. Whatever else stands in an ``Origin`` header is no
browser's, and matches nothing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

NULL = "null"
ANY = "*"
# Where `perdure dev` is met by the pages of other servers for development, such as Vite's.
LOCAL_ORIGINS = tuple(
    f"{scheme}://{host}:*"
    for host in ("localhost", "127.0.0.1", "[::1]")
    for scheme in ("http", "https")
)
_DEFAULT_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443"}
_SCHEME = r"(?P<scheme>[a-z][a-z0-9+.-]*)"
_NAME = r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\]"
_ORIGIN = re.compile(rf"{_SCHEME}://(?P<host>{_NAME})(?::(?P<port>[0-9]{{1,5}}))?")
_HOST = re.compile(rf"(?P<host>{_NAME})(?::(?P<port>[0-9]{{0,5}}))?")
_PATTERN = re.compile(
    rf"(?:{_SCHEME}://)(?P<host>\*|(?:\*\.)?(?:{_NAME}))(?::(?P<port>[0-9]{{1,5}}|\*))?"
)
_HOST_PATTERN = re.compile(rf"(?P<host>\*|(?:\*\.)?(?:{_NAME}))(?::(?P<port>[0-9]{{1,5}}|\*))?")
_REMEMBERED = 1024
LENGTH_MAX = 300  # 253 characters for a name of DNS, a scheme and a port


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port in lower case, the port never left out."""

    scheme: str
    host: str
    port: str


class OriginPatterns:
    """Patterns of origins, such as ``https://app.example.com`` and ``https://*.example.com``.

    ``*.`` in front stands for any names, one at least; ``*`` as the host for any host, and as the
    port for any port. Without a port the scheme's own is meant. ``null`` is the origin of pages
    without one, and a lone ``*`` is any origin at all.

    Raises:
        ValueError: One of them is no pattern; its text says why.
    """

    __slots__ = ("_any", "_null", "_shapes", "patterns")

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self.patterns = tuple(patterns)
        self._any = ANY in self.patterns
        self._null = NULL in self.patterns
        self._shapes = tuple(_shape(p) for p in self.patterns if p not in {ANY, NULL})

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def matches(self, text: str) -> bool:
        """Whether an ``Origin`` header's value is one of those meant."""
        if self._any:
            return True
        if text == NULL:
            return self._null
        origin = parse_origin(text)
        return origin is not None and any(
            scheme == origin.scheme and _host_fits(host, origin.host) and port in {"*", origin.port}
            for scheme, host, port in self._shapes
        )


class HostPatterns:
    """Patterns of hosts, such as ``example.com``, ``*.example.com`` and ``localhost:8787``.

    Without a port any port is meant.

    Raises:
        ValueError: One of them is no pattern.
    """

    __slots__ = ("_shapes", "patterns")

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self.patterns = tuple(patterns)
        self._shapes = tuple(_host_shape(pattern) for pattern in self.patterns)

    def matches(self, text: str) -> bool:
        """Whether a ``Host`` header's value is one of those meant."""
        found = _HOST.fullmatch(text.lower())
        if found is None:
            return False
        name, port = _plain(found["host"]), found["port"] or ""
        return any(_host_fits(host, name) and p in {"*", port} for host, p in self._shapes)


def parse_origin(text: str) -> Origin | None:
    """Return an origin, or None for ``null`` and for what is no origin."""
    # Clients choose them: what is remembered must not be of any length.
    return None if len(text) > LENGTH_MAX else _parse(text)


@lru_cache(_REMEMBERED)
def _parse(text: str) -> Origin | None:
    found = _ORIGIN.fullmatch(text.lower())
    if found is None:
        return None
    scheme = found["scheme"]
    return Origin(scheme, _plain(found["host"]), found["port"] or _DEFAULT_PORTS.get(scheme, ""))


def is_same_host(origin: Origin, host: str) -> bool:
    """Whether a page of ``origin`` was served where the request went.

    The schemes are not compared, since a proxy that speaks TLS for us speaks plain HTTP with us.
    So a port that ``host`` leaves out is that of the origin's scheme.
    """
    found = _HOST.fullmatch(host.lower())
    if found is None:
        return False
    port = found["port"] or _DEFAULT_PORTS.get(origin.scheme, "")
    return (_plain(found["host"]), port) == (origin.host, origin.port)


def _plain(host: str) -> str:
    return host.removesuffix(".")  # "example.com." is its full name, and the same host


def _host_fits(pattern: str, host: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) >= len(pattern)
    return pattern in {"*", host}


def _shape(pattern: str) -> tuple[str, str, str]:
    text = pattern.lower()
    found = _PATTERN.fullmatch(text)
    if found is None:
        raise ValueError(_why_no_origin(text))
    scheme = found["scheme"]
    return scheme, _plain(found["host"]), found["port"] or _DEFAULT_PORTS.get(scheme, "")


def _host_shape(pattern: str) -> tuple[str, str]:
    found = _HOST_PATTERN.fullmatch(pattern.lower())
    if found is None:
        advice = 'no "https://" and no path' if "/" in pattern else '"*" only as "*." in front'
        raise ValueError(f'Write a host such as "example.com" or "*.example.com": {advice}.')
    return _plain(found["host"]), found["port"] or "*"


def _why_no_origin(text: str) -> str:
    scheme, sign, rest = text.partition("://")
    if not sign and _HOST_PATTERN.fullmatch(text):
        return f'An origin begins with its scheme: "https://{text}"'
    if sign and "/" in rest:
        return f'An origin has no path: "{scheme}://{rest.partition("/")[0]}"'
    return (
        'Write an origin such as "https://app.example.com", "https://*.example.com" or '
        '"http://localhost:*".'
    )
