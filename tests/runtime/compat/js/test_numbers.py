"""Numbers as JavaScript writes and reads them."""

import math
import types
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.compat.js.dates import Date
from perdure.runtime.compat.js.numbers import (
    as_number,
    is_number,
    number_text,
    parseInt,
    whole_number,
)
from perdure.runtime.compat.js.proxies import JsException, jsnull


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.0, "1"),
        (-0.5, "-0.5"),
        (1e21, "1e+21"),
        (10**21, "1e+21"),
        (123456789012345680000.0, "123456789012345680000"),
        (1e-6, "0.000001"),
        (1.5e-5, "0.000015"),
        (-1e-7, "-1e-7"),
        (1.5e300, "1.5e+300"),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
    ],
)
def test_a_number_is_written_as_javascript_does(number: float, text: str) -> None:
    assert number_text(number) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_is_written_is_read_back(number: float) -> None:
    assert float(number_text(number)) == number
    assert as_number(number_text(number)) == number


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("5", 5),
        (" 1.5 ", 1.5),
        ("", 0),
        ("0x1f", 31),
        ("-Infinity", -math.inf),
        (True, 1),
        (jsnull, 0),
        (Date.new(7), 7),
    ],
)
def test_a_value_is_read_as_a_number(value: Any, number: float) -> None:
    assert as_number(value) == number


@pytest.mark.parametrize("value", ["x", "1 2", "1_0", "0xz", None])
def test_what_is_no_number_is_nan(value: Any) -> None:
    assert math.isnan(as_number(value))


def test_numbers_at_the_start_of_a_text(js: types.ModuleType) -> None:
    assert (js.parseInt("12px"), js.parseInt("ff", 16), js.parseInt("0x1f")) == (12, 255, 31)
    assert (js.parseInt(" -7.9"), js.parseInt("12", 2)) == (-7, 1)
    assert (js.parseFloat("1.5em"), js.parseFloat(".5")) == (1.5, 0.5)
    assert all(map(math.isnan, (parseInt("x"), js.parseFloat("x"), parseInt(""))))
    assert (js.isNaN("x"), js.isFinite("5"), js.isFinite(math.inf)) == (True, True, False)


def test_number_and_bigint_are_pythons(js: types.ModuleType) -> None:
    assert (js.Number("5"), js.Number.new("5.5"), js.BigInt("9" * 30)) == (5, 5.5, int("9" * 30))
    assert (js.Number.isInteger(5.0), js.Number.isInteger("5"), js.Number.isInteger(5.5)) == (
        True,
        False,
        False,
    )
    assert js.Number.MAX_SAFE_INTEGER == 2**53 - 1
    assert not js.Number.isSafeInteger(2**53)
    assert (js.Number.isNaN("x"), js.Number.isNaN(math.nan)) == (False, True)
    assert (js.Number.isFinite("5"), js.Number.isFinite(5)) == (False, True)
    assert (is_number(True), is_number(1)) == (False, True)


def test_math(js: types.ModuleType) -> None:
    assert (js.Math.floor(1.9), js.Math.ceil(1.1), js.Math.trunc(-1.9)) == (1, 2, -1)
    assert (js.Math.round(2.5), js.Math.round(-2.5)) == (3, -2)
    assert (js.Math.max(1, 3, 2), js.Math.min(), js.Math.max()) == (3, math.inf, -math.inf)
    assert (js.Math.pow(2, 3), js.Math.sign(-4), js.Math.abs(-1)) == (8, -1, 1)
    assert math.isnan(js.Math.sqrt(-1))
    assert js.Math.sqrt(9) == 3
    assert 0 <= js.Math.random() < 1


def test_a_whole_number_of_0_or_more() -> None:
    assert whole_number("5.7", "it") == 5
    with pytest.raises(JsException, match="RangeError: it must be a number of 0 or more, not -1"):
        whole_number(-1, "it")
