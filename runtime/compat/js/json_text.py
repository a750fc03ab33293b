# Pure: no clock, no files.
"""``JSON``: text and values, as JavaScript has them."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from .buffers import TypedArray
from .containers import Map, Set
from .errors import SyntaxError_, TypeError_
from .numbers import number_text
from .objects import entries_of, text_of
from .proxies import JsException, JsProxy, is_nullish
from .pyproxies import PyProxy
from .values import JsDict, JsList, from_native

_SPACES_MAX = 10
_ABSENT = object()


class _Json(JsProxy, js_name="JSON"):
    """``JSON.stringify`` and ``JSON.parse``. None is null on both ways."""

    @staticmethod
    def stringify(value: Any = _ABSENT, replacer: Any = None, space: Any = None) -> str | None:
        """The text of a value, without spaces unless ``space`` asks for them."""
        return None if value is _ABSENT else _Writer(replacer, space).text(value)

    @staticmethod
    def parse(text: Any, reviver: Callable[[str, Any], Any] | None = None) -> Any:
        """The value of a text.

        Raises:
            JsException: A SyntaxError: it is not JSON.
        """
        try:
            value = json.loads(text_of(text), parse_constant=_no_constant)
        except ValueError as error:
            where = f" at position {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
            raise SyntaxError_(f"Unexpected token or end of input in JSON{where}") from error
        parsed = from_native(value)
        return parsed if reviver is None else _revived("", parsed, reviver)


JSON = _Json()


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _revived(name: str, value: Any, reviver: Callable[[str, Any], Any]) -> Any:
    if isinstance(value, JsList):
        value = JsList(_revived(str(index), item, reviver) for index, item in enumerate(value))
    elif isinstance(value, JsDict):
        value = JsDict({key: _revived(key, item, reviver) for key, item in value.items()})
    return reviver(name, value)


class _Writer:
    def __init__(self, replacer: Any, space: Any) -> None:
        self._names = [text_of(name) for name in replacer] if isinstance(replacer, list) else None
        self._replace = replacer if callable(replacer) else None
        if isinstance(space, int | float):
            space = " " * min(_SPACES_MAX, int(space))
        self._space = "" if is_nullish(space) else str(space)[:_SPACES_MAX]
        self._colon = ": " if self._space else ":"
        self._around: list[int] = []

    def text(self, value: Any, name: str = "") -> str | None:
        """None for what JSON leaves out: a function."""
        if isinstance(value, PyProxy):
            value = value.to_native()
        to_json = getattr(value, "toJSON", None) if isinstance(value, JsProxy) else None
        if callable(to_json):
            value = to_json()
        if self._replace is not None:
            value = self._replace(name, value)
        if is_nullish(value):
            return "null"
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str):
            return _quoted(value)
        if isinstance(value, int | float):
            return number_text(value) if math.isfinite(value) else "null"
        if isinstance(value, list | tuple):
            return self._nested(value, self._items(value), "[]")
        if callable(value) and not isinstance(value, JsProxy):
            return None
        return self._nested(value, self._properties(value), "{}")

    def _items(self, value: Any) -> Callable[[], list[str]]:
        return lambda: [self.text(item, str(index)) or "null" for index, item in enumerate(value)]

    def _properties(self, value: Any) -> Callable[[], list[str]]:
        def properties() -> list[str]:
            found = _shown(value)
            if self._names is not None:
                found = [(name, item) for name, item in found if name in self._names]
            texts = [(name, self.text(item, name)) for name, item in found]
            return [f"{_quoted(name)}{self._colon}{t}" for name, t in texts if t is not None]

        return properties

    def _nested(self, value: Any, inside: Callable[[], list[str]], brackets: str) -> str:
        if id(value) in self._around:
            raise TypeError_("Converting circular structure to JSON")
        self._around.append(id(value))
        parts = inside()
        self._around.pop()
        first, last = brackets[0], brackets[1]
        if not parts or not self._space:
            return first + ",".join(parts) + last
        outer = self._space * len(self._around)
        inner = f",\n{outer}{self._space}".join(parts)
        return f"{first}\n{outer}{self._space}{inner}\n{outer}{last}"


def _shown(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Map | Set | JsException):
        return []
    if isinstance(value, TypedArray):
        return [(str(index), number) for index, number in enumerate(value)]
    if isinstance(value, Mapping):
        return [(text_of(name), item) for name, item in value.items()]
    return entries_of(value)


def _quoted(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:  # half a pair cannot be sent: it is written as its escape
        return json.dumps(text)
    return json.dumps(text, ensure_ascii=False)
