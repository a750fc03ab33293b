"""What may be bound to the parameters of user SQL.

# Pure.

SQLite's types are Python's: None is NULL, int INTEGER, float REAL, bool 0 or 1, str TEXT, bytes,
bytearray and memoryview BLOB; NaN, which SQLite does not have, becomes NULL. (workerd binds
every number as REAL and booleans as text: docs/decisions/0008.) Anything else is refused: its
text is rarely what was meant.
"""

from collections.abc import Sequence
from typing import Any

from .errors import InvalidArgument

_INTEGER_MIN, _INTEGER_MAX = -(2**63), 2**63 - 1
_READY = frozenset({str, float, bytes, type(None), bool})


def bindable(bindings: tuple[Any, ...]) -> Sequence[Any]:
    """Return what SQLite is given for ``bindings``.

    Raises:
        InvalidArgument: One of them is of a type that SQLite does not hold, or too large.
    """
    for value in bindings:
        kind = type(value)
        if not (kind in _READY or (kind is int and _INTEGER_MIN <= value <= _INTEGER_MAX)):
            return [_convert(number, value) for number, value in enumerate(bindings, 1)]
    return bindings


def _convert(number: int, value: Any) -> Any:
    if value is None or isinstance(value, float | str | bytes):
        return value
    if isinstance(value, int):
        if _INTEGER_MIN <= value <= _INTEGER_MAX:
            return value
        raise InvalidArgument(
            f"binding {number} is the int {value}, and SQLite holds 64 bits; bind it as "
            "str(...) or float(...)"
        )
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    raise InvalidArgument(
        f"binding {number} is of type {type(value).__name__}; SQLite holds None, int, float, "
        "bool, str and bytes. Convert it, for instance with json.dumps(...) or .isoformat()"
    )
