"""What HTTP/1.1 forbids, or we do not speak, and aiohttp's parser lets through.

Promise:
    Where a request could be read in two ways, by us and by a proxy before us, it is refused, and
    its connection ends.
"""

from aiohttp import HttpVersion10, HttpVersion11, web

from ..sandbox.purpose import FIELD
from .http_protocol import plain_response
from .outside import origin_of

_SCHEMES = ("http://", "https://", "ws://", "wss://")


def objection(request: web.BaseRequest) -> web.Response | None:
    """The answer to a request that cannot be taken as it is, or None."""
    headers = request.headers
    version = request.version
    if version not in {HttpVersion10, HttpVersion11}:
        return _refused(505, "HTTP Version Not Supported: this server speaks HTTP/1.1")
    if (coding := headers.get("Transfer-Encoding")) is not None:
        if version == HttpVersion10:  # RFC 9112, section 6.1
            return _refused(400, "Bad Request: Transfer-Encoding in HTTP/1.0")
        if coding.strip().lower() != "chunked":
            return _refused(501, "Not Implemented: the only transfer coding is chunked")
    if request.method == "CONNECT":
        return _refused(501, "Not Implemented: this server is no proxy")
    target = request.raw_path
    if not target.startswith(("/", *_SCHEMES)) and target != "*":
        return plain_response(400, "Bad Request: the request's target is no path and no http URL")
    # RFC 9112, section 3.2. That there is one Host header, the parser has seen to.
    host = headers.get("Host", "")
    if host and origin_of(request.scheme, host) is None:
        return plain_response(400, "Bad Request: the Host header is no host")
    if FIELD in headers:  # what it says counts for something, so only we may say it
        return plain_response(400, f"Bad Request: {FIELD} is not for clients")
    expectation = headers.get("Expect")
    if expectation is not None and expectation.lower() != "100-continue":
        # RFC 9110, section 10.1.1. Whether the body follows now, nobody can tell.
        return _refused(417, "Expectation Failed: 100-continue is the only one")
    return None


def _refused(status: int, text: str) -> web.Response:
    response = plain_response(status, text)
    response.force_close()
    return response
