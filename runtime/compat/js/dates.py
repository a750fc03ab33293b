"""``Date``: a moment, in milliseconds since 1970. Local time is UTC, as on the platform."""

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from .errors import RangeError
from .numbers import as_number
from .proxies import JsProxy

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS_MAX = 8.64e15
_MILLISECOND = timedelta(milliseconds=1)
_UNITS = ("FullYear", "Month", "Date", "Hours", "Minutes", "Seconds", "Milliseconds")


class Date(JsProxy):
    """``Date.new()`` is now; ``Date.new(ms)``, ``Date.new("2026-01-01T00:00:00Z")``,
    ``Date.new(2026, 0, 1)`` are others. NaN is the time of one that is none.
    """

    def __init__(self, *parts: Any) -> None:
        self._ms: float
        if not parts:
            self._ms = Date.now()
        elif len(parts) > 1:
            self._ms = Date.UTC(*parts)
        else:
            self._ms = _clipped(_ms_of(parts[0]))

    @staticmethod
    def now() -> int:
        """Milliseconds since 1970."""
        return time.time_ns() // 1_000_000

    @staticmethod
    def parse(text: str) -> float:
        """The time of a text; NaN when it is none."""
        return _parsed(str(text))

    @staticmethod
    def UTC(year: int, month: int = 0, *more: int) -> float:
        """The time of these parts, of which months count from 0 and all may overflow."""
        day, *clock = more or (1,)
        year, month = int(year) + int(month) // 12, int(month) % 12
        try:
            start = datetime(year, month + 1, 1, tzinfo=UTC)
        except ValueError:
            return math.nan
        names = ("hours", "minutes", "seconds", "milliseconds")
        rest = timedelta(days=int(day) - 1, **dict(zip(names, map(int, clock), strict=False)))
        return (start - _EPOCH + rest) // _MILLISECOND

    def to_native(self) -> datetime:
        """The moment, in UTC.

        Raises:
            RangeError: It has none.
        """
        if math.isnan(self._ms):
            raise RangeError("Invalid time value")
        return _EPOCH + timedelta(milliseconds=self._ms)

    def getTime(self) -> float:
        """Milliseconds since 1970."""
        return self._ms

    valueOf = getTime

    def setTime(self, ms: float) -> float:
        """Be another moment."""
        self._ms = _clipped(as_number(ms))
        return self._ms

    def getTimezoneOffset(self) -> int:
        """0: local time is UTC."""
        return 0

    def getDay(self) -> int:
        """The day of the week; Sunday is 0."""
        return self.to_native().isoweekday() % 7

    getUTCDay = getDay

    def toISOString(self) -> str:
        """For instance ``2026-01-01T00:00:00.000Z``."""
        text = self.to_native().isoformat(timespec="milliseconds")
        return text.replace("+00:00", "Z")

    def toJSON(self) -> str | None:
        """The same; None for one that is none."""
        return None if math.isnan(self._ms) else self.toISOString()

    def toUTCString(self) -> str:
        """For instance ``Thu, 01 Jan 2026 00:00:00 GMT``."""
        return self._written("%a, %d %b %Y %H:%M:%S GMT")

    def toString(self) -> str:
        return self._written("%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)")

    def toDateString(self) -> str:
        """For instance ``Thu Jan 01 2026``."""
        return self._written("%a %b %d %Y")

    def toLocaleDateString(self, *locales: Any, **options: Any) -> str:
        """In the American way, whatever is asked for."""
        del locales, options
        moment = self.to_native()
        return f"{moment.month}/{moment.day}/{moment.year}"

    def toLocaleTimeString(self, *locales: Any, **options: Any) -> str:
        """In the American way, whatever is asked for."""
        del locales, options
        moment = self.to_native()
        return f"{moment.hour % 12 or 12}:{moment:%M:%S} {'AM' if moment.hour < 12 else 'PM'}"

    def toLocaleString(self, *locales: Any, **options: Any) -> str:
        """Date and time in the American way, whatever is asked for."""
        del locales, options
        return f"{self.toLocaleDateString()}, {self.toLocaleTimeString()}"

    def _written(self, form: str) -> str:
        if math.isnan(self._ms):
            return "Invalid Date"
        moment = self.to_native()
        return moment.strftime(form.replace("%Y", f"{moment.year:04}"))

    def __str__(self) -> str:
        return self.toString()

    def __repr__(self) -> str:
        return f"Date({self._ms})"

    def __int__(self) -> int:
        return int(self._ms)

    def __float__(self) -> float:
        return float(self._ms)

    def __sub__(self, other: "Date | float") -> float:
        return self._ms - float(other)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Date) and other._ms == self._ms

    def __hash__(self) -> int:
        return hash(self._ms)

    def __lt__(self, other: "Date") -> bool:
        return self._ms < other._ms

    def __le__(self, other: "Date") -> bool:
        return self._ms <= other._ms


def _parts(ms: float) -> list[int]:
    moment = _EPOCH + timedelta(milliseconds=ms)
    clock = (moment.hour, moment.minute, moment.second, moment.microsecond // 1000)
    return [moment.year, moment.month - 1, moment.day, *clock]


def _getter(index: int) -> Callable[[Date], float]:
    def get(self: Date) -> float:
        ms = self.getTime()
        return math.nan if math.isnan(ms) else _parts(ms)[index]

    return get


def _setter(index: int) -> Callable[..., float]:
    def put(self: Date, *values: int) -> float:
        parts = _parts(self.getTime())
        parts[index : index + len(values)] = [int(value) for value in values]
        return self.setTime(Date.UTC(*parts))

    return put


for _index, _unit in enumerate(_UNITS):
    for _zone in ("", "UTC"):
        setattr(Date, f"get{_zone}{_unit}", _getter(_index))
        setattr(Date, f"set{_zone}{_unit}", _setter(_index))


def _ms_of(value: Any) -> float:
    if isinstance(value, datetime):
        aware = value if value.tzinfo is not None else value.astimezone()
        return (aware - _EPOCH) / _MILLISECOND
    if isinstance(value, str):
        return _parsed(value)
    return as_number(value)


def _clipped(ms: float) -> float:
    """Whole milliseconds, or NaN beyond what a Date can say."""
    return int(ms) if math.isfinite(ms) and abs(ms) <= _MS_MAX else math.nan


def _parsed(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except (TypeError, ValueError):
            return math.nan
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MILLISECOND
