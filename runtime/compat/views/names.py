# Pure: no clock, no files.
"""Options as the platform spells them, and values as its Python code gives them."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from ....storage.errors import PerdureError
from ..js.errors import js_error
from ..js.values import to_native

P = ParamSpec("P")
T = TypeVar("T")

_SPELLED = {
    "allowConcurrency": "allow_concurrency",
    "allowUnconfirmed": "allow_unconfirmed",
    "noCache": "no_cache",
    "startAfter": "start_after",
}
_RANGE = frozenset({"start", "start_after", "end", "prefix", "reverse", "limit"})
_FLAGS = frozenset({"allow_concurrency", "allow_unconfirmed", "no_cache"})


def flags(options: Mapping[str, Any] | None, more: Mapping[str, Any]) -> dict[str, bool]:
    """The options of a storage call that are not about what it is for; unknown ones are ignored."""
    if not options and not more:
        return {}
    given = _spelled(options, more)
    return {name: bool(value) for name, value in given.items() if name in _FLAGS}


def list_range(options: Mapping[str, Any] | None, more: Mapping[str, Any]) -> dict[str, Any]:
    """Which keys ``list()`` is to give."""
    if not options and not more:
        return {}
    given = {name: v for name, v in _spelled(options, more).items() if name in _RANGE}
    if isinstance(given.get("limit"), float):
        given["limit"] = int(given["limit"])
    return given


def _spelled(options: Mapping[str, Any] | None, more: Mapping[str, Any]) -> dict[str, Any]:
    given = {} if options is None else to_native(options)
    if not isinstance(given, Mapping):
        raise TypeError(f"options are an object, not {type(options).__name__}")
    both = {**given, **more}
    return {_SPELLED.get(name, name): v for name, v in both.items() if v is not None}


def as_key(key: Any) -> str:
    """A key as text, whatever it was given as."""
    if type(key) is str:
        return key
    if key is None:
        return "null"
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, float) and key.is_integer():
        return str(int(key))
    return str(key)


def spelled(call: Callable[P, T]) -> Callable[P, T]:
    """Decorate a call of a view: what perdure refuses is raised as the platform spells it."""

    @wraps(call)
    def view(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return call(*args, **kwargs)
        except PerdureError as error:
            raise js_error(error) from error

    return view
