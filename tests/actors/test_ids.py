"""Ids: the published algorithm, and what is no id."""

import hashlib
import hmac
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.actors.ids import NAMES_CACHED_MAX, DurableObjectId, IdFactory, InvalidActorId
from perdure.storage.errors import UsageError

IDS = IdFactory("my-worker-A")
OTHERS = IdFactory("my-worker-B")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("foo", "a6b6eaedb3990212b2c45a6d3c8f0de24f7aa4c17b112922e80844133a160a8b"),
        ("", "c5f7dda74dd18783a1ae822a93aa1638c3e0c59c57cbd75857715abea8829465"),
    ],
)
def test_ids_of_names_are_those_that_workerd_makes(name: str, expected: str) -> None:
    assert str(IDS.id_from_name(name)) == expected


def test_a_name_that_is_not_ascii_counts_as_its_utf8() -> None:
    key = hashlib.sha256(b"my-worker-A").digest()
    half = hmac.digest(key, "Zoë".encode(), "sha256")[:16]
    assert IDS.id_from_name("Zoë").raw == half + hmac.digest(key, half, "sha256")[:16]


def test_an_id_of_a_name_carries_the_name() -> None:
    assert IDS.id_from_name("foo").name == "foo"
    assert IDS.id_from_name("").name == ""


def test_ids_out_of_strings_and_unique_ones_have_no_name() -> None:
    assert IDS.id_from_string(str(IDS.id_from_name("foo"))).name is None
    assert IDS.new_unique_id().name is None


@pytest.mark.parametrize(("length", "is_kept"), [(1024, True), (1025, False)])
def test_a_name_past_1024_bytes_makes_an_id_but_is_not_carried(length: int, is_kept: bool) -> None:
    for name in ("x" * length, "é" * (length // 2) + "x" * (length % 2)):
        made = IDS.id_from_name(name)
        assert made.name == (name if is_kept else None)
        assert IDS.id_from_string(str(made)) == made


def test_equal_ids_are_equal_whatever_they_were_made_from() -> None:
    made, read = IDS.id_from_name("foo"), IDS.id_from_string(str(IDS.id_from_name("foo")))
    assert made == read
    assert made.equals(read)
    assert hash(made) == hash(read)
    assert made != IDS.id_from_name("bar")
    assert not made.equals(IDS.id_from_name("bar"))
    text: object = str(made)
    assert made != text


def test_the_same_bytes_in_another_namespace_are_another_id() -> None:
    here = IDS.id_from_name("foo")
    assert here != DurableObjectId("my-worker-B", here.raw, "foo")


def test_an_id_reads_as_64_lower_case_digits_and_shows_its_name() -> None:
    made = IDS.id_from_name("foo")
    assert len(str(made)) == 64
    assert str(made) == str(made).lower()
    assert repr(made) == f"<DurableObjectId {made} 'foo'>"
    assert repr(IDS.id_from_string(str(made))) == f"<DurableObjectId {made}>"
    assert repr(IDS) == "<IdFactory my-worker-A>"


def test_an_id_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        IDS.id_from_name("foo").name = "bar"  # type: ignore[misc]


def test_an_id_survives_pickling() -> None:
    made = IDS.id_from_name("foo")
    copy = pickle.loads(pickle.dumps(made))
    assert copy == made
    assert copy.name == "foo"


def test_capitals_are_read_as_workerd_reads_them() -> None:
    made = IDS.id_from_name("foo")
    assert IDS.id_from_string(str(made).upper()) == made
    assert str(IDS.id_from_string(str(made).upper())) == str(made)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "g" * 64,
        "a" * 63,
        "a" * 65,
        " " + "a" * 64,
        "a" * 64 + "\n",
        "\N{ARABIC-INDIC DIGIT ZERO}" * 64,
        None,
        5,
    ],
)
def test_what_is_not_64_digits_is_no_id(text: str) -> None:
    with pytest.raises(InvalidActorId, match=r"^Invalid Durable Object ID: must be 64 hex digits$"):
        IDS.id_from_string(text)


@pytest.mark.parametrize("at", [0, 31, 32, 63])
def test_a_damaged_id_is_refused(at: int) -> None:
    digits = list(str(IDS.id_from_name("foo")))
    digits[at] = "0" if digits[at] != "0" else "1"
    with pytest.raises(
        InvalidActorId, match=r"^Durable Object ID is not valid for this namespace\.$"
    ):
        IDS.id_from_string("".join(digits))


def test_an_id_of_another_namespace_is_refused() -> None:
    foreign = OTHERS.id_from_name("foo")
    with pytest.raises(InvalidActorId, match="not valid for this namespace"):
        IDS.id_from_string(str(foreign))
    with pytest.raises(InvalidActorId, match="not valid for this namespace"):
        IDS.check_belongs(foreign)
    IDS.check_belongs(IDS.id_from_name("foo"))


def test_a_refused_id_is_a_usage_error_and_a_type_error() -> None:
    with pytest.raises(UsageError) as caught:
        IDS.id_from_string("x")
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize("name", [b"foo", 5, None])
def test_a_name_is_text(name: str) -> None:
    with pytest.raises(InvalidActorId, match="an actor's name is a str, not"):
        IDS.id_from_name(name)


def test_a_name_that_is_not_unicode_is_refused() -> None:
    with pytest.raises(InvalidActorId, match="encodable as UTF-8"):
        IDS.id_from_name("\ud800")


def test_unique_ids_differ_and_belong_here() -> None:
    made = {IDS.new_unique_id() for _ in range(100)}
    assert len(made) == 100
    assert all(IDS.id_from_string(str(one)) == one for one in made)


def test_the_names_kept_are_bounded() -> None:
    ids = IdFactory("bounded")
    for number in range(NAMES_CACHED_MAX + 10):
        ids.id_from_name(str(number))
    info = ids.id_from_name.cache_info()
    assert info.currsize == info.maxsize == NAMES_CACHED_MAX


@given(st.text(), st.text(max_size=50))
def test_every_name_has_one_id_that_reads_back(unique_key: str, name: str) -> None:
    ids, again = IdFactory(unique_key), IdFactory(unique_key)
    assert ids.id_from_name(name) == again.id_from_name(name)
    assert ids.id_from_string(str(ids.id_from_name(name))) == ids.id_from_name(name)
