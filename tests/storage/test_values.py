"""One codec for storage and RPC: what comes back, and what is refused in which words."""

# ruff: noqa: DTZ001 -- naive datetimes are among the values

import collections
import dataclasses
import enum
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from msgpack import ExtType, packb

from perdure.storage.errors import UsageError, ValueCorrupt, ValueNotSerializable
from perdure.storage.values import VERSION, Extension, decode, encode

BERLIN = ZoneInfo("Europe/Berlin")


def round_trip(value: Any) -> Any:
    return decode(encode(value))


def refusal(value: Any, what: str = "value") -> ValueNotSerializable:
    with pytest.raises(ValueNotSerializable) as caught:
        encode(value, what=what)
    return caught.value


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        -1,
        2**63,
        2**64 - 1,
        2**64,
        -(2**63),
        -(2**63) - 1,
        10**300,
        -(10**300),
        1.0,
        -0.0,
        math.inf,
        "",
        "naïve 😀\0",
        b"",
        b"\x00\xff",
        [],
        [1, [2, [3]]],
        (),
        (1,),
        ((), ((), [()])),
        {},
        {"a": 1, 1: "a", 2.5: None, None: True, b"k": [], False: 0},
        {date(2026, 1, 2): 1, Decimal("1.5"): 2, UUID(int=7): 3, datetime(2026, 1, 2): 4},
        {2**70: "big", -(2**70): "small"},
        set(),
        {1, (2, frozenset({3}))},
        frozenset(),
        frozenset({"a"}),
        [{"t": (1, {"s": {2}})}],
        date(1, 1, 1),
        datetime(9999, 12, 31, 23, 59, 59, 999999),
        datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        datetime(2026, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=-5, microseconds=1))),
        datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(microseconds=1))),
        Decimal("1.50"),
        Decimal("-0E+9"),
        Decimal("Infinity"),
        UUID("12345678-1234-5678-1234-567812345678"),
    ],
    ids=repr,
)
def test_a_value_comes_back_equal_and_of_its_type(value: Any) -> None:
    back = round_trip(value)
    assert back == value
    assert type(back) is type(value)
    assert repr(back) == repr(value) or isinstance(value, set | frozenset)


def test_not_a_number_comes_back() -> None:
    assert math.isnan(round_trip(math.nan))
    assert round_trip(Decimal("sNaN123")).is_snan()


def test_an_aware_datetime_keeps_its_offset_but_not_the_rules_of_its_zone() -> None:
    summer = datetime(2026, 7, 1, 12, tzinfo=BERLIN)
    back = round_trip(summer)
    assert back == summer
    assert back.utcoffset() == timedelta(hours=2)
    assert back.tzinfo == timezone(timedelta(hours=2))


def test_the_two_half_past_twos_of_an_autumn_night_stay_apart() -> None:
    first = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)
    second = first.replace(fold=1)
    assert round_trip(second) - round_trip(first) == timedelta(hours=1)
    assert round_trip(datetime(2026, 10, 25, 2, 30, fold=1)).fold == 1


def test_a_tzinfo_without_an_offset_is_naive() -> None:
    class Nowhere(tzinfo):
        def utcoffset(self, _: datetime | None) -> None:
            return None

        dst = tzname = utcoffset

    assert round_trip(datetime(2026, 1, 1, tzinfo=Nowhere())) == datetime(2026, 1, 1)


@pytest.mark.parametrize("value", [bytearray(b"abc"), memoryview(b"abc")])
def test_buffers_come_back_as_bytes(value: Any) -> None:
    back = round_trip([value])
    assert back == [b"abc"]
    assert type(back[0]) is bytes


class Colour(enum.IntEnum):
    RED = 1
    VAST = 2**80


class Mood(enum.StrEnum):
    GLAD = "glad"


class Point(NamedTuple):
    x: int
    y: int


class Bytes(bytes):
    pass


class Bytearray(bytearray):
    pass


class Metres(float):
    pass


