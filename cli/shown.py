"""Sizes, times and values as people read them.

# Pure: the present is an argument.
"""

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from ..runtime.observe.printable import printable

_UNITS = ("bytes", "KB", "MB", "GB", "TB")
_STEPS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
# Of a blob; the rest is told by its size.
_BLOB_BYTES_SHOWN = 16


def size(count: int) -> str:
    """Return a number of bytes in the unit that fits, 1 KB being 1024 bytes."""
    value, unit = float(count), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value /= 1024
        unit += 1
    return f"{count} bytes" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


def moment(time_ms: int) -> str:
    """Return a Unix time as ``2026-11-21T12:04:31.250Z``; as RFC 3339, in UTC."""
    try:
        text = datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds")
    except (OverflowError, ValueError, OSError):  # beyond the year 9999
        return f"{time_ms} ms"
    return text.replace("+00:00", "Z")


def distance(time_ms: int, now_ms: int) -> str:
    """Return how far a time is from now: ``5 min ago``, ``in 2 h``, ``now``."""
    seconds = abs(time_ms - now_ms) // 1000
    for unit, length in _STEPS:
        if seconds >= length:
            amount = f"{seconds // length} {unit}"
            return f"{amount} ago" if time_ms < now_ms else f"in {amount}"
    return "now"


def span(duration_ms: int) -> str:
    """Return how long something has lasted, in the unit that fits: ``5 min``."""
    seconds = max(duration_ms, 0) // 1000
    for unit, length in _STEPS:
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return "0 s"


def moment_or_nothing(time_ms: int | None, now_ms: int) -> str:
    """Return both of the above; a dash for None."""
    return "-" if time_ms is None else f"{moment(time_ms)}  ({distance(time_ms, now_ms)})"


def cell(value: Any) -> Text:
    """Return an SQLite value on one line, so that NULL, text and blobs look different."""
    if value is None:
        return Text("NULL", "dim")
    if isinstance(value, bytes):
        shown = value[:_BLOB_BYTES_SHOWN].hex()
        more = "" if len(value) <= _BLOB_BYTES_SHOWN else f".. ({size(len(value))})"
        return Text.assemble((f"x'{shown}'", "place"), (more, "dim"))
    return Text(printable(str(value)))


def as_json(value: Any) -> str:
    """Return a value on one line of JSON; bytes are ``{"blob": "<hex>"}``."""
    return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False)


def row_object(columns: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    """Return a row by its columns' names; the second of one name is ``name:1``, and so on."""
    found: dict[str, Any] = {}
    for name, value in zip(columns, row, strict=True):
        key, number = name, 0
        while key in found:
            number += 1
            key = f"{name}:{number}"
        found[key] = value
    return found


def _plain(value: Any) -> Any:
    """Return what JSON can hold; an infinite number, which it cannot, as text."""
    if isinstance(value, bytes):
        return {"blob": value.hex()}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
