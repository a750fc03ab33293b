# Pure: no clock, no files.
"""The trailing options object of JavaScript's functions, in all forms that programs give it."""

from collections.abc import Iterable, Mapping
from typing import Any

from .proxies import JsProxy, is_nullish
from .pyproxies import unwrapped


def options_of(given: Any, more: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """What was given as an object, a dict, a Map or keyword arguments; the latter win.

    Args:
        given: The object; of one that is no mapping, such as a Response, ``names`` are read.
        more: Keyword arguments.
        names: What can be said.
    """
    held = unwrapped(given)
    found: dict[str, Any] = {}
    if isinstance(held, Mapping):
        found.update(held)
    elif isinstance(held, JsProxy) or not is_nullish(held):
        found.update({name: getattr(held, name) for name in names if hasattr(held, name)})
    found.update(more)
    return {name: value for name, value in found.items() if not is_nullish(value)}
