# Pure: no clock, no files.
"""``Object``, ``Array``, ``String``, ``Boolean``: the classes of plain values."""

from collections.abc import Callable, Mapping
from typing import Any

from .containers import Map, pairs_of
from .numbers import is_number, number_text
from .proxies import JsProxy, is_nullish
from .pyproxies import PyProxy
from .values import JsDict, JsList


def text_of(value: Any) -> str:
    """JavaScript's ``String(value)``."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if is_number(value):
        return number_text(value)
    if value is None:
        return "undefined"
    if isinstance(value, JsProxy):
        return "null" if is_nullish(value) else value.toString()
    if isinstance(value, list | tuple):
        return JsList(map(text_of, value)).join(",")
    return "[object Object]" if isinstance(value, dict) else str(value)


def entries_of(value: Any) -> list[tuple[str, Any]]:
    """Names and values of an object's own properties."""
    held = value.to_native() if isinstance(value, PyProxy) else value
    if isinstance(held, Map) or is_nullish(held):
        return []
    if isinstance(held, JsProxy):
        return list(held.own_entries())
    if isinstance(held, Mapping):
        return [(str(name), item) for name, item in held.items()]
    if isinstance(held, list | tuple | str):
        return [(str(index), item) for index, item in enumerate(held)]
    # Not own_entries() for env, whose public names are all the program's bindings.
    if (entries := getattr(type(held), "__js_entries__", None)) is not None:
        return list(entries(held))
    if hasattr(held, "__dict__"):
        return list(vars(held).items())
    return []


class Object(JsProxy):
    """``Object.fromEntries``, ``Object.entries`` and so on; ``Object.new()`` is an empty one."""

    def __new__(cls, value: Any = None, **properties: Any) -> Any:
        return JsDict(properties) if is_nullish(value) else value

    @staticmethod
    def fromEntries(entries: Any) -> JsDict:
        """The object of these names and values; what ``to_js`` makes of a dict with it."""
        return JsDict({text_of(name): value for name, value in pairs_of(entries)})

    @staticmethod
    def entries(value: Any) -> JsList:
        return JsList(JsList(entry) for entry in entries_of(value))

    @staticmethod
    def keys(value: Any) -> JsList:
        return JsList(name for name, _ in entries_of(value))

    getOwnPropertyNames = keys

    @staticmethod
    def values(value: Any) -> JsList:
        return JsList(item for _, item in entries_of(value))

    @staticmethod
    def assign(target: Any, *sources: Any) -> Any:
        """Give ``target`` the properties of the others."""
        for source in sources:
            for name, value in entries_of(source):
                if isinstance(target, dict):
                    target[name] = value
                else:
                    setattr(target, name, value)
        return target

    @staticmethod
    def hasOwn(value: Any, name: Any) -> bool:
        return any(known == text_of(name) for known, _ in entries_of(value))

    @staticmethod
    def freeze(value: Any) -> Any:
        """Itself: nothing is frozen here."""
        return value

    @staticmethod
    def create(prototype: Any, properties: Any = None) -> JsDict:
        """An empty object; there are no prototypes here."""
        del prototype, properties
        return JsDict()

    @staticmethod
    def getPrototypeOf(value: Any) -> type:
        return type(value)

    @staticmethod
    def groupBy(items: Any, callback: Callable[[Any, int], Any]) -> JsDict:
        """Items by what ``callback`` says of each."""
        groups = JsDict()
        for index, item in enumerate(items):
            groups.setdefault(text_of(callback(item, index)), JsList()).append(item)
        return groups


setattr(Object, "is", staticmethod(lambda one, other: one is other or one == other))  # a keyword


class Array(JsProxy):
    """``Array.new(1, 2)``; ``getattr(Array, "from")(items)``."""

    def __new__(cls, *items: Any) -> Any:
        is_length = len(items) == 1 and is_number(items[0])
        return JsList([None] * int(items[0]) if is_length else items)

    @staticmethod
    def isArray(value: Any) -> bool:
        held = value.to_native() if isinstance(value, PyProxy) else value
        return isinstance(held, list | tuple)

    @staticmethod
    def of(*items: Any) -> JsList:
        return JsList(items)

    @staticmethod
    def from_(items: Any, callback: Callable[..., Any] | None = None) -> JsList:
        """The array of what ``items`` iterates over, or of so many as its ``length`` says."""
        if is_nullish(items):
            found: list[Any] = []
        elif isinstance(items, JsDict) and "length" in items:
            found = [items.get(str(index)) for index in range(int(items["length"]))]
        elif isinstance(items, Map):
            found = [JsList(entry) for entry in dict.items(items)]
        else:
            found = list(items)
        if callback is not None:
            found = [callback(item, index) for index, item in enumerate(found)]
        return JsList(found)


setattr(Array, "from", staticmethod(Array.from_))  # Python's keyword


class String(JsProxy):
    """``String(5)`` is "5": texts are Python's own."""

    def __new__(cls, value: Any = "") -> Any:
        return text_of(value)

    @staticmethod
    def fromCharCode(*codes: int) -> str:
        """The text of these UTF-16 units."""
        data = b"".join(int(code).to_bytes(2, "little") for code in codes)
        return data.decode("utf-16-le", "surrogatepass")

    @staticmethod
    def fromCodePoint(*codes: int) -> str:
        return "".join(map(chr, codes))


class Boolean(JsProxy):
    """``Boolean(x)`` is True or False."""

    def __new__(cls, value: Any = None) -> Any:
        is_object = isinstance(value, list | dict | set | tuple)
        return True if is_object else bool(value) and value == value  # noqa: PLR0124  # NaN is false
