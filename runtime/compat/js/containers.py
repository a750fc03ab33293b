# Pure: no clock, no files.
"""``Map`` and ``Set``; both are Python's dict and set as well."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .proxies import JsProxy, is_nullish
from .values import JsIterator, JsList, plain


def pairs_of(source: Any) -> Iterable[tuple[Any, Any]]:
    """Keys and values of a mapping, of entries, or of nothing."""
    if is_nullish(source):
        return ()
    if isinstance(source, Map):
        return dict.items(source)
    if isinstance(source, Mapping):
        return source.items()
    return ((key, value) for key, value in source)


class Map(JsProxy, dict[Any, Any]):
    """``Map.new([["a", 1]])``; ``to_js`` of a dict gives one."""

    def __init__(self, entries: Any = None) -> None:
        dict.__init__(self, pairs_of(entries))

    def __reduce__(self) -> tuple[Any, ...]:
        return Map, (list(dict.items(self)),)

    @property
    def size(self) -> int:
        """How many entries it has."""
        return len(self)

    def to_py(self, *, depth: int = -1, default_converter: Callable[..., Any] | None = None) -> Any:
        """A dict of the same, whose values are Python's."""
        return plain(self, depth, default_converter)

    def set(self, key: Any, value: Any) -> "Map":
        self[key] = value
        return self

    def has(self, key: Any) -> bool:
        return key in self

    def delete(self, key: Any) -> bool:
        """Remove it; whether it was there."""
        there = key in self
        dict.pop(self, key, None)
        return there

    def forEach(self, callback: Callable[..., Any]) -> None:
        for key, value in list(dict.items(self)):
            callback(value, key, self)

    def entries(self) -> JsIterator:
        return JsIterator(JsList(pair) for pair in dict.items(self))

    def toString(self) -> str:
        return "[object Map]"


class Set(JsProxy, set[Any]):
    """``Set.new([1, 2])``; ``to_js`` of a set gives one."""

    def __init__(self, items: Any = None) -> None:
        set.__init__(self, () if is_nullish(items) else items)

    @property
    def size(self) -> int:
        """How many items it has."""
        return len(self)

    def to_py(
        self, *, depth: int = -1, default_converter: Callable[..., Any] | None = None
    ) -> set[Any]:
        """A set of the same."""
        del depth, default_converter
        return set(self)

    def add(self, item: Any) -> "Set":  # type: ignore[override]  # JavaScript's gives the set
        set.add(self, item)
        return self

    def has(self, item: Any) -> bool:
        return item in self

    def delete(self, item: Any) -> bool:
        """Remove it; whether it was there."""
        there = item in self
        self.discard(item)
        return there

    def values(self) -> JsIterator:
        return JsIterator(list(self))

    keys = values

    def entries(self) -> JsIterator:
        return JsIterator(JsList((item, item)) for item in list(self))

    def forEach(self, callback: Callable[..., Any]) -> None:
        for item in list(self):
            callback(item, item, self)

    def toString(self) -> str:
        return "[object Set]"
