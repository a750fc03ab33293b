# Pure: no clock, no files.
"""``URL`` and ``URLSearchParams``."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urljoin, urlsplit

from yarl import URL as Yarl  # noqa: N811  # the name is JavaScript's here

from .errors import TypeError_
from .objects import text_of
from .pairs import Pairs
from .proxies import JsProxy, is_nullish

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443, "ftp": 21}
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
_PATH = "%!$&'()*+,;=:@/-._~[]|"
_QUERY = "%!$&()*+,;=:@/?-._~[]|`{}^\\"
_HASH = "%!$&'()*+,;=:@/?-._~[]|{}^\\#"
_JUNK = re.compile(r"[\t\r\n]")


class URLSearchParams(Pairs):
    """Names and values of a query, in order: made of a text, an object, pairs, or another."""

    def __init__(self, init: Any = None, **more: str) -> None:
        super().__init__()
        self._pairs = [*_pairs_of(init), *more.items()]
        self._changed: Callable[[str], None] | None = None

    @classmethod
    def of_url(cls, query: str, changed: Callable[[str], None]) -> "URLSearchParams":
        """Those of a URL, which hears of changes."""
        self = cls(query)
        self._changed = changed
        return self

    def _tell(self) -> None:
        if self._changed is not None:
            self._changed(self.toString())

    def replace(self, query: str) -> None:
        """For the URL: be those of this query."""
        self._pairs = _pairs_of(query)

    @property
    def size(self) -> int:
        return len(self._pairs)

    def has(self, name: Any, value: Any = None) -> bool:
        """Whether the name is there, with this value if one is given."""
        found = self.getAll(name)
        return bool(found) if value is None else text_of(value) in found

    def append(self, name: Any, value: Any) -> None:
        self._pairs.append((text_of(name), text_of(value)))
        self._tell()

    def set(self, name: Any, value: Any) -> None:
        """Let this be the only value of the name, where the first was."""
        self._put((text_of(name), text_of(value)))
        self._tell()

    def delete(self, name: Any, value: Any = None) -> None:
        self._pairs = [
            known
            for known in self._pairs
            if known[0] != text_of(name) or (value is not None and known[1] != text_of(value))
        ]
        self._tell()

    def sort(self) -> None:
        self._pairs.sort(key=lambda pair: pair[0].encode("utf-16-be", "surrogatepass"))
        self._tell()

    def own_entries(self) -> list[tuple[str, Any]]:
        return []

    def toString(self) -> str:
        return "&".join(f"{_form(name)}={_form(value)}" for name, value in self._pairs)

    def __str__(self) -> str:
        return self.toString()


def _form(text: str) -> str:
    return quote_plus(text, safe="*-._").replace("~", "%7E")


def _read_form(text: str) -> str:
    return unquote(text.replace("+", " "), errors="replace")


def _pairs_of(init: Any) -> list[tuple[str, str]]:
    if is_nullish(init):
        return []
    if isinstance(init, URLSearchParams):
        return list(init._pairs)  # noqa: SLF001  # of this class
    if isinstance(init, Mapping):
        return [(text_of(name), text_of(value)) for name, value in init.items()]
    if not isinstance(init, str) and hasattr(init, "__iter__"):
        return [(text_of(name), text_of(value)) for name, value in init]
    parts = [part.partition("=") for part in text_of(init).removeprefix("?").split("&") if part]
    return [(_read_form(name), _read_form(value)) for name, _, value in parts]


class URL(JsProxy):
    """A URL in parts, each of which can be set.

    Raises:
        JsException: A TypeError ``Invalid URL: ...``.
    """

    def __init__(self, url: Any, base: Any = None) -> None:
        text = _JUNK.sub("", text_of(url)).strip()
        if not _SCHEME.match(text):
            if is_nullish(base):
                raise TypeError_(f"Invalid URL: {text}")
            text = urljoin(URL(base).href, text)
        self._read(text)

    def _read(self, text: str) -> None:
        try:
            parts = urlsplit(text)
            scheme, self._port = parts.scheme.lower(), parts.port
            host = parts.hostname or ""
            if scheme in _PORTS:
                if not host or " " in host:
                    raise TypeError_(f"Invalid URL: {text}")
                host = Yarl.build(scheme="http", host=host).raw_host or ""
        except ValueError as error:
            raise TypeError_(f"Invalid URL: {text}") from error
        self._scheme, self._host = scheme, f"[{host}]" if ":" in host else host
        self._user = quote(parts.username or "", safe="%")
        self._password = quote(parts.password or "", safe="%")
        if self._port == _PORTS.get(scheme):
            self._port = None
        path = parts.path.replace("\\", "/") if scheme in _PORTS else parts.path
        self._path = quote(_without_dots(path), safe=_PATH) if scheme in _PORTS else path
        self._query = quote(parts.query, safe=_QUERY)
        self._hash = quote(parts.fragment, safe=_HASH)
        self._params: URLSearchParams | None = None

    @staticmethod
    def canParse(url: Any, base: Any = None) -> bool:
        return URL.parse(url, base) is not None

    @staticmethod
    def parse(url: Any, base: Any = None) -> "URL | None":
        """The URL; None when it is none."""
        try:
            return URL(url, base)
        except TypeError_:
            return None

    @property
    def href(self) -> str:
        return self._text()

    @href.setter
    def href(self, text: str) -> None:
        self._read(URL(text).href)

    def _text(self) -> str:
        is_plain = not self._host and self._scheme not in _PORTS
        login = self._user + (f":{self._password}" if self._password else "")
        at = f"{login}@" if login else ""
        start = self.protocol if is_plain else f"{self.protocol}//{at}{self.host}"
        if is_plain and self._scheme == "file":
            start += "//"
        return start + self._path + self.search + self.hash

    @property
    def origin(self) -> str:
        return f"{self.protocol}//{self.host}" if self._scheme in _PORTS else "null"

    @property
    def protocol(self) -> str:
        return f"{self._scheme}:"

    @protocol.setter
    def protocol(self, text: str) -> None:
        scheme = text.partition(":")[0].lower()
        if (scheme in _PORTS) == (self._scheme in _PORTS):
            self._scheme = scheme

    @property
    def username(self) -> str:
        return self._user

    @username.setter
    def username(self, text: str) -> None:
        self._user = quote(text, safe="%")

    @property
    def password(self) -> str:
        return self._password

    @password.setter
    def password(self, text: str) -> None:
        self._password = quote(text, safe="%")

    @property
    def host(self) -> str:
        return self._host if self._port is None else f"{self._host}:{self._port}"

    @host.setter
    def host(self, text: str) -> None:
        other = URL(f"{self.protocol}//{text}")
        self._host, self._port = other._host, other._port  # of this class

    @property
    def hostname(self) -> str:
        return self._host

    @hostname.setter
    def hostname(self, text: str) -> None:
        self._host = text.lower()

    @property
    def port(self) -> str:
        return "" if self._port is None else str(self._port)

    @port.setter
    def port(self, text: Any) -> None:
        number = int(text) if text_of(text) else None
        self._port = None if number == _PORTS.get(self._scheme) else number

    @property
    def pathname(self) -> str:
        return self._path

    @pathname.setter
    def pathname(self, text: str) -> None:
        self._path = quote(_without_dots("/" + text.lstrip("/")), safe=_PATH)

    @property
    def search(self) -> str:
        return f"?{self._query}" if self._query else ""

    @search.setter
    def search(self, text: str) -> None:
        self._query = quote(text.removeprefix("?"), safe=_QUERY)
        if self._params is not None:
            self._params.replace(self._query)

    @property
    def searchParams(self) -> URLSearchParams:
        """Names and values of the query; changes to them change the URL."""
        if self._params is None:
            self._params = URLSearchParams.of_url(self._query, self._change_query)
        return self._params

    def _change_query(self, query: str) -> None:
        self._query = query

    @property
    def hash(self) -> str:
        return f"#{self._hash}" if self._hash else ""

    @hash.setter
    def hash(self, text: str) -> None:
        self._hash = quote(text.removeprefix("#"), safe=_HASH)

    def toString(self) -> str:
        return self.href

    toJSON = toString

    def __str__(self) -> str:
        return self.href

    def __repr__(self) -> str:
        return f"URL({self.href!r})"


def _without_dots(path: str) -> str:
    if not path:
        return "/"
    kept: list[str] = []
    *segments, last = path.removeprefix("/").split("/")
    for segment in segments:
        plain = segment.lower().replace("%2e", ".")
        if plain == "..":
            del kept[-1:]
        elif plain != ".":
            kept.append(segment)
    plain = last.lower().replace("%2e", ".")
    if plain == "..":
        del kept[-1:]
    kept.append("" if plain in {".", ".."} else last)
    return "/" + "/".join(kept)
