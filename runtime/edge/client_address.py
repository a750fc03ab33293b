"""Whose request it is: the client's address, behind proxies too.

Promise:
    Nobody chooses their own address. ``X-Forwarded-For`` counts only when it comes from a peer
    that ``[perdure] trusted_proxies`` names, and only as far back as such peers wrote it.
"""

from collections.abc import Iterable
from functools import lru_cache

from aiohttp import web

from ..config.networks import LENGTH_MAX, Networks, parse_address

_REMEMBERED = 8192  # addresses; one client sends many requests


def client_address(request: web.BaseRequest, trusted: Networks) -> str:
    """The address of the client who sent ``request``.

    Returns:
        An IPv4 or IPv6 address without a port; empty if the connection has none, such as a
        Unix socket's, or has ended.
    """
    peer = peer_address(request)
    if not trusted or peer not in trusted:
        return peer
    return forwarded_address(peer, request.headers.getall("X-Forwarded-For", ()), trusted)


def comes_from_proxy(request: web.BaseRequest, trusted: Networks) -> bool:
    """Whether the peer may say in ``X-Forwarded-*`` what it was asked."""
    return bool(trusted) and peer_address(request) in trusted


def peer_address(request: web.BaseRequest) -> str:
    """The address at the other end of the connection; empty if it has none."""
    transport = request.transport
    peer = None if transport is None else transport.get_extra_info("peername")
    return normal_address(peer[0]) if isinstance(peer, tuple) else ""


def forwarded_address(peer: str, fields: Iterable[str], trusted: Networks) -> str:
    """The address of the client, as trusted proxies tell it.

    Each proxy writes at the right end whom it was asked by, and what stands left of that the
    client may have made up. So the list is read from the right, over the proxies we trust.

    Args:
        peer: Who is at the other end of the connection; it is trusted.
        fields: The ``X-Forwarded-For`` fields, in their order.
        trusted: The proxies.

    Returns:
        The first address that is no proxy's, or else the one farthest away. Where something
        stands that is no address, the search ends at the proxy that wrote it.
    """
    known = peer
    for item in reversed([item for field in fields for item in field.split(",")]):
        address = normal_address(_without_port(item.strip()))
        if not address:
            break
        known = address
        if address not in trusted:
            break
    return known


def normal_address(text: str) -> str:
    """An address in the one way in which it is written here; empty if it is none."""
    return "" if len(text) > LENGTH_MAX else _normal(text)


@lru_cache(_REMEMBERED)
def _normal(text: str) -> str:
    address = parse_address(text)
    return "" if address is None else str(address)


def _without_port(text: str) -> str:
    """``192.0.2.1:80`` and ``[2001:db8::1]:80``, as some proxies write, without the port."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    if text.count(":") == 1:
        return text.partition(":")[0]
    return text