class Stamp(datetime):
    pass


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Colour.RED, 1),
        (Colour.VAST, 2**80),
        (Mood.GLAD, "glad"),
        (Point(1, 2), (1, 2)),
        (Bytes(b"x"), b"x"),
        (Bytearray(b"x"), b"x"),
        (Metres(1.5), 1.5),
        (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (collections.Counter("aab"), {"a": 2, "b": 1}),
        (Stamp(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)),
        ({Mood.GLAD: Colour.RED}, {"glad": 1}),
    ],
    ids=lambda v: type(v).__name__,
)
def test_an_instance_of_a_subclass_comes_back_as_the_plain_type(value: Any, plain: Any) -> None:
    back = round_trip(value)
    assert back == plain
    assert type(back) is type(plain)
    if isinstance(plain, dict):
        assert [type(key) for key in back] == [type(key) for key in plain]


def test_a_subclass_that_knows_more_than_its_base_is_refused() -> None:
    class Fine(datetime):
        def __ne__(self, other: object) -> bool:
            return True

    assert "finer than a microsecond" in str(refusal(Fine(2026, 1, 2)))


def test_a_shared_object_comes_back_as_two() -> None:
    shared = [1]
    back = round_trip([shared, shared])
    assert back == [[1], [1]]
    assert back[0] is not back[1]


def test_a_refusal_names_the_type_and_the_place() -> None:
    error = refusal({"users": [1, 2, 3, object()]})
    assert error.type_name == "object"
    assert error.where == 'value["users"][3]'
    text = 'value["users"][3] is of type object, which cannot be stored or sent'
    assert str(error) == text
    assert isinstance(error, UsageError)
    assert isinstance(error, TypeError)
    assert refusal(object(), what="argument 2").where == "argument 2"
    assert refusal({1: {"a" * 100: {time()}}}).where == f'value[1]["{"a" * 29}...aaaa"]{{...}}'


@dataclasses.dataclass
class Person:
    name: str


class Plain(enum.Enum):
    A = 1


async def coroutine() -> None:
    pass


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: Person("ada"), "dataclasses.asdict"),
        (lambda: Person, ""),
        (lambda: Plain.A, ".value"),
        (lambda: timedelta(1), "total_seconds"),
        (lambda: time(1), "isoformat"),
        (lambda: PurePosixPath("/x"), "str("),
        (lambda: 1j, ".real"),
        (lambda: iter([1]), "list("),
        (lambda: memoryview(b"abcd")[::2], "tobytes"),
        (lambda: len, ""),
    ],
)
def test_a_refusal_says_what_to_do_instead(make: Callable[[], Any], hint: str) -> None:
    error = refusal([make()])
    assert error.where == "value[0]"
    assert hint in error.hint


def test_a_forgotten_await_is_recognised() -> None:
    forgotten = coroutine()
    assert refusal({"x": forgotten}).hint == "await it first"
    forgotten.close()


def test_half_a_surrogate_pair_is_refused() -> None:
    assert "surrogate" in refusal(["ok", "x\ud800"]).hint
    error = refusal({"a": {"\ud800": 1}})
    assert error.where == 'the key "\\ud800" of value["a"]'
    str(error).encode()


@pytest.mark.parametrize("key", [(1, 2), frozenset({1}), Point(1, 2)])
def test_a_container_is_no_key(key: Any) -> None:
    error = refusal([{"a": {key: 1}}])
    assert error.where == f'the key {key!r} of value[0]["a"]'
    assert "a key is a str" in error.hint


def test_a_key_of_an_unknown_type_is_refused() -> None:
    assert refusal({"a": {time(1): 1}}).where == 'the key datetime.time(1, 0) of value["a"]'


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: list[Any] = [1]
    loop.append({"again": loop})
    error = refusal(loop)
    assert error.where == 'value[1]["again"]'
    assert error.hint == "it contains itself"
    knot: dict[str, Any] = {}
    knot["x"] = (knot,)
    assert refusal(knot).hint == "it contains itself"


