"""Numbers as JavaScript writes and reads them: ``Number``, ``parseInt``, ``Math``."""

import math
import random
import re
from typing import Any, Final

from .errors import RangeError
from .proxies import JsProxy, is_nullish

_NUMBER = re.compile(r"[+-]?(?:Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)", re.ASCII)
_PREFIXES = {"0x": 16, "0o": 8, "0b": 2}
SAFE_MAX: Final = 2**53 - 1


def number_text(number: float) -> str:
    """A number as JavaScript's ``String(number)``."""
    if isinstance(number, int):
        return str(int(number)) if abs(number) < 10**21 else number_text(float(number))
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    text = repr(number)
    mantissa, _, exponent = text.partition("e")
    if not exponent:
        return "0" if number == 0 else text.removesuffix(".0")
    power = int(exponent)
    if 0 < power < 21:  # as are these
        whole, _, fraction = mantissa.removesuffix(".0").partition(".")
        return whole + fraction + "0" * (power - len(fraction))
    if -7 < power < 0:  # JavaScript writes these out
        sign, digits = ("-", mantissa[1:]) if mantissa[0] == "-" else ("", mantissa)
        return f"{sign}0.{'0' * (-power - 1)}{digits.replace('.', '')}"
    return f"{mantissa.removesuffix('.0')}e{power:+d}"


def as_number(value: Any) -> float:
    """JavaScript's ``Number(value)``; whole numbers are int, and NaN says that it is none."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return value
    if value is None:
        return math.nan
    if is_nullish(value):
        return 0
    if isinstance(value, JsProxy):
        inside = value.valueOf()
        return as_number(inside) if inside is not value else math.nan
    text = str(value).strip()
    if not text:
        return 0
    if (base := _PREFIXES.get(text[:2].lower())) is not None:
        try:
            return int(text[2:], base)
        except ValueError:
            return math.nan
    return _read(text) if _NUMBER.fullmatch(text) else math.nan


def _read(text: str) -> float:
    number = float(text)
    return int(number) if number.is_integer() and abs(number) <= SAFE_MAX else number


def parseInt(value: Any, radix: int = 0) -> float:
    """The whole number at the start of a text."""
    match = re.match(r"\s*([+-]?)(0[xX])?([0-9a-zA-Z]*)", str(value))
    assert match is not None, "all of it may be absent"
    sign, prefix, digits = match.groups()
    base = radix or (16 if prefix else 10)
    if prefix and base != 16:
        return 0
    good = ""
    for digit in digits:
        if int(digit, 36) >= base:
            break
        good += digit
    if not good:
        return math.nan
    return int(good, base) * (-1 if sign == "-" else 1)


def parseFloat(value: Any) -> float:
    """The number at the start of a text."""
    match = _NUMBER.match(str(value).strip())
    return math.nan if match is None else _read(match[0])


def isNaN(value: Any) -> bool:
    return math.isnan(as_number(value))


def isFinite(value: Any) -> bool:
    return math.isfinite(as_number(value))


class Number(JsProxy):
    """``Number("5")`` is 5: numbers are Python's own."""

    MAX_SAFE_INTEGER = SAFE_MAX
    MIN_SAFE_INTEGER = -SAFE_MAX
    MAX_VALUE = 1.7976931348623157e308
    MIN_VALUE = 5e-324
    EPSILON = 2.0**-52
    NaN = math.nan
    POSITIVE_INFINITY = math.inf
    NEGATIVE_INFINITY = -math.inf

    parseInt = staticmethod(parseInt)
    parseFloat = staticmethod(parseFloat)

    def __new__(cls, value: Any = 0) -> Any:
        return as_number(value)

    @staticmethod
    def isInteger(value: Any) -> bool:
        return is_number(value) and math.isfinite(value) and value == int(value)

    @staticmethod
    def isSafeInteger(value: Any) -> bool:
        return Number.isInteger(value) and abs(value) <= SAFE_MAX

    @staticmethod
    def isFinite(value: Any) -> bool:
        return is_number(value) and math.isfinite(value)

    @staticmethod
    def isNaN(value: Any) -> bool:
        return isinstance(value, float) and math.isnan(value)


def is_number(value: object) -> bool:
    """Whether JavaScript would call it a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


class BigInt(JsProxy):
    """``BigInt("5")`` is 5: Python's integers have any size."""

    def __new__(cls, value: Any = 0) -> Any:
        return int(value)


class _Math(JsProxy, js_name="Math"):
    """JavaScript's ``Math``."""

    PI = math.pi
    E = math.e
    LN2 = math.log(2)
    LN10 = math.log(10)
    SQRT2 = math.sqrt(2)

    abs = staticmethod(abs)
    sin = staticmethod(math.sin)
    cos = staticmethod(math.cos)
    tan = staticmethod(math.tan)
    atan = staticmethod(math.atan)
    atan2 = staticmethod(math.atan2)
    exp = staticmethod(math.exp)
    log = staticmethod(math.log)
    log2 = staticmethod(math.log2)
    log10 = staticmethod(math.log10)
    hypot = staticmethod(math.hypot)
    floor = staticmethod(math.floor)
    ceil = staticmethod(math.ceil)
    trunc = staticmethod(math.trunc)

    @staticmethod
    def random() -> float:
        """From 0 up to 1; not for secrets."""
        return random.random()  # noqa: S311  # as JavaScript's, which is not for secrets

    @staticmethod
    def round(number: float) -> int:
        """To the nearest; halves upwards."""
        return math.floor(number + 0.5)

    @staticmethod
    def max(*numbers: float) -> float:
        return max(numbers, default=-math.inf)

    @staticmethod
    def min(*numbers: float) -> float:
        return min(numbers, default=math.inf)

    @staticmethod
    def pow(base: float, exponent: float) -> float:
        result: float = base**exponent
        return result

    @staticmethod
    def sqrt(number: float) -> float:
        return math.sqrt(number) if number >= 0 else math.nan

    @staticmethod
    def sign(number: float) -> int:
        return (number > 0) - (number < 0)


Math = _Math()


def whole_number(value: Any, what: str) -> int:
    """A number of 0 or more, without its fraction.

    Raises:
        RangeError: It is negative or no number.
    """
    number = as_number(value)
    if not math.isfinite(number) or number < 0:
        raise RangeError(f"{what} must be a number of 0 or more, not {value!r}")
    return int(number)
