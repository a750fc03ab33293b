# Pure: no clock, no files.
"""Plain objects and arrays, and the way between JavaScript-like and native values.

What a program is handed is a superset: a plain object is a dict whose keys are attributes too, an
array is a list, and both have ``to_py()``, so that code which converts and code which does not
both go on.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, SupportsIndex

from .buffers import ArrayBuffer, JsBuffer
from .proxies import JsProxy, jsnull

Convert = Callable[..., Any]


class JsDict(JsProxy, dict[str, Any], js_name="Object"):
    """A plain object: ``row.n`` and ``row["n"]``. Names of a dict's methods are keys only."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __reduce__(self) -> tuple[Any, ...]:
        return JsDict, (dict(self),)

    def own_entries(self) -> Iterable[tuple[str, Any]]:
        return self.items()

    def as_object_map(self, *, hereditary: bool = False) -> "JsDict":
        """Itself."""
        del hereditary
        return self

    def to_py(self, *, depth: int = -1, default_converter: Convert | None = None) -> Any:
        """A dict of the same, whose values are Python's."""
        return plain(self, depth, default_converter)

    def toString(self) -> str:
        return "[object Object]"

    def hasOwnProperty(self, name: str) -> bool:
        """Whether it has this key."""
        return name in self


class JsList(JsProxy, list[Any], js_name="Array"):
    """An array: a list with JavaScript's methods besides Python's."""

    @property
    def length(self) -> int:
        return len(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return JsList, (list(self),)

    def own_entries(self) -> Iterable[tuple[str, Any]]:
        return ((str(index), item) for index, item in enumerate(self))

    def to_py(self, *, depth: int = -1, default_converter: Convert | None = None) -> Any:
        """A list of the same, whose items are Python's."""
        return plain(self, depth, default_converter)

    def toString(self) -> str:
        return self.join(",")

    def at(self, index: int) -> Any:
        """The item, counted from the end when negative; None when there is none."""
        return self[index] if -len(self) <= index < len(self) else None

    def push(self, *items: Any) -> int:
        """Add items at the end; their new number."""
        self.extend(items)
        return len(self)

    def unshift(self, *items: Any) -> int:
        """Add items at the start; their new number."""
        self[:0] = items
        return len(self)

    def shift(self) -> Any:
        """Take the first item; None when there is none."""
        return self.pop(0) if self else None

    def pop(self, index: SupportsIndex = -1) -> Any:
        """Take an item, the last one; None when there is none."""
        return super().pop(index) if self else None

    def concat(self, *others: Any) -> "JsList":
        """All items of this array and of others."""
        joined = JsList(self)
        for other in others:
            joined.extend(other if isinstance(other, list | tuple) else [other])
        return joined

    def slice(self, start: int = 0, end: int | None = None) -> "JsList":
        """A copy of some of it."""
        return JsList(self[start:end])

    def splice(self, start: int, count: int | None = None, *items: Any) -> "JsList":
        """Put ``items`` in the place of ``count`` items; return those."""
        first = slice(start, None).indices(len(self))[0]
        last = len(self) if count is None else min(len(self), first + max(0, count))
        removed = JsList(self[first:last])
        self[first:last] = items
        return removed

    def join(self, separator: str = ",") -> str:
        """Its items as one text."""
        return separator.join("" if item is None or item is jsnull else str(item) for item in self)

    def includes(self, item: Any) -> bool:
        return item in self

    def indexOf(self, item: Any) -> int:
        """Where it stands first; -1 when it does not."""
        return self.index(item) if item in self else -1

    def forEach(self, callback: Callable[..., Any]) -> None:
        for item in list(self):
            callback(item)

    def map(self, callback: Callable[..., Any]) -> "JsList":
        return JsList(callback(item) for item in self)

    def filter(self, callback: Callable[..., Any]) -> "JsList":
        return JsList(item for item in self if callback(item))

    def find(self, callback: Callable[..., Any]) -> Any:
        """The first item that it holds for; None when there is none."""
        return next((item for item in self if callback(item)), None)

    def some(self, callback: Callable[..., Any]) -> bool:
        return any(callback(item) for item in self)

    def every(self, callback: Callable[..., Any]) -> bool:
        return all(callback(item) for item in self)

    def entries(self) -> "JsIterator":
        return JsIterator(JsList(pair) for pair in enumerate(self))

    def keys(self) -> "JsIterator":
        return JsIterator(range(len(self)))

    def values(self) -> "JsIterator":
        return JsIterator(self)


JsProxy.make_array = JsList


class JsIterator(JsProxy, js_name="Iterator"):
    """An iterator of both languages: ``for x in it``, and ``it.next().value``."""

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = iter(items)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._items)

    def next(self) -> JsDict:
        """The next item as ``value``, or ``done``."""
        for item in self._items:
            return JsDict({"done": False, "value": item})
        return JsDict({"done": True, "value": None})

    def toArray(self) -> JsList:
        """All that is left."""
        return JsList(self._items)

    def to_py(self, *, depth: int = -1, default_converter: Convert | None = None) -> Any:
        """Itself; it is Python's already."""
        del depth, default_converter
        return self


