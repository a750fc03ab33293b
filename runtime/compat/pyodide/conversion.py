# Pure: no clock, no files.
"""``to_js``: Python values as JavaScript's."""

from array import array
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..js.buffers import (
    BigInt64Array,
    BigUint64Array,
    Float32Array,
    Float64Array,
    Int8Array,
    Int16Array,
    Int32Array,
    JsBuffer,
    TypedArray,
    Uint8Array,
    Uint16Array,
    Uint32Array,
)
from ..js.containers import Map, Set
from ..js.proxies import JsProxy
from ..js.pyproxies import PyProxy
from ..js.values import JsList

_BY_CODE: dict[str, type[TypedArray]] = {
    "b": Int8Array,
    "B": Uint8Array,
    "h": Int16Array,
    "H": Uint16Array,
    "i": Int32Array,
    "I": Uint32Array,
    "f": Float32Array,
    "d": Float64Array,
    "l": BigInt64Array,
    "L": BigUint64Array,
    "q": BigInt64Array,
    "Q": BigUint64Array,
}
_SCALARS = (str, int, float, type(None))


class ConversionError(Exception):
    """A value cannot be converted, and no proxy of it was wanted."""


class _Conversion:
    def __init__(
        self,
        dict_converter: Callable[[Iterable[Any]], Any] | None,
        default_converter: Callable[..., Any] | None,
        pyproxies: list[Any] | None,
        *,
        may_proxy: bool,
    ) -> None:
        self._of_dict = dict_converter
        self._of_others = default_converter
        self._pyproxies = pyproxies
        self._may_proxy = may_proxy
        self._done: dict[int, tuple[Any, Any]] = {}

    def of(self, value: Any, depth: int) -> Any:
        if isinstance(value, (*_SCALARS, JsProxy)):
            return value
        if id(value) in self._done:
            return self._done[id(value)][1]
        if isinstance(value, bytes | bytearray | memoryview | array):
            return _typed(value)
        if depth == 0:
            return self._proxy(value)
        if isinstance(value, list | tuple):
            result: Any = self._keep(value, JsList())
            result.extend(self.of(item, depth - 1) for item in value)
            return result
        if isinstance(value, dict):
            return self._mapping(value, depth)
        if isinstance(value, set | frozenset):
            return self._keep(value, Set(self.of(item, depth - 1) for item in value))
        if self._of_others is not None:
            return self._of_others(value, lambda inner: self.of(inner, depth - 1), self._keep)
        return self._proxy(value)

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> Any:
        if self._of_dict is None:
            result: Any = self._keep(value, Map())
            for key, item in value.items():
                result[key] = self.of(item, depth - 1)
            return result
        entries = [JsList((key, self.of(item, depth - 1))) for key, item in value.items()]
        return self._keep(value, self._of_dict(JsList(entries)))

    def _keep(self, value: Any, result: Any) -> Any:
        self._done[id(value)] = (value, result)  # the value too: its id must stay its own
        return result

    def _proxy(self, value: Any) -> PyProxy:
        if not self._may_proxy:
            raise ConversionError(f"No conversion known for {value!r:.80}.")
        proxy = PyProxy(value)
        if self._pyproxies is not None:
            self._pyproxies.append(proxy)
        return proxy


def _typed(value: Any) -> JsBuffer:
    view = memoryview(value)
    kind = _BY_CODE.get(view.format.lstrip("@<=") if view.contiguous else "B", Uint8Array)
    if kind is Uint8Array:
        return Uint8Array(view.tobytes())
    return kind(view.tolist())


def to_js(
    obj: Any,
    /,
    *,
    depth: int = -1,
    pyproxies: list[Any] | None = None,
    create_pyproxies: bool = True,
    dict_converter: Callable[[Iterable[Any]], Any] | None = None,
    default_converter: Callable[..., Any] | None = None,
    eager_converter: Callable[..., Any] | None = None,
) -> Any:
    """Convert ``obj``, all the way down.

    Args:
        obj: A dict becomes a Map, a list or tuple an Array, a set a Set, bytes a Uint8Array; text,
            numbers, None and what is JavaScript's already are themselves.
        depth: So many levels only; what is deeper becomes a proxy.
        pyproxies: Proxies that were made are added to it.
        create_pyproxies: Whether what has no counterpart becomes a proxy.
        dict_converter: Called with a dict's entries: ``Object.fromEntries`` makes an object.
        default_converter: Called as ``(value, convert, keep)`` with what has no counterpart.
        eager_converter: Called likewise, with every value first.

    Raises:
        ConversionError: There is no counterpart, and proxies are not wanted.
    """
    conversion = _Conversion(
        dict_converter, default_converter, pyproxies, may_proxy=create_pyproxies
    )
    if eager_converter is not None:
        return eager_converter(
            obj, lambda value: conversion.of(value, depth), lambda _value, _result: None
        )
    return conversion.of(obj, depth)
