# Pure: no clock, no files.
"""``structuredClone``: a copy of a value and of all that is inside it."""

from datetime import date
from typing import Any

from .buffers import ArrayBuffer, DataView, TypedArray
from .containers import Map, Set
from .dates import Date
from .errors import DOMException
from .objects import text_of
from .proxies import JsException, JsProxy, is_nullish
from .pyproxies import PyProxy
from .regexp import RegExp
from .values import JsDict, JsList

_PLAIN = (str, int, float, bytes, date)


def structuredClone(value: Any, options: Any = None) -> Any:
    """The copy; the same object twice inside a value is one object twice in the copy.

    Raises:
        JsException: A DataCloneError: something in it cannot be copied.
    """
    del options
    return _clone(value, {})


def _clone(value: Any, done: dict[int, Any]) -> Any:
    held = value.to_native() if isinstance(value, PyProxy) else value
    if is_nullish(held) or isinstance(held, _PLAIN):
        return held
    copy: Any
    if id(held) in done:
        return done[id(held)]
    if isinstance(held, Map):
        copy = done[id(held)] = Map()
        for key, item in dict.items(held):
            copy[_clone(key, done)] = _clone(item, done)
    elif isinstance(held, dict):
        copy = done[id(held)] = JsDict()
        for key, item in held.items():
            copy[key] = _clone(item, done)
    elif isinstance(held, list | tuple):
        copy = done[id(held)] = JsList()
        copy.extend(_clone(item, done) for item in held)
    elif isinstance(held, set | frozenset):
        copy = Set(_clone(item, done) for item in held)
    else:
        copy = _clone_of_leaf(held)
    return copy


def _clone_of_leaf(value: Any) -> Any:
    if isinstance(value, ArrayBuffer | bytearray | memoryview):
        return ArrayBuffer(bytes(value))
    if isinstance(value, TypedArray | DataView):
        data = ArrayBuffer(value.to_bytes())
        return type(value)(data)
    if isinstance(value, Date):
        return Date(value)
    if isinstance(value, RegExp):
        return RegExp(value)
    if isinstance(value, JsException):
        copy = type(value)(value.message)
        copy.name = value.name
        return copy
    what = text_of(value) if isinstance(value, JsProxy) else repr(value)
    raise DOMException(f"{what} could not be cloned.", "DataCloneError")
