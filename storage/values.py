"""A value and its bytes: the one codec of storage and RPC.

# Pure: no clock, no files.

The form is one version byte, then the value as msgpack. What msgpack lacks is an extension
(``Extension``): integers beyond 64 bits, datetimes, dates, decimals and UUIDs carry a payload;
tuples and sets are arrays whose first element is an empty extension that says what they are,
so that they nest as deep as lists do and cost no second pass.

What comes back:

- None, bool, int of any size, float, str, bytes, list, tuple, dict, set, frozenset, date,
  Decimal and UUID: an equal value of the same type, and so with everything inside it.
- datetime: naive stays naive; an aware one keeps its wall time and its offset from UTC, as a
  fixed offset (the rules of a time zone are not part of the value).
- bytearray and memoryview: bytes.
- An instance of a subclass (IntEnum, StrEnum, OrderedDict, defaultdict, namedtuple, ...): an
  equal value of the plain type it derives from, as with ``json``. Refused where the plain type
  cannot hold it (a pandas Timestamp with nanoseconds).
- The same object twice inside a value: two copies.

Keys of a dict may be any of these but containers. Everything else is refused with
``ValueNotSerializable``, which says where it stood.
"""

import dataclasses
import inspect
import json
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from functools import partial
from pathlib import PurePath
from typing import Any
from uuid import UUID

from msgpack import ExtType, Packer, unpackb

from .errors import ValueCorrupt, ValueNotSerializable

# It reads as "array of one" to msgpack. So packing `[value]` writes version and value in one
# go, without copying. It also spends one level of the packer's depth (1025 levels in msgpack
# 1.2): what could be packed is then never too deep for the unpacker (1024).
VERSION = b"\x91"


class Extension(IntEnum):
    """Codes of msgpack extensions. They are on disks: never renumber one, never reuse one."""

    TUPLE = 1
    SET = 2
    FROZENSET = 3
    INTEGER = 4
    DATETIME = 5
    DATE = 6
    DECIMAL = 7
    UUID = 8
    LIFTED = 100  # never on a disk: what stands there travels beside the bytes


# Whether something is sent in another way: the payload that stands for it, or None.
Lift = Callable[[Any], bytes | None]


def encode(
    value: Any, *, what: str = "value", otherwise: Callable[[Any, str], bytes] | None = None
) -> bytes:
    """Return the bytes of ``value``, from which ``decode`` makes an equal one.

    Args:
        value: See the module's docstring for what is accepted.
        what: How an error calls the value, for instance ``argument 2``.
        otherwise: Called with the two where this would refuse; it gives what is returned then.

    Raises:
        ValueNotSerializable: Something in it is of no supported type, contains itself, is
            nested too deeply (about a thousand levels), or is text that is not valid Unicode.
    """
    try:
        packer = _idle_packers.pop()
    except IndexError:
        packer = Packer(default=_stand_in, strict_types=True)
    try:
        data: bytes = packer.pack([value])
    except _REFUSALS as error:
        if otherwise is not None:
            return otherwise(value, what)
        _explain(value, what)
        raise ValueNotSerializable(_type_name(value), what, str(error)) from error
    if len(data) < _KEPT_BUFFER_SIZE_BYTES_MAX:
        _idle_packers.append(packer)
    if _MARK in data and _has_container_as_key(value):
        _explain(value, what)
    return data


def encode_lifting(value: Any, what: str, lift: Lift) -> bytes:
    """Likewise, where something in ``value`` is sent in another way.

    Args:
        value: See above.
        what: See above.
        lift: Asked about whatever has no type of the module's docstring. Its payload is what
            ``lower`` of ``decode`` gets. It may be asked twice about the same thing when the value
            is refused in the end.

    Raises:
        ValueNotSerializable: As above; also a lifted thing that is the key of a dict.
    """

    def stand_in(part: Any) -> Any:
        payload = None if type(part) in _WRITERS else lift(part)
        return _stand_in(part) if payload is None else ExtType(Extension.LIFTED, payload)

    try:
        data: bytes = Packer(default=stand_in, strict_types=True).pack([value])
    except _REFUSALS as error:
        _explain(value, what, lift)
        raise ValueNotSerializable(_type_name(value), what, str(error)) from error
    _explain_keys(value, what)
    return data


