# Pure: text to numbers.
"""Lengths of time as the original writes them for sandboxes: ``"30s"``, ``"10m"``, ``"1h"``."""

import math
import re

_UNITS = {"s": 1, "m": 60, "h": 3600}
_WRITTEN = re.compile(r"(\d{1,12})([smh])?")


def seconds_of(written: object) -> float | None:
    """Return a length of time in seconds; None for what is none, or is not more than 0.

    Args:
        written: A number of seconds, or a text: digits, and ``s``, ``m``, ``h`` or nothing.
    """
    if isinstance(written, bool):
        return None
    if isinstance(written, int | float):
        return float(written) if math.isfinite(written) and written > 0 else None
    match = _WRITTEN.fullmatch(written) if isinstance(written, str) else None
    if match is None:
        return None
    return float(int(match[1]) * _UNITS[match[2] or "s"]) or None
