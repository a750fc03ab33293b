"""The header fields of a request or a response."""

import re
from collections.abc import ItemsView, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TypeVar, overload

from multidict import CIMultiDict, CIMultiDictProxy

from .http_errors import ImmutableHeaders, InvalidHeader, InvalidInit

T = TypeVar("T")
Fields = CIMultiDict[str] | CIMultiDictProxy[str]

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, section 5.6.2
# CR, LF and NUL would end the field early. Lone surrogates cannot be encoded, but for those
# that stand for bytes which came from the network (surrogateescape) and may leave again.
_FORBIDDEN = re.compile("[\r\n\0\ud800-\udc7f\udd00-\udfff]")
_WHITESPACE = " \t\r\n"  # stripped at both ends of a value, as the Fetch standard does


class Headers(Mapping[str, str]):
    """Header fields: a mapping whose names are equal whatever their case.

    A name may stand for several fields. ``get`` and ``[]`` join their values with ", ", as the
    Fetch standard does; ``get_all`` gives them one by one, and ``get_set_cookie`` the
    cookies, whose values must not be joined.

    Args:
        init: A mapping, pairs, other Headers, or None.

    Raises:
        InvalidHeader: A name is not a token, or a value holds CR, LF or NUL.
    """

    __slots__ = ("_fields", "_immutable")

    def __init__(self, init: "HeadersInit" = None) -> None:
        self._immutable = False
        self._fields: Fields
        if init is None:
            self._fields = CIMultiDict()
        elif isinstance(init, Headers):
            self._fields = CIMultiDict(init._fields)  # another of our own class
        else:
            self._fields = CIMultiDict(_checked_pairs(init))

    @classmethod
    def wrap(cls, fields: Fields, *, immutable: bool = False) -> "Headers":
        """Headers around ``fields`` themselves: not checked, not copied. For the runtime."""
        self = cls.__new__(cls)
        self._fields = fields
        self._immutable = immutable
        return self

    @property
    def fields(self) -> Fields:
        """The fields themselves, as they are sent. For the runtime."""
        return self._fields

    def __repr__(self) -> str:
        return f"Headers({list(self._fields.items())!r})"

    # Reading.

    def __getitem__(self, name: str) -> str:
        """All values of ``name``, joined with ", "; KeyError when there is none."""
        values = self._fields.getall(name, None)
        if values is None:
            raise KeyError(name)
        return values[0] if len(values) == 1 else ", ".join(values)

    @overload
    def get(self, name: str, default: None = None, /) -> str | None: ...
    @overload
    def get(self, name: str, default: str | T, /) -> str | T: ...
    def get(self, name: str, default: str | T | None = None, /) -> str | T | None:
        """All values of ``name``, joined with ", ", or ``default``."""
        values = self._fields.getall(name, None)
        if values is None:
            return default
        return values[0] if len(values) == 1 else ", ".join(values)

    def get_all(self, name: str) -> list[str]:
        """The values of ``name`` in order; an empty list when there is none."""
        return list(self._fields.getall(name, ()))

    def get_set_cookie(self) -> list[str]:
        """The values of ``Set-Cookie``, which cannot be joined without loss."""
        return self.get_all("Set-Cookie")

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __iter__(self) -> Iterator[str]:
        """Each name once, written as it first was."""
        firsts: dict[str, str] = {}
        for name in self._fields:  # multidict 6 repeats a name here, multidict 7 does not
            firsts.setdefault(name.lower(), name)
        return iter(firsts.values())

    def __len__(self) -> int:
        """How many names there are."""
        return len({name.lower() for name in self._fields})

    def items(self) -> ItemsView[str, str]:
        """Pairs of a name and its joined values; each ``Set-Cookie`` is a pair of its own."""
        return _Items(self)

    def __eq__(self, other: object) -> bool:
        """Whether the same names have the same values, whatever the case and order of names."""
        if not isinstance(other, Mapping):
            return NotImplemented
        try:
            return _folded(self) == _folded(Headers(other))
        except (InvalidHeader, InvalidInit):
            return False

    __hash__ = None  # type: ignore[assignment]  # mutable, like a dict

    # Changing.

    def set(self, name: str, value: str) -> None:
        """Let ``value`` be the only value of ``name``.

        Raises:
            InvalidHeader: The name is not a token, or the value holds CR, LF or NUL.
            ImmutableHeaders: These came over the network.
        """
        self._changeable()[check_name(name)] = check_value(name, value)

    def append(self, name: str, value: str) -> None:
        """Add a value of ``name`` to those it has. Raises as ``set`` does."""
        self._changeable().add(check_name(name), check_value(name, value))

    def delete(self, name: str) -> None:
        """Remove all values of ``name``; it is no error when there is none."""
        self._changeable().popall(name, None)

    def __setitem__(self, name: str, value: str) -> None:
        self.set(name, value)

    def __delitem__(self, name: str) -> None:
        del self._changeable()[name]

    def _changeable(self) -> CIMultiDict[str]:
        if self._immutable or not isinstance(self._fields, CIMultiDict):
            raise ImmutableHeaders
        return self._fields


HeadersInit = Headers | Mapping[str, str] | Iterable[tuple[str, str]] | None


class _Items(ItemsView[str, str]):
    """The pairs of Headers, counted as they are given."""

    _mapping: Headers

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for name in self._mapping:
            if name.lower() == "set-cookie":
                yield from ((name, value) for value in self._mapping.get_all(name))
            else:
                yield name, self._mapping[name]

    def __len__(self) -> int:
        return sum(1 for _ in self)


@lru_cache(maxsize=1024)  # a program uses a few names, many times
def check_name(name: str) -> str:
    """``name`` itself, when it may be the name of a header.

    Raises:
        InvalidHeader: It may not.
    """
    if not isinstance(name, str):
        raise InvalidInit(f"a header's name is a str, not {type(name).__name__}")
    if not _TOKEN.fullmatch(name):
        raise InvalidHeader(name, "a name has letters, digits and !#$%&'*+-.^_`|~ only")
    return name


def check_value(name: str, value: str) -> str:
    """``value`` without whitespace at its ends, when it may be sent.

    Raises:
        InvalidHeader: It may not.
    """
    if not isinstance(value, str):
        raise InvalidInit(
            f"the value of header {name!r} is a str, not {type(value).__name__}; "
            f"write str({value!r}) if you mean its text"
        )
    value = value.strip(_WHITESPACE)
    if bad := _FORBIDDEN.search(value):
        raise InvalidHeader(name, f"the value holds {bad[0]!r}, which cannot be sent")
    return value


def _checked_pairs(init: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    if isinstance(init, str | bytes) or not isinstance(init, Iterable):
        raise InvalidInit(
            f"headers are a dict, pairs or Headers, not {type(init).__name__}: {init!r:.60}"
        )
    pairs = init.items() if isinstance(init, Mapping) else init
    checked = []
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise InvalidInit(
                f"headers are pairs of a name and a value; this is none: {pair!r:.60}"
            )
        name, value = pair
        checked.append((check_name(name), check_value(name, value)))
    return checked


def _folded(headers: Headers) -> dict[str, list[str]]:
    return {name.lower(): headers.get_all(name) for name in headers}