def decode(data: bytes, lower: Callable[[bytes], Any] | None = None) -> Any:
    """Return the value that ``encode`` was given.

    Args:
        data: What it gave.
        lower: Gives what stands for a payload of ``lift``; without it there may be none.

    Raises:
        ValueCorrupt: These are not the bytes of a value.
    """
    if data[:1] != VERSION:
        raise ValueCorrupt("nothing is there" if not data else f"unknown version {data[0]:#04x}")
    read = _read_extension if lower is None else partial(_read_lowering, lower)
    try:
        if _MARK in data:
            return _decode_marked(data[1:], read)
        return unpackb(data[1:], ext_hook=read, strict_map_key=False)
    except _DAMAGE as error:
        raise ValueCorrupt(f"{type(error).__name__}: {error}") from error


# --- writing ---------------------------------------------------------------------------------

# A packer is not re-entrant, and building one costs more than packing a small value: each call
# takes one out of this list (or builds one) and puts it back. pop() and append() are atomic, so
# threads and finalizers that encode in the middle of our packing get another one.
_idle_packers: list[Any] = []
# A packer never gives its buffer back; one that has grown beyond this is dropped with it.
_KEPT_BUFFER_SIZE_BYTES_MAX = 256 * 1024

_MICROSECOND = timedelta(microseconds=1)
_MARK = b"\xc7\x00"  # ext 8 of length 0: every tuple, set and frozenset begins with it
_AS_TUPLE = ExtType(Extension.TUPLE, b"")
_AS_SET = ExtType(Extension.SET, b"")
_AS_FROZENSET = ExtType(Extension.FROZENSET, b"")

# TypeError: no supported type. ValueError: too deep, or a surrogate (UnicodeEncodeError).
# BufferError: a memoryview with gaps. RecursionError: called at the end of a deep stack.
_REFUSALS = (TypeError, ValueError, OverflowError, BufferError, RecursionError)


def _stand_in(value: Any) -> Any:
    """Return what msgpack writes in place of a value it does not know."""
    write = _WRITERS.get(type(value))
    if write is None:
        write = next((w for base, w in _WRITERS_OF_BASES if isinstance(value, base)), None)
        if write is None:
            raise TypeError(_type_name(value))
    return write(value)


def _write_integer(value: int) -> Any:
    plain = int.__pos__(value)
    if -(2**63) <= plain < 2**64:
        return plain
    size = plain.bit_length() // 8 + 1
    return ExtType(Extension.INTEGER, plain.to_bytes(size, "big", signed=True))


def _write_datetime(value: datetime) -> Any:
    text = datetime.isoformat(value)[: 26 if value.microsecond else 19]  # without an offset
    if type(value) is not datetime and datetime.fromisoformat(text) != value.replace(tzinfo=None):
        raise TypeError("finer than a microsecond")
    offset = value.utcoffset()
    if offset is not None:
        # In microseconds, not as +hh:mm: fromisoformat() takes +00:00:00.000001 for UTC.
        text += f"@{offset // _MICROSECOND}"
    elif value.fold:  # it tells the two 02:30 of an autumn night apart; an offset already does
        text += "~"
    return ExtType(Extension.DATETIME, text.encode())


_WRITERS: dict[type, Callable[[Any], Any]] = {
    tuple: lambda value: [_AS_TUPLE, *value],
    set: lambda value: [_AS_SET, *value],
    frozenset: lambda value: [_AS_FROZENSET, *value],
    int: _write_integer,
    datetime: _write_datetime,
    date: lambda value: ExtType(Extension.DATE, date.isoformat(value).encode()),
    Decimal: lambda value: ExtType(Extension.DECIMAL, Decimal.__str__(value).encode()),
    UUID: lambda value: ExtType(Extension.UUID, value.bytes),
}
# Consulted for subclasses only, in this order: a datetime is a date too.
_WRITERS_OF_BASES: list[tuple[type, Callable[[Any], Any]]] = [
    *_WRITERS.items(),
    (str, str.__str__),
    (float, float.__pos__),
    (bytes, lambda value: b"".join((value, b""))),
    (bytearray, bytes),
    (list, list),
    (dict, dict),
]