@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: (v,), lambda v: {"k": v}])
def test_whatever_is_not_refused_as_too_deep_can_be_read(wrap: Callable[[Any], Any]) -> None:
    value: Any = 1
    for _ in range(990):
        value = wrap(value)
    with pytest.raises(ValueNotSerializable, match="nested too deeply") as caught:
        for _ in range(60):
            value = wrap(value)
            decode(encode(value))
    assert len(caught.value.where) < 100


def test_a_refusal_that_cannot_be_found_again_is_still_one() -> None:
    class Moody(list[int]):
        asked = 0

        def __iter__(self) -> Any:
            self.asked += 1
            if self.asked == 1:
                raise ValueError("not now")
            return super().__iter__()

    assert refusal(Moody()).hint == "not now"


def test_encoding_within_encoding_does_not_mix_the_two() -> None:
    class Nested(list[int]):
        def __iter__(self) -> Any:
            assert round_trip({"inner": (1, 2)}) == {"inner": (1, 2)}
            return super().__iter__()

    assert round_trip(["before", Nested([1, 2]), "after"]) == ["before", [1, 2], "after"]


def test_a_large_value_does_not_keep_its_buffer() -> None:
    assert round_trip("x" * 1_000_000) == "x" * 1_000_000
    assert round_trip([b"y" * 300_000]) == [b"y" * 300_000]


def damaged(value: Any) -> bytes:
    return VERSION + bytes(packb(value))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        VERSION,
        VERSION + b"\xc1",
        VERSION + b"\x01\x02",
        VERSION + b"\xdd\xff\xff\xff\xff",
        VERSION + b"\xa2\xff\xfe",
        VERSION + b"\x81\x80\x01",
        VERSION + b"\x91" * 2000,
        damaged(ExtType(99, b"x")),
        damaged(ExtType(Extension.UUID, b"short")),
        damaged(ExtType(Extension.DATE, b"2026-13-01")),
        damaged(ExtType(Extension.DATETIME, b"\xff")),
        damaged(ExtType(Extension.DECIMAL, b"one")),
        damaged(ExtType(Extension.TUPLE, b"")),
        damaged([1, ExtType(Extension.SET, b"")]),
        damaged([ExtType(Extension.TUPLE, b""), ExtType(Extension.TUPLE, b"")]),
        damaged([ExtType(Extension.SET, b""), []]),
        damaged([ExtType(Extension.SET, b""), ExtType(99, b"")]),
    ],
    ids=lambda d: d[:12].hex(),
)
def test_damaged_bytes_are_a_clear_error(data: bytes) -> None:
    with pytest.raises(ValueCorrupt) as caught:
        decode(data)
    assert str(caught.value).startswith("the bytes of this value cannot be read back: ")


def test_a_later_version_is_named() -> None:
    with pytest.raises(ValueCorrupt, match="unknown version 0x02"):
        decode(b"\x02abc")


def test_codes_on_disk_stay_as_they_are() -> None:
    """These bytes were written by the first release; they must be readable for ever."""
    first = bytes.fromhex(
        "91"
        "89"
        "a174"
        "93"
        "c70001"
        "01"
        "02"
        "a173"
        "92"
        "c70002"
        "03"
        "a166"
        "91"
        "c70003"
        "a169"
        "c70904"
        "010000000000000000"
        "a164"
        "c71305" + b"2026-01-02T03:04:05".hex() + "a161"
        "c71e05" + b"2026-01-02T03:04:05@3600000000".hex() + "a165"
        "c70a06" + b"2026-01-02".hex() + "a16d"
        "d607" + b"1.50".hex() + "a175"
        "d808" + "00" * 15 + "07"
    )
    assert decode(first) == {
        "t": (1, 2),
        "s": {3},
        "f": frozenset(),
        "i": 2**64,
        "d": datetime(2026, 1, 2, 3, 4, 5),
        "a": datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=1))),
        "e": date(2026, 1, 2),
        "m": Decimal("1.50"),
        "u": UUID(int=7),
    }
    assert encode(decode(first)) == first
