# Pure: no clock, no files.
"""``Headers``, over the native ones."""

from collections.abc import Callable, Iterator
from typing import Any

from ....actors.headers import Headers as NativeHeaders
from .containers import pairs_of
from .errors import platform_errors
from .objects import text_of
from .proxies import JsProxy
from .pyproxies import unwrapped
from .values import JsIterator, JsList


class Headers(JsProxy):
    """Made of an object, of pairs, or of other Headers; names are equal whatever their case."""

    native: NativeHeaders

    def __init__(self, init: Any = None, **more: str) -> None:
        held = unwrapped(init)
        with platform_errors():
            if isinstance(held, Headers):
                self.native = NativeHeaders(held.native)
            elif isinstance(held, NativeHeaders):
                self.native = NativeHeaders(held)
            else:
                pairs = [*pairs_of(held), *more.items()]
                texts = [(text_of(name), text_of(value)) for name, value in pairs]
                self.native = NativeHeaders(texts)

    @classmethod
    def of(cls, native: NativeHeaders) -> "Headers":
        """Those of a message: changes to them are changes to it."""
        self = cls.__new__(cls)
        self.native = native
        return self

    def get(self, name: Any, default: Any = None) -> Any:
        """All values, joined with ", "; None when there is none."""
        return self.native.get(text_of(name), default)

    def has(self, name: Any) -> bool:
        return text_of(name) in self.native

    def set(self, name: Any, value: Any) -> None:
        with platform_errors():
            self.native.set(text_of(name), text_of(value))

    def append(self, name: Any, value: Any) -> None:
        with platform_errors():
            self.native.append(text_of(name), text_of(value))

    def delete(self, name: Any) -> None:
        with platform_errors():
            self.native.delete(text_of(name))

    def getSetCookie(self) -> JsList:
        """Each cookie by itself."""
        return JsList(self.native.get_set_cookie())

    def getAll(self, name: Any) -> JsList:
        """As the platform's, for cookies; for any name here."""
        return JsList(self.native.get_all(text_of(name)))

    def _pairs(self) -> list[tuple[str, str]]:
        return sorted(
            ((name.lower(), value) for name, value in self.native.items()),
            key=lambda pair: pair[0],
        )

    def entries(self) -> JsIterator:
        """Names in small letters and sorted, with their joined values."""
        return JsIterator(JsList(pair) for pair in self._pairs())

    def keys(self) -> JsIterator:
        return JsIterator([name for name, _ in self._pairs()])

    def values(self) -> JsIterator:
        return JsIterator([value for _, value in self._pairs()])

    def items(self) -> JsIterator:
        """As ``entries``, for who takes it for a dict."""
        return self.entries()

    def forEach(self, callback: Callable[..., Any]) -> None:
        for name, value in self._pairs():
            callback(value, name, self)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.entries())

    def __contains__(self, name: object) -> bool:
        return self.has(name)

    def __getitem__(self, name: str) -> str:
        return self.native[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self.set(name, value)

    def __len__(self) -> int:
        return len(self._pairs())

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"Headers({self._pairs()!r})"