# --- reading ---------------------------------------------------------------------------------

# What damaged bytes provoke: msgpack's own errors and UnicodeDecodeError are ValueErrors; an
# unhashable key is a TypeError; Decimal raises ArithmeticErrors, as does an absurd offset.
_DAMAGE = (ValueError, TypeError, ArithmeticError)


def _read_datetime(payload: bytes) -> datetime:
    text, _, offset = payload.decode().partition("@")
    if offset:
        zone = timezone(timedelta(microseconds=int(offset)))
        return datetime.fromisoformat(text).replace(tzinfo=zone)
    value = datetime.fromisoformat(text.removesuffix("~"))
    return value.replace(fold=1) if text.endswith("~") else value


_READERS: dict[int, Callable[[bytes], Any]] = {
    Extension.INTEGER: lambda payload: int.from_bytes(payload, "big", signed=True),
    Extension.DATETIME: _read_datetime,
    Extension.DATE: lambda payload: date.fromisoformat(payload.decode()),
    Extension.DECIMAL: lambda payload: Decimal(payload.decode()),
    Extension.UUID: lambda payload: UUID(bytes=bytes(payload)),
}
_BUILDERS: dict[int, Callable[[list[Any]], Any]] = {
    Extension.TUPLE: tuple,
    Extension.SET: set,
    Extension.FROZENSET: frozenset,
}


def _read_extension(code: int, payload: bytes) -> Any:
    read = _READERS.get(code)
    if read is None:
        raise ValueError(f"unknown extension {code}")
    return read(payload)


def _read_lowering(lower: Callable[[bytes], Any], code: int, payload: bytes) -> Any:
    return lower(payload) if code == Extension.LIFTED else _read_extension(code, payload)


class _Mark:
    """Stands in a list being read where an extension said that it is no list."""

    __slots__ = ("build",)

    def __init__(self, code: int) -> None:
        self.build = _BUILDERS[code]


def _decode_marked(data: bytes, read: Callable[[int, bytes], Any]) -> Any:
    """Decode bytes that (probably) hold tuples or sets; it is a call slower for each list."""
    unused: list[_Mark] = []  # a mark that stands anywhere but at the head of a list is damage

    def extension(code: int, payload: bytes) -> Any:
        if code not in _BUILDERS:
            return read(code, payload)
        mark = _Mark(code)
        unused.append(mark)
        return mark

    def container(items: list[Any]) -> Any:
        if items and type(items[0]) is _Mark:
            mark: _Mark = items.pop(0)
            if unused.pop() is not mark:  # lists end in the reverse order of their beginnings
                raise ValueError("a mark stands inside a list")
            return mark.build(items)
        return items

    value = unpackb(data, ext_hook=extension, list_hook=container, strict_map_key=False)
    if unused:
        raise ValueError("a mark stands outside a list")
    return value


# --- refusing --------------------------------------------------------------------------------

_CONTAINERS = (dict, list, tuple, set, frozenset)
_UNHASHED_KEYS = (tuple, frozenset)


def _has_container_as_key(value: Any) -> bool:
    """Say whether some dict in ``value`` has a tuple or a frozenset for a key.

    The packer would write one, so that it needs a look of its own; only values in which a
    tuple or a set occurs at all pay for it.
    """
    todo = [value]
    while todo:
        container = todo.pop()
        inside = container
        if isinstance(container, dict):
            if any(isinstance(key, _UNHASHED_KEYS) for key in container):
                return True
            inside = container.values()
        elif not isinstance(container, _CONTAINERS):
            continue
        todo.extend(item for item in inside if isinstance(item, _CONTAINERS))
    return False


