"""Bindings: what SQLite holds goes through untouched, the rest is refused in time."""

from decimal import Decimal
from enum import IntEnum
from typing import Any

import pytest

from perdure.storage.bindings import bindable
from perdure.storage.errors import InvalidArgument


class One(IntEnum):
    ONE = 1


def test_what_sqlite_holds_is_passed_on_as_it_is() -> None:
    bindings = (None, True, 1, -(2**63), 2**63 - 1, 1.5, "x", b"y")
    assert bindable(bindings) is bindings
    assert bindable(()) == ()


def test_what_is_like_it_is_passed_on_too() -> None:
    assert bindable((One.ONE, bytearray(b"a"), memoryview(b"abcd")[::2])) == [1, b"a", b"ac"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2**63, f"binding 2 is the int {2**63}, and SQLite holds 64 bits"),
        (-(2**63) - 1, "binding 2 is the int"),
        (Decimal(1), "binding 2 is of type Decimal; SQLite holds None, int, float"),
        ([1], "json.dumps"),
        (object(), "binding 2 is of type object"),
    ],
)
def test_the_rest_is_refused_by_its_number(value: Any, text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        bindable((1, value, "after"))
    assert text in str(caught.value)
