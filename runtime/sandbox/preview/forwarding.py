"""Requests for previews as the servers inside get them, and their answers as clients get those."""

import re
from contextvars import ContextVar
from typing import Final

from multidict import CIMultiDict

from ....actors.http import Request, Response
from ..purpose import FIELD
from .address import is_local, local_hostname
from .cookies import without_domain

# Only the proxy knows these: what a client says of itself by these names is taken out.
_OURS: Final = (
    FIELD,
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Proto",
    "X-Forwarded-Server",
    "X-Original-URL",
    "X-Real-IP",
    "X-Sandbox-Name",
)
# The server's own port, as the request under way has it; it is known where the request came from
# this machine.
_local_port: ContextVar[str] = ContextVar("_local_port", default="")


def host_of(url: str) -> str:
    """Return host and port of an absolute URL as they stand there; nothing is decoded."""
    rest = url.partition("://")[2]
    end = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    return rest[:end]


def note_port(host: str) -> None:
    """Have ``whole_hostname`` know the port of a request, in the handler that this is called in."""
    name, _, port = host.rpartition(":")
    if port.isdecimal() and is_local(name):
        _local_port.set(f":{port}")


def whole_hostname(hostname: str) -> str:
    """Return a hostname with the server's own port, if it is this machine's and says none.

    Programs take it from ``request.parsed_url.host``, which has no port.
    """
    if not isinstance(hostname, str) or not is_local(hostname):
        return hostname  # what is none is refused where the URL is made
    return f"{local_hostname(hostname)}{_local_port.get()}"


def clean(fields: CIMultiDict[str]) -> None:
    """Take out what only a proxy may say."""
    for name in _OURS:
        fields.popall(name, None)


def forwarded(request: Request, name: str) -> Request:
    """Return what a server inside gets of a request for a preview of the sandbox ``name``."""
    scheme = request.url.partition("://")[0]
    fields = CIMultiDict(request.header_fields())
    clean(fields)
    fields["X-Original-URL"] = request.url
    fields["X-Forwarded-Host"] = host_of(request.url)
    fields["X-Forwarded-Proto"] = {"ws": "http", "wss": "https"}.get(scheme, scheme)
    if request.client_address is not None:
        fields["X-Forwarded-For"] = request.client_address
    fields["X-Sandbox-Name"] = name
    content = request.take_content()
    return Request.incoming(request.method, request.url, fields, content, request.client_address)


def answered(response: Response, request: Request, port: int) -> Response:
    """Return what the client gets of an answer to its ``request``.

    Cookies stay with the host that has set them. Redirects to ``localhost`` with the port, which is
    what the server was told that it is, lead to where the client sees it.
    """
    fields = CIMultiDict(response.header_fields())
    cookies, locations = fields.getall("Set-Cookie", []), fields.getall("Location", [])
    if not cookies and not locations:
        return response
    _put(fields, "Set-Cookie", [without_domain(cookie) for cookie in cookies])
    _put(fields, "Location", [_seen_outside(each, request.url, port) for each in locations])
    return Response.incoming(
        response.status,
        response.status_text,
        fields,
        response.take_content(),
        response.url,
        response.web_socket,
    )


def _put(fields: CIMultiDict[str], name: str, values: list[str]) -> None:
    fields.popall(name, None)
    fields.extend((name, value) for value in values)


def _seen_outside(location: str, url: str, port: int) -> str:
    own = re.match(rf"https?://localhost:{port}(?=[/?#]|\Z)", location, re.IGNORECASE)
    if own is None:
        return location
    scheme = url.partition("://")[0].replace("ws", "http")
    return f"{scheme}://{host_of(url)}{location[own.end() :]}"
