"""When cron triggers fire."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from perdure.runtime.config.cron import Cron, CronError


def fired(text: str, start: str, days: int = 1) -> list[str]:
    """The minutes from ``start`` on in which it fires."""
    cron = Cron.parse(text)
    first = datetime.fromisoformat(start).replace(tzinfo=UTC)
    times = (first + timedelta(minutes=number) for number in range(days * 1440))
    return [f"{time:%Y-%m-%d %H:%M}" for time in times if cron.fires_at(time)]


def days(text: str, year: int = 2026) -> list[str]:
    """The days of a year on which it fires."""
    cron = Cron.parse(f"0 0 {text}")
    first = datetime(year, 1, 1, tzinfo=UTC)
    times = (first + timedelta(days=number) for number in range(365))
    return [f"{time:%m-%d}" for time in times if cron.fires_at(time)]


def test_minutes_and_hours_have_lists_ranges_and_steps() -> None:
    assert len(fired("* * * * *", "2026-03-01")) == 1440
    assert fired("*/20 9-10 * * *", "2026-03-01") == [
        f"2026-03-01 {time}" for time in ("09:00", "09:20", "09:40", "10:00", "10:20", "10:40")
    ]
    assert fired("7/20 3-10/4 * * *", "2026-03-01") == [
        f"2026-03-01 {hour:02}:{minute:02}" for hour in (3, 7) for minute in (7, 27, 47)
    ]
    assert fired("59 23 * * *", "2026-03-01") == ["2026-03-01 23:59"]
    assert fired("5,50/5 1,2-6/2 * * *", "2026-03-01", 1) == [
        f"2026-03-01 {hour:02}:{minute:02}" for hour in (1, 2, 4, 6) for minute in (5, 50, 55)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 * *", [f"{month:02}-01" for month in range(1, 13)]),
        ("31 * *", ["01-31", "03-31", "05-31", "07-31", "08-31", "10-31", "12-31"]),
        ("29 2 *", []),
        ("L 2-4 *", ["02-28", "03-31", "04-30"]),
        ("L-3 2 *", ["02-25"]),
        ("1 jan,Jul *", ["01-01", "07-01"]),
        ("1 NOV-feb *", ["01-01", "02-01", "11-01", "12-01"]),
        ("* 3 SUN", ["03-01", "03-08", "03-15", "03-22", "03-29"]),
        ("* 3 1", ["03-01", "03-08", "03-15", "03-22", "03-29"]),
        ("* 3 7", ["03-07", "03-14", "03-21", "03-28"]),
        ("* 2 SAT-SUN", ["02-01", "02-07", "02-08", "02-14", "02-15", "02-21", "02-22", "02-28"]),
        ("* * MON#1", [f"{m:02}-{d:02}" for m, d in
                       zip(range(1, 13), (5, 2, 2, 6, 4, 1, 6, 3, 7, 5, 2, 7), strict=True)]),
        ("* 1-3 6#5", ["01-30"]),
        ("* 1-3 friL", ["01-30", "02-27", "03-27"]),
        ("* 2 L", ["02-07", "02-14", "02-21", "02-28"]),
        ("15W 2,3,8,11 *", ["02-16", "03-16", "08-14", "11-16"]),
        ("1W 8,11 *", ["08-03", "11-02"]),
        ("31W 1-2,5 *", ["01-30", "05-29"]),
        ("LW 1,5 *", ["01-30", "05-29"]),
        ("13 2 FRI", ["02-06", "02-13", "02-20", "02-27"]),
        ("2 2 FRI", ["02-02", "02-06", "02-13", "02-20", "02-27"]),
    ],
)  # fmt: skip
def test_days(text: str, expected: list[str]) -> None:
    assert days(text) == expected


def test_a_leap_day_is_every_four_years() -> None:
    assert days("29 2 *", 2028) == ["02-29"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "but has 0."),
        ("* * * *", "should have five fields (minute, hour, day of the month, month, weekday)"),
        ("0 * * * * *", "but has 6."),
        ("60 * * * *", '"60" is no minute: they are 0 to 59.'),
        ("* 24 * * *", '"24" is no hour: they are 0 to 23.'),
        ("* * 0 * *", '"0" is no day of a month: they are 1 to 31.'),
        ("* * * foo *", '"foo" is no month: they are 1 to 12.'),
        ("* * * * 0", '"0" is no weekday: they are 1 to 7, where Sunday is 1.'),
        ("*/0 * * * *", '"0" is no step, in "*/0".'),
        ("*/ * * * *", '"" is no step'),
        ("5-1 * * * *", '"5-1" goes backwards.'),
        ("1,,2 * * * *", '"" is no minute'),
        ("-1 * * * *", '"" is no minute'),
        ("L * * * *", '"L" is no minute'),
        ("* * ? * *", '"?" is no day of a month'),
        ("* * 32W * *", '"32" is no day of a month'),
        ("* * * * MON#6", '"MON#6" is no weekday'),
        ("* * * * ٣", '"٣" is no weekday'),
    ],
)
def test_what_is_no_time_is_told(text: str, message: str) -> None:
    with pytest.raises(CronError, match=re.escape(message)):
        Cron.parse(text)
