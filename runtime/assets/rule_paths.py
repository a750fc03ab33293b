"""Paths in ``_headers`` and ``_redirects``: what ``*`` and ``:name`` in them stand for.

# Pure.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote

_HTTPS = re.compile(r"https:/{2,}(?P<host>[^/?#]+)/?(?P<rest>.*)")
_PORT = re.compile(r":\d+$")
# What a URL keeps as it is in its path.
_PLAIN = "!$%&'()*+,-./:;=@[\\]^_|~"
_SLASHES = re.compile(r"[/\\]+")
_NAME = re.compile(r":([A-Za-z]\w*)", re.ASCII)
_PIECE = re.compile(rf"(\*|{_NAME.pattern})", re.ASCII)
SPLAT = "splat"


class RuleRefused(ValueError):
    """A line cannot be a rule; its text says why, in wrangler's words where it has some."""


def standard(path: str) -> str:
    """A path, or a piece of one, as it stands in a URL: what is encoded stays so."""
    return quote(path, safe=_PLAIN, errors="surrogatepass")


def source_url(text: str, *, may_have_host: bool) -> str:
    """What a rule is for, without query and fragment: a path, or ``https://host/path``.

    Raises:
        RuleRefused: It is neither.
    """
    if found := _HTTPS.match(text):
        if not may_have_host:
            message = f"Only relative URLs are allowed. Skipping absolute URL {text}."
            raise RuleRefused(message)
        if _PORT.search(found["host"]):
            message = f"Specifying ports is not supported. Skipping absolute URL {text}."
            raise RuleRefused(message)
        return f"https://{found['host']}{_path_of('/' + found['rest'])}"
    if may_have_host and not text.startswith("/"):
        raise RuleRefused(_NEITHER)
    return _path_of(text if text.startswith("/") else f"/{text}")


def destination_url(text: str) -> str:
    """Where a redirect leads, with query and fragment: a path, or an ``https://`` URL.

    Raises:
        RuleRefused: It is neither.
    """
    if found := _HTTPS.match(text):
        rest = found["rest"] if found["rest"][:1] in {"?", "#"} else f"/{found['rest']}"
        rest = rest if rest.startswith("/") else f"/{rest}"
        return f"https://{found['host']}{quote(rest, safe=_PLAIN + '?#', errors='surrogatepass')}"
    if not text.startswith("/"):
        raise RuleRefused(_NEITHER)
    return quote(text, safe=_PLAIN + "?#", errors="surrogatepass")


_NEITHER = (
    "URLs should either be relative (e.g. begin with a forward-slash), or use HTTPS (e.g. begin "
    'with "https://").'
)


def _path_of(text: str) -> str:
    return text.partition("#")[0].partition("?")[0]


def has_host(url: str) -> bool:
    """Whether it is one of another site, or of this one with its name."""
    return url.startswith("https://")


def is_dynamic(source: str) -> bool:
    """Whether it has ``*`` or a placeholder."""
    return _PIECE.search(source) is not None


def filled(text: str, values: Mapping[str, str]) -> str:
    """``text`` with what placeholders stood for; those that nothing is known of stay."""
    return _NAME.sub(lambda found: values.get(found[1], found[0]), text)


def filled_destination(to: str, values: Mapping[str, str]) -> str:
    """Where a redirect leads, with what placeholders stood for.

    A path stays one of this site, whatever a client has put into it: ``//host`` would not.
    """
    target = filled(to, values)
    if has_host(to):
        return target
    end = re.search("[?#]", target)
    at = end.start() if end else len(target)
    return _SLASHES.sub("/", target[:at]) + target[at:]


class RulePattern:
    """What a rule is for: ``*`` is anything, ``:name`` a part of a path or of a host's name.

    Args:
        source: See ``source_url``.
        written: Brings pieces of a path into the form that requests' paths are given in.

    Raises:
        RuleRefused: A name is there twice, or more than one ``*``.
    """

    __slots__ = ("_expression", "_has_host")

    def __init__(self, source: str, written: Callable[[str], str]) -> None:
        self._has_host = has_host(source)
        host, path = "", source
        if self._has_host:
            host, slash, path = source.removeprefix("https://").partition("/")
            path = slash + path
        names: set[str] = set()
        host_text = "".join(_expressions(host, "[^/.]+", str.lower, names))
        path_text = "".join(_expressions(path, "[^/]+", written, names))
        self._expression = re.compile(host_text + path_text)

    def match(self, host: str, path: str) -> Mapping[str, str] | None:
        """What the placeholders stand for; None where the rule is not for this.

        Args:
            host: Its name, in small letters, without a port.
            path: It.
        """
        found = self._expression.fullmatch(host + path if self._has_host else path)
        return None if found is None else found.groupdict()


def _expressions(
    text: str, part: str, written: Callable[[str], str], names: set[str]
) -> Iterator[str]:
    end = 0
    for found in _PIECE.finditer(text):
        yield re.escape(written(text[end : found.start()]))
        name = found[2] or SPLAT
        if name in names:
            message = (
                "There can be one * only." if found[2] is None else f'":{name}" is there twice.'
            )
            raise RuleRefused(message)
        names.add(name)
        yield f"(?P<{name}>{'.*' if found[2] is None else part})"
        end = found.end()
    yield re.escape(written(text[end:]))
