"""Whatever can be encoded comes back equal, with equal types, however it is nested."""

import contextlib
import math
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perdure.storage.errors import ValueCorrupt, ValueNotSerializable
from perdure.storage.values import VERSION, decode, encode

pytestmark = pytest.mark.slow

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
OFFSETS = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)
DATETIMES = st.builds(
    lambda naive, fold: naive.replace(fold=fold), st.datetimes(), st.integers(0, 1)
) | st.datetimes(timezones=OFFSETS).map(lambda aware: aware.replace(fold=0))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**65), 2**65),
    st.floats(),
    TEXT,
    st.binary(max_size=20),
    st.dates(),
    DATETIMES,
    st.decimals(),
    st.uuids(),
)
# A signalling NaN cannot be hashed, so it is no key and in no set.
KEYS = SCALARS.filter(lambda value: not (isinstance(value, Decimal) and value.is_snan()))
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=5).map(tuple),
        st.dictionaries(KEYS, inner, max_size=5),
        st.sets(KEYS, max_size=5),
        st.frozensets(KEYS | st.tuples(TEXT, st.integers()), max_size=5),
    ),
    max_leaves=25,
)


def same(one: Any, other: Any) -> bool:
    """Equal, and of equal types all the way down; NaN is itself."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return math.copysign(1, one) == math.copysign(1, other) and (
            one == other or (math.isnan(one) and math.isnan(other))
        )
    if isinstance(one, Decimal):
        return str(one) == str(other)
    if isinstance(one, datetime):
        return one.isoformat() == other.isoformat() and (
            one.utcoffset() is not None or one.fold == other.fold
        )
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one), list(other)) and same(list(one.values()), list(other.values()))
    if isinstance(one, set | frozenset):
        return sorted(map(repr, one)) == sorted(map(repr, other))
    return bool(one == other)


@given(VALUES)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_round_trip(value: Any) -> None:
    assert same(decode(encode(value)), value)


@given(st.binary(max_size=60))
@settings(deadline=None)
def test_no_bytes_do_more_than_fail_clearly(data: bytes) -> None:
    for attempt in (data, VERSION + data):
        try:
            value = decode(attempt)
        except ValueCorrupt:
            continue
        assert attempt[:1] == VERSION
        repr(value)


@given(VALUES, st.data())
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_one_damaged_byte_is_another_value_or_an_error(value: Any, data: st.DataObject) -> None:
    encoded = bytearray(encode(value))
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(ValueCorrupt):
        decode(bytes(encoded))


@given(VALUES, st.sampled_from([object(), 1j, "\ud800", timedelta(1), {(1,): 2}]), st.data())
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_whatever_surrounds_it_a_refused_value_is_refused(
    value: Any, refused: Any, data: st.DataObject
) -> None:
    shapes = [[value, refused], (value, refused), {"a": value, "b": refused}, [{"x": (refused,)}]]
    with pytest.raises(ValueNotSerializable) as caught:
        encode(data.draw(st.sampled_from(shapes)))
    assert caught.value.where.startswith(("value", "the key"))
