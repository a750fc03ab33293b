"""URLs that can be asked for: absolute, http or https, ws or wss. Parsing is yarl's."""

import re

from yarl import URL

from .http_errors import InvalidUrl

_SCHEMES = frozenset({"http", "https", "ws", "wss"})
_HOST = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=-]+|[0-9A-Fa-f:.]+(%[A-Za-z0-9._~-]+)?")
# A URL that yarl would give back as it is: no port, nothing to encode, no dot segments. It
# saves 5 us for each call of a stub; whatever does not match is only slower. The quantifiers are
# possessive: a client may have chosen the path, and trying out all ways to cut it into pieces
# would take for ever.
_PLAIN_URL = re.compile(
    r"(?:https?|wss?)://[a-z0-9]+(?:[.-][a-z0-9]+)*/(?:[\w~-][\w~.-]*+/?+)*+"
    r"(?:\?[A-Za-z0-9_~=&.-]*)?",
    re.ASCII,
)


def absolute_url(url: str | URL) -> tuple[str, URL | None]:
    """The URL as text, encoded, and parsed if it had to be.

    Raises:
        InvalidUrl: It is relative, has another scheme, or no host.
    """
    if type(url) is str and _PLAIN_URL.fullmatch(url):
        return url, None
    try:
        parsed = URL(url.strip() if isinstance(url, str) else url)
        host = parsed.raw_host
    except (TypeError, ValueError) as error:
        raise InvalidUrl(str(url), str(error)) from error
    if not host and parsed.scheme in {*_SCHEMES, ""}:
        raise InvalidUrl(str(url), "an absolute URL is needed, such as https://example.com/path")
    if parsed.scheme not in _SCHEMES:
        raise InvalidUrl(str(url), "its scheme must be http, https, ws or wss")
    if not host or not _HOST.fullmatch(host):
        raise InvalidUrl(str(url), f"{host!r} is no name of a host")
    if parsed.raw_path == "/":
        parsed = parsed.with_path("/", keep_query=True, keep_fragment=True)
    return str(parsed), parsed
