"""``Date``."""

import math
import time
import types
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from perdure.runtime.compat.js.dates import Date
from perdure.runtime.compat.js.proxies import JsException


def test_now_is_now(js: types.ModuleType) -> None:
    before = time.time_ns() // 1_000_000
    assert before <= js.Date.now() <= js.Date.new().getTime() <= time.time_ns() // 1_000_000


def test_a_date_is_made_of_anything(js: types.ModuleType) -> None:
    expected = 1767323045678
    assert js.Date.new("2026-01-02T03:04:05.678Z").getTime() == expected
    assert js.Date.new("2026-01-02T04:04:05.678+01:00").getTime() == expected
    assert js.Date.new(2026, 0, 2, 3, 4, 5, 678).getTime() == expected
    assert js.Date.new(js.Date.new(expected)).getTime() == expected
    assert js.Date.new(datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)).getTime() == expected
    assert js.Date.new("Fri, 02 Jan 2026 03:04:05 GMT").getTime() == expected - 678
    assert js.Date.new("2026-01-02").getTime() == js.Date.UTC(2026, 0, 2)
    assert js.Date.new(1.9).getTime() == 1


def test_a_date_is_written(js: types.ModuleType) -> None:
    date = js.Date.new(1767323045678)
    assert date.toISOString() == date.toJSON() == "2026-01-02T03:04:05.678Z"
    assert date.toUTCString() == "Fri, 02 Jan 2026 03:04:05 GMT"
    assert str(date) == "Fri Jan 02 2026 03:04:05 GMT+0000 (Coordinated Universal Time)"
    assert date.toDateString() == "Fri Jan 02 2026"
    assert date.toLocaleString() == "1/2/2026, 3:04:05 AM"
    assert date.toLocaleTimeString("de") == "3:04:05 AM"
    assert repr(date) == "Date(1767323045678)"


def test_parts_are_read_and_set(js: types.ModuleType) -> None:
    date = js.Date.new(1767323045678)
    assert (date.getFullYear(), date.getMonth(), date.getDate(), date.getDay()) == (2026, 0, 2, 5)
    assert (date.getUTCHours(), date.getMinutes(), date.getSeconds()) == (3, 4, 5)
    assert date.getMilliseconds() == 678
    assert date.setDate(33) == js.Date.UTC(2026, 1, 2, 3, 4, 5, 678)
    assert date.setUTCHours(0, 0, 0, 0) == date.getTime() == js.Date.UTC(2026, 1, 2)
    assert date.setTime(5) == 5
    assert date.getTimezoneOffset() == 0


def test_a_date_that_is_none(js: types.ModuleType) -> None:
    date = js.Date.new("nonsense")
    assert math.isnan(date.getTime())
    assert math.isnan(date.getFullYear())
    assert str(date) == "Invalid Date"
    assert date.toJSON() is None
    with pytest.raises(JsException, match="RangeError: Invalid time value"):
        date.toISOString()
    assert math.isnan(js.Date.new(8.64e15 + 1).getTime())
    assert math.isnan(js.Date.UTC(99999))


def test_dates_are_compared_and_subtracted(js: types.ModuleType) -> None:
    one, other = js.Date.new(5), js.Date.new(7)
    assert one < other
    assert one <= js.Date.new(5)
    assert one == js.Date.new(5)
    assert (other - one, other - 1, int(one), float(one)) == (2, 6, 5, 5.0)
    assert len({one, js.Date.new(5)}) == 1
    assert one != 5


@given(st.datetimes(timezones=st.just(UTC)), st.integers(-1400, 1400))
def test_a_moment_survives_the_way_through_text(moment: datetime, minutes: int) -> None:
    assume(2 < moment.year < 9998)
    aware = moment.astimezone(timezone(timedelta(minutes=minutes)))
    date = Date.new(aware)
    assert Date.new(date.toISOString()) == date
    assert abs(date.to_native() - aware) < timedelta(milliseconds=1)
