"""Paths in ``_headers`` and ``_redirects``: what ``*`` and ``:name`` in them stand for.

# Pure.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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

    Each takes as much as it can, the first one before the others, as in a regular expression; but
    no path that a client makes up takes long.

    Args:
        source: See ``source_url``.
        written: Brings pieces of a path into the form that requests' paths are given in.

    Raises:
        RuleRefused: A name is there twice, or more than one ``*``.
    """

    __slots__ = ("_host", "_path")

    def __init__(self, source: str, written: Callable[[str], str]) -> None:
        names: set[str] = set()
        host, path = "", source
        if has_host(source):
            host, slash, path = source.removeprefix("https://").partition("/")
            path = slash + path
        self._host = _Shape.of(host, ".", str.lower, names) if host else None
        self._path = _Shape.of(path, "/", written, names)

    def match(self, host: str, path: str) -> Mapping[str, str] | None:
        """What the placeholders stand for; None where the rule is not for this.

        Args:
            host: Its name, in small letters, without a port.
            path: It.
        """
        of_host = {} if self._host is None else self._host.match(host)
        if of_host is None:
            return None
        of_path = self._path.match(path)
        return None if of_path is None else {**of_host, **of_path}


@dataclass(frozen=True, slots=True)
class _Shape:
    """Literals, and between each two of them something that has a name.

    Attributes:
        literals: One more than there are names.
        names: ``SPLAT`` stands for anything, others for one character or more, not for ``bound``.
        bound: What parts are parted by.
    """

    literals: Sequence[str]
    names: Sequence[str]
    bound: str

    @classmethod
    def of(cls, text: str, bound: str, written: Callable[[str], str], taken: set[str]) -> "_Shape":
        """Read a shape; ``taken`` are the names that others have already."""
        literals, names, end = list[str](), list[str](), 0
        for found in _PIECE.finditer(text):
            literals.append(written(text[end : found.start()]))
            name = found[2] or SPLAT
            if name in taken:
                twice = f'":{name}" is there twice.'
                raise RuleRefused(twice if found[2] else "There can be one * only.")
            taken.add(name)
            names.append(name)
            end = found.end()
        return cls((*literals, written(text[end:])), names, bound)

    def match(self, text: str) -> dict[str, str] | None:
        """What the names stand for, in a text that has this shape."""
        if SPLAT not in self.names:
            found = self._head(text, len(text), len(self.names), is_whole=True)
            return None if found is None else found[0]
        # What follows * begins as late as it can: that leaves what is before it most room.
        at = self.names.index(SPLAT)
        tail = self._tail(text, at + 1)
        if tail is None:
            return None
        values, end = tail
        # What is before * has so many bounds, and ends before the next one.
        limit = -1
        for _ in range(1 + sum(literal.count(self.bound) for literal in self.literals[: at + 1])):
            limit = text.find(self.bound, limit + 1)
            if limit < 0:
                limit = len(text)
                break
        head = self._head(text, min(limit, end), at, is_whole=False)
        if head is None:
            return None
        return {**head[0], SPLAT: text[head[1] : end], **values}

    def _tail(self, text: str, first: int) -> tuple[dict[str, str], int] | None:
        """Fit the literals from ``first`` on to the end of a text; tells where they begin."""
        if not text.endswith(self.literals[-1]):
            return None
        return self._leftwards(text, len(text) - len(self.literals[-1]), first, len(self.names))

    def _head(
        self, text: str, end: int, last: int, *, is_whole: bool
    ) -> tuple[dict[str, str], int] | None:
        """Fit the literals up to ``last`` to the beginning of a text; tells where they end.

        Args:
            text: It.
            end: They end there, or before.
            last: The last literal.
            is_whole: They end there.
        """
        literal, first = self.literals[last], self.literals[0]
        at = end - len(literal) if is_whole else text.rfind(literal, 0, end)
        if last == 0:
            at = 0
        if at < 0 or at + len(literal) > end or not text.startswith(literal, at):
            return None
        stop = at + len(literal)
        if last == 0:
            return ({}, stop) if stop == end or not is_whole else None
        found = self._leftwards(text, at, 1, last)
        if found is None or not text.startswith(first):
            return None
        values, at = found
        value = text[len(first) : at]
        if not value or self.bound in value:
            return None
        return {self.names[0]: value, **values}, stop

    def _leftwards(
        self, text: str, at: int, first: int, last: int
    ) -> tuple[dict[str, str], int] | None:
        """Fit the literals from ``first`` on, each as late as it can, before one that is at ``at``.

        No later place than the latest would help: what lies between would have to be of the part
        that follows, which has no bound in it either.
        """
        values = dict[str, str]()
        for index in range(last - 1, first - 1, -1):
            literal = self.literals[index]
            before = text.rfind(literal, 0, max(at - 1, 0))
            value = text[before + len(literal) : at]
            if before < 0 or not value or self.bound in value:
                return None
            values[self.names[index]] = value
            at = before
        return values, at
