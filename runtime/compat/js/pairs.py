# Pure: no clock, no files.
"""Names with values, in order: what ``FormData`` and ``URLSearchParams`` have in common."""

from collections.abc import Callable, Iterator
from typing import Any

from .objects import text_of
from .proxies import JsProxy
from .values import JsIterator, JsList


class Pairs(JsProxy):
    """A list of names and values; a name may come several times."""

    def __init__(self) -> None:
        self._pairs: list[tuple[str, Any]] = []

    def get(self, name: Any, default: Any = None) -> Any:
        """The first value; None when there is none."""
        return next((value for known, value in self._pairs if known == text_of(name)), default)

    def getAll(self, name: Any) -> JsList:
        return JsList(value for known, value in self._pairs if known == text_of(name))

    def has(self, name: Any) -> bool:
        return any(known == text_of(name) for known, _ in self._pairs)

    def delete(self, name: Any) -> None:
        self._pairs = [known for known in self._pairs if known[0] != text_of(name)]

    def entries(self) -> JsIterator:
        return JsIterator(JsList(pair) for pair in list(self._pairs))

    def keys(self) -> JsIterator:
        return JsIterator([name for name, _ in self._pairs])

    def values(self) -> JsIterator:
        return JsIterator([value for _, value in self._pairs])

    def forEach(self, callback: Callable[..., Any]) -> None:
        for name, value in list(self._pairs):
            callback(value, name, self)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.entries())

    def __contains__(self, name: object) -> bool:
        return self.has(name)

    def _put(self, pair: tuple[str, Any]) -> None:
        """Let this be the only value of its name, where the first was."""
        index = next((i for i, known in enumerate(self._pairs) if known[0] == pair[0]), None)
        if index is None:
            self._pairs.append(pair)
        else:
            rest = [known for known in self._pairs[index + 1 :] if known[0] != pair[0]]
            self._pairs[index:] = [pair, *rest]
