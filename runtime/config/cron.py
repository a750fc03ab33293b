"""When a cron trigger fires, in the syntax of Cloudflare's.

# Pure: no clock.

Five fields: minute, hour, day of the month, month, weekday, all in UTC. Weekdays are 1 (Sunday) to
7 (Saturday), months and weekdays have names as well. ``*``, lists, ranges and steps everywhere;
``L`` (last) and ``W`` (closest working day) for days of the month, ``L`` and ``#`` for weekdays.
Where both kinds of days are given, one of them is enough.
"""

import re
from calendar import monthrange
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

Days = Callable[[date], bool]

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_SATURDAY = 7


class CronError(ValueError):
    """A text is no time that a cron trigger could have; the message says why."""


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: Sequence[str] = ()

    def value(self, text: str) -> int:
        """Return a number or name of the field as a number."""
        if text.upper() in self.names:
            return self.names.index(text.upper()) + 1
        if not re.fullmatch(r"[0-9]{1,4}", text) or not self.low <= int(text) <= self.high:
            hint = ", where Sunday is 1" if self.names is _WEEKDAYS else ""
            raise CronError(
                f'"{text}" is no {self.name}: they are {self.low} to {self.high}{hint}.'
            )
        return int(text)

    def values(self, text: str) -> frozenset[int]:
        """Return what an item means: ``*``, ``5``, ``1-5``, each with a step or without."""
        span, slash, step_text = text.partition("/")
        if slash and not re.fullmatch(r"0*[1-9][0-9]{0,3}", step_text):
            raise CronError(f'"{step_text}" is no step, in "{text}".')
        step = int(step_text) if slash else 1
        first, dash, last = span.partition("-")
        if span == "*":
            start, end = self.low, self.high
        elif dash:
            start, end = self.value(first), self.value(last)
        else:
            start = self.value(span)
            end = self.high if slash else start
        if start <= end:
            return frozenset(range(start, end + 1, step))
        if not self.names:
            raise CronError(f'"{text}" goes backwards.')
        # Friday to Monday goes over the end of the week.
        size = self.high - self.low + 1
        around = range(start, end + size + 1, step)
        return frozenset((value - self.low) % size + self.low for value in around)


_MINUTE, _HOUR = _Field("minute", 0, 59), _Field("hour", 0, 23)
_DAY = _Field("day of a month", 1, 31)
_MONTH, _WEEKDAY = _Field("month", 1, 12, _MONTHS), _Field("weekday", 1, 7, _WEEKDAYS)


@dataclass(frozen=True, slots=True)
class Cron:
    """The times at which a trigger fires.

    Attributes:
        text: As it was written.
    """

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    months: frozenset[int]
    days: Sequence[Days]

    @classmethod
    def parse(cls, text: str) -> "Cron":
        """Read a time.

        Raises:
            CronError: It is none.
        """
        fields = text.split()
        if len(fields) != 5:  # what they are is said below
            raise CronError(
                f'"{text}" should have five fields (minute, hour, day of the month, month, '
                f"weekday) but has {len(fields)}."
            )
        minute, hour, day, month, weekday = fields
        days: list[Days] = []
        if day != "*":
            days += [_day_of_month(item) for item in day.split(",")]
        if weekday != "*":
            days += [_day_of_week(item) for item in weekday.split(",")]
        return cls(text, _all(_MINUTE, minute), _all(_HOUR, hour), _all(_MONTH, month), tuple(days))

    def fires_at(self, time: datetime) -> bool:
        """Tell whether it fires in the minute of ``time``, which is in UTC."""
        return (
            time.minute in self.minutes
            and time.hour in self.hours
            and time.month in self.months
            and (not self.days or any(fits(time.date()) for fits in self.days))
        )


def _all(field: _Field, text: str) -> frozenset[int]:
    return frozenset[int]().union(*(field.values(item) for item in text.split(",")))


def _day_of_month(item: str) -> Days:
    text = item.upper()
    if text == "LW":
        return lambda day: day.day == _working_day(day, _last(day))
    if match := re.fullmatch(r"L(?:-([0-9]{1,2}))?", text):
        before = int(match[1] or 0)
        return lambda day: day.day == _last(day) - before
    if match := re.fullmatch(r"([0-9]{1,2})W", text):
        number = _DAY.value(match[1])
        return lambda day: number <= _last(day) and day.day == _working_day(day, number)
    values = _DAY.values(item)
    return lambda day: day.day in values


def _day_of_week(item: str) -> Days:
    if match := re.fullmatch(r"(\w+)#([1-5])", item):
        weekday, number = _WEEKDAY.value(match[1]), int(match[2])
        return lambda day: _weekday(day) == weekday and (day.day - 1) // 7 + 1 == number
    if match := re.fullmatch(r"(\w*)L", item, re.IGNORECASE):
        if not match[1]:
            return lambda day: _weekday(day) == _SATURDAY
        weekday = _WEEKDAY.value(match[1])
        return lambda day: _weekday(day) == weekday and day.day + 7 > _last(day)
    values = _WEEKDAY.values(item)
    return lambda day: _weekday(day) in values


def _weekday(day: date) -> int:
    """Sunday is 1."""
    return day.isoweekday() % 7 + 1


def _last(day: date) -> int:
    return monthrange(day.year, day.month)[1]


def _working_day(day: date, number: int) -> int:
    """Return the day from Monday to Friday that is closest to a day, within the month."""
    weekday = day.replace(day=number).isoweekday()
    if weekday == 6:  # Saturday
        return number - 1 if number > 1 else number + 2
    if weekday == 7:  # Sunday
        return number + 1 if number < _last(day) else number - 2
    return number