@dataclasses.dataclass(frozen=True, slots=True)
class _Place:
    """A container on the way to what was refused, and how one got to it."""

    value: Any
    step: str
    parent: "_Place | None"

    def chain(self) -> "Iterator[_Place]":
        place: _Place | None = self
        while place is not None:
            yield place
            place = place.parent

    def path(self) -> str:
        steps = [place.step for place in self.chain()][::-1]
        if len(steps) > 12:
            steps[9:-2] = ["..."]
        return "".join(steps)


def _explain(value: Any, what: str, lift: Lift | None = None) -> None:
    """Raise ValueNotSerializable for the first thing in ``value`` that was refused."""
    todo = [_Place(value, what, None)]
    while todo:
        place = todo.pop()
        if not isinstance(place.value, _CONTAINERS):
            if lift is None or type(place.value) in _WRITERS or lift(place.value) is None:
                _explain_scalar(place)
            continue
        chain = list(place.chain())
        if any(place.value is above.value for above in chain[1:]):
            raise ValueNotSerializable(_type_name(place.value), place.path(), "it contains itself")
        if len(chain) > 1000:
            hint = "it is nested too deeply"
            raise ValueNotSerializable(_type_name(place.value), place.path(), hint)
        todo.extend(reversed([_Place(item, step, place) for step, item in _inside(place)]))


def _inside(place: _Place) -> Iterator[tuple[str, Any]]:
    if isinstance(place.value, dict):
        for key, item in place.value.items():
            name = _key_text(key)
            where = f"the key {name} of {place.path()}"
            if isinstance(key, _UNHASHED_KEYS):
                hint = "a key is a str, a number, bytes, a bool, None, a date, a Decimal or a UUID"
                raise ValueNotSerializable(_type_name(key), where, hint)
            _explain_scalar(_Place(key, where, None))
            yield f"[{name}]", item
    elif not isinstance(place.value, _CONTAINERS):
        return
    elif isinstance(place.value, list | tuple):
        for index, item in enumerate(place.value):
            yield f"[{index}]", item
    else:
        for item in place.value:
            yield "{...}", item


def _explain_keys(value: Any, what: str) -> None:
    """Raise ValueNotSerializable for the first key of a dict in ``value`` that can be none."""
    todo = [_Place(value, what, None)]
    while todo:
        place = todo.pop()
        todo.extend(
            _Place(item, step, place)
            for step, item in _inside(place)
            if isinstance(item, _CONTAINERS)
        )


def _explain_scalar(place: _Place) -> None:
    try:
        Packer(default=_stand_in, strict_types=True).pack(place.value)
    except UnicodeEncodeError as error:
        hint = f"it holds half of a surrogate pair at {error.start}, which is no character"
        raise ValueNotSerializable(_type_name(place.value), place.path(), hint) from error
    except _REFUSALS as error:
        hint = _hint(place.value)
        raise ValueNotSerializable(_type_name(place.value), place.path(), hint) from error


def _key_text(key: Any) -> str:
    text = json.dumps(key, ensure_ascii=False) if type(key) is str else repr(key)
    text = text.encode(errors="backslashreplace").decode()
    return text if len(text) <= 40 else f"{text[:30]}...{text[-5:]}"


def _type_name(value: Any) -> str:
    cls = type(value)
    prefix = "" if cls.__module__ == "builtins" else f"{cls.__module__}."
    return prefix + cls.__qualname__


def _hint(value: Any) -> str:
    """Return what its owner probably wants to do instead."""
    if inspect.isawaitable(value):
        return "await it first"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return "use dataclasses.asdict(...)"
    return next((hint for cls, hint in _HINTS.items() if isinstance(value, cls)), "")


_HINTS: dict[Any, str] = {
    Enum: "use its .value",
    memoryview: "its bytes do not lie side by side; use .tobytes()",
    timedelta: "use .total_seconds()",
    time: "use .isoformat()",
    PurePath: "use str(...)",
    complex: "use its .real and .imag",
    datetime: "it is finer than a microsecond",
    Iterator: "use list(...)",
}