class _Depth:
    """Converts what is inside of containers, to a depth, each container once."""

    def __init__(self, depth: int, default_converter: Convert | None) -> None:
        self.depth = depth
        self.default_converter = default_converter
        self.made: dict[int, Any] = {}

    def plain_dict(self, value: Mapping[Any, Any]) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        self.made[id(value)] = result
        self.depth -= 1
        for key, item in value.items():
            result[key] = self.of(item)
        self.depth += 1
        return result

    def plain_list(self, value: Iterable[Any]) -> list[Any]:
        result: list[Any] = []
        self.made[id(value)] = result
        self.depth -= 1
        result.extend(self.of(item) for item in value)
        self.depth += 1
        return result

    def of(self, value: Any) -> Any:
        if id(value) in self.made:
            return self.made[id(value)]
        if not isinstance(value, JsProxy) or self.depth == 0:
            return value
        if isinstance(value, list):
            return self.plain_list(value)
        if isinstance(value, dict):
            return self.plain_dict(value)
        if value is jsnull:
            return None
        return value.to_py(depth=self.depth, default_converter=self.default_converter)


def plain(value: Any, depth: int, default_converter: Convert | None) -> Any:
    """The dict or list that stands for an object, a Map or an array, to ``depth``."""
    return _Depth(depth, default_converter).of(value)


def from_native(value: Any) -> Any:
    """What a program in the platform's style gets for a native value.

    A dict becomes a ``JsDict``, a list or tuple a ``JsList``, and binary data an
    ``ArrayBuffer``, all the way down; sets stay sets, and everything else is itself.
    """
    kind = type(value)
    if kind is dict:
        return JsDict({key: from_native(item) for key, item in value.items()})
    if kind is list or kind is tuple:
        return JsList(from_native(item) for item in value)
    if kind is bytes or kind is bytearray or kind is memoryview:
        return ArrayBuffer(value)
    view = NATIVE_VIEWS.get(kind)
    return value if view is None else view(value)


# What native objects are seen as that calls carry; more are added by who has them.
NATIVE_VIEWS: dict[type[Any], Callable[[Any], Any]] = {}


def to_native(value: Any) -> Any:
    """The native value of what a program gives, all the way down: the reverse of ``from_native``.

    Views give their native object, proxies of Python objects those objects; objects with a
    ``js_object`` what that one gives.
    """
    kind = type(value)
    if kind is str or kind is int or value is None:
        return value
    if isinstance(value, JsBuffer):
        return value.to_bytes()
    if isinstance(value, JsProxy) and not isinstance(value, dict | list | set):
        return _native_of_proxy(value)
    if isinstance(value, dict):
        return {key: to_native(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_native(item) for item in value]
    if kind is tuple:
        return tuple(to_native(item) for item in value)
    if isinstance(value, JsProxy):  # a Set
        return {to_native(item) for item in value}  # type: ignore[attr-defined]  # it is a set too
    if isinstance(value, array):
        return value.tobytes()
    if not isinstance(value, type) and (held := getattr(value, "js_object", None)) is not None:
        return to_native(held)
    return value


def _native_of_proxy(value: JsProxy) -> Any:
    if value is jsnull:
        return None
    known = vars(value) if hasattr(value, "__dict__") else {}
    if "native" in known:
        return known["native"]
    if hasattr(type(value), "to_native"):
        return value.to_native()  # type: ignore[attr-defined]  # just asked for
    return value
