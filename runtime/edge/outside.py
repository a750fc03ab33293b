"""How a request looked from outside: who asked, for which scheme and host, before any proxy.

Promise:
    Nobody chooses their own address, nor the scheme and host of their request but by asking for
    them. ``X-Forwarded-*`` or ``Forwarded`` count only when they come from a peer that
    ``[perdure] trusted_proxies`` names, and only as far back as such peers wrote them.
Considered and refused:
    To take whichever of the two kinds there is. A proxy that writes one kind passes the other
    through as the client wrote it, so only the kind that was configured means anything.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from ..config.networks import Networks
from .client_address import address_of
from .http_protocol import HttpProtocol

Fields = CIMultiDict[str] | CIMultiDictProxy[str]
# RFC 9110, section 7.2: a name, an IPv4 or an IPv6 address, and maybe a port.
_HOST = re.compile(r"(?:[A-Za-z0-9._~-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{0,5})?")
_HOST_LENGTH_MAX = 300  # 253 characters for a name of DNS, and a port
_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
# RFC 7239, section 4: one pair of an element, and what ends it. Blanks are never given back: a
# client may have sent 64 KB of them, and to try where the first run of them ends takes a minute.
_PAIR = re.compile(
    r"""[ \t]*+(?:(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)="""
    r"""(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<token>[^\s",;]*)))?[ \t]*+(?P<end>[;,]|$)"""
)
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class _Hop:
    """What one proxy wrote: who asked it, and for what; None for what it did not write."""

    address: str | None
    scheme: str | None
    host: str | None


@dataclass(frozen=True, slots=True)
class Seen:
    """What counts of what the proxies wrote.

    Attributes:
        address: Of the client, as far as it is known.
        scheme: ``"http"`` or ``"https"``; None when no proxy says.
        host: The host asked for, maybe with a port; None when no proxy says.
    """

    address: str
    scheme: str | None
    host: str | None


class Outside:
    """Reads requests as their clients sent them.

    Args:
        trusted_proxies: Addresses and CIDR blocks.
        proxy_headers: ``"x-forwarded"`` or ``"forwarded"``: what those proxies write.
    """

    def __init__(
        self, trusted_proxies: Sequence[str] = (), proxy_headers: str = "x-forwarded"
    ) -> None:
        self.trusted = Networks(trusted_proxies)
        self._hops = _rfc_hops if proxy_headers == "forwarded" else _x_hops

    def address(self, request: web.BaseRequest) -> str:
        """The client's address, without a port; empty if the connection has none."""
        if not self.trusted:
            return _peer_address(request)
        seen = self._look(request)
        return _peer_address(request) if seen is None else seen.address

    def host(self, request: web.BaseRequest) -> str:
        """The host that the client asked for, with its port if that was said."""
        seen = self._look(request) if self.trusted else None
        if seen is not None and seen.host is not None:
            return seen.host
        return request.headers.get("Host", "")

    def origin(self, request: web.BaseRequest) -> str:
        """The start of the URL: ``https://example.com``."""
        scheme, host = request.scheme, request.headers.get("Host", "")
        if self.trusted and (seen := self._look(request)) is not None:
            scheme, host = seen.scheme or scheme, seen.host or host
        return origin_of(scheme, host) or f"{scheme}://{_own_name(request)}"

    def url(self, request: web.BaseRequest) -> str:
        """The whole URL."""
        target = request.raw_path  # ASCII: the parser refuses anything else
        if target.startswith("/"):
            return self.origin(request) + target
        # Absolute, as clients of a proxy send it; or OPTIONS *
        return target if "://" in target else f"{self.origin(request)}/{target}"

    def _look(self, request: web.BaseRequest) -> Seen | None:
        return self.look(_peer_address(request), request.headers)

    def look(self, peer: str, headers: Fields) -> Seen | None:
        """What trusted proxies say in ``headers``; None when ``peer`` is none of them.

        Each proxy writes at the right end of a list what it was asked, and by whom; what stands
        left of that the client may have made up. So lists are read from the right, over the
        proxies that are trusted. Where something stands that is no address, the search ends.
        """
        if peer not in self.trusted:
            return None
        seen = Seen(peer, None, None)
        for hop in self._hops(headers):
            address = None if hop.address is None else address_of(hop.address)
            seen = Seen(address or seen.address, hop.scheme or seen.scheme, hop.host or seen.host)
            if not address or address not in self.trusted:
                break
        return seen


def _peer_address(request: web.BaseRequest) -> str:
    """The address at the other end of the connection; empty if it has none."""
    protocol = request.protocol
    return protocol.peer_address if isinstance(protocol, HttpProtocol) else ""


def _x_hops(headers: Fields) -> Iterator[_Hop]:
    """From the nearest proxy on. One that writes a list anew tells of all before it."""
    addresses = _items(headers, "X-Forwarded-For")
    schemes = _items(headers, "X-Forwarded-Proto")
    hosts = _items(headers, "X-Forwarded-Host")
    for n in range(max(len(addresses), 1)):
        yield _Hop(
            addresses[n] if n < len(addresses) else None,
            _SCHEMES.get(schemes[n].lower()) if n < len(schemes) else None,
            _checked(hosts[n]) if n < len(hosts) else None,
        )


def _items(headers: Fields, name: str) -> Sequence[str]:
    """The items of a list, the last one first."""
    fields = headers.getall(name, ())
    return [item.strip() for field in fields for item in field.split(",")][::-1]


def _rfc_hops(headers: Fields) -> Iterator[_Hop]:
    for pairs in reversed(forwarded_elements(",".join(headers.getall("Forwarded", ())))):
        scheme, host = pairs.get("proto"), pairs.get("host")
        yield _Hop(
            pairs.get("for"),
            None if scheme is None else _SCHEMES.get(scheme.lower()),
            None if host is None else _checked(host),
        )


def forwarded_elements(text: str) -> Sequence[dict[str, str]]:
    """The elements of a ``Forwarded`` header, each with its pairs; none if it is malformed."""
    elements: list[dict[str, str]] = [{}]
    at = 0
    while at < len(text):
        pair = _PAIR.match(text, at)
        if pair is None or pair.end() == at:
            return ()
        if pair["name"] is not None:
            quoted = pair["quoted"]
            value = pair["token"] if quoted is None else _ESCAPED.sub(r"\1", quoted)
            elements[-1][pair["name"].lower()] = value
        if pair["end"] == ",":
            elements.append({})
        at = pair.end()
    return [element for element in elements if element]


def _checked(host: str) -> str | None:
    return host if origin_of("http", host) else None


def _own_name(request: web.BaseRequest) -> str:
    """The server's own address, for a client that names none."""
    name = request.transport.get_extra_info("sockname") if request.transport else None
    if not isinstance(name, tuple):
        return "localhost"
    return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"


def origin_of(scheme: str, host: str) -> str | None:
    """The start of the URL, or None if ``host`` is no host."""
    return None if len(host) > _HOST_LENGTH_MAX else _remembered_origin(scheme, host)


@lru_cache(256)
def _remembered_origin(scheme: str, host: str) -> str | None:
    if not _HOST.fullmatch(host):
        return None
    try:
        URL(origin := f"{scheme}://{host}")
    except ValueError:  # a port that cannot be, or too many colons
        return None
    return origin
