"""Heads of requests as tests write them."""

from multidict import CIMultiDict

from perdure.runtime.edge.firewall.head import RequestHead


def head(
    request: str = "GET /",
    *headers: str,
    address: str = "203.0.113.7",
    host: str = "example.com",
    is_upgrade: bool = False,
) -> RequestHead:
    """``head("GET /room", "Origin: https://a.example")``."""
    method, target = request.split(" ", 1)
    fields: CIMultiDict[str] = CIMultiDict([pair(header) for header in headers])
    return RequestHead(method, target, fields, host=host, address=address, is_upgrade=is_upgrade)


def pair(header: str) -> tuple[str, str]:
    name, value = header.split(":", 1)
    return name, value.strip()
