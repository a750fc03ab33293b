"""Moments as an operator writes them: a time of day, or how long ago.

# Pure: the present is an argument.

    2026-11-21T12:04:31Z       with a zone, else the terminal's own
    "2026-11-21 12:04"
    90s, 10m, 2h, 3d           ago
"""

import re
from datetime import datetime

_AGO = re.compile(r"(\d+)\s*(s|m|min|h|d)(?:\s+ago)?")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}


def parse_moment(text: str, now_ms: int) -> int | None:
    """Return the moment in Unix milliseconds; None if ``text`` is none."""
    ago = _AGO.fullmatch(text.strip())
    if ago:
        return now_ms - int(ago[1]) * _SECONDS[ago[2]] * 1000
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return int(moment.timestamp() * 1000)  # a moment without a zone is in the terminal's
