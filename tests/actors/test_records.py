"""Values with names for their parts."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from perdure.actors.packing import pack
from perdure.actors.records import Record, record_of
from perdure.actors.rpc_stub import unpack
from perdure.storage.errors import ValueCorrupt, ValueNotSerializable
from perdure.storage.values import encode


@dataclass(frozen=True, slots=True)
class Leaf(Record):
    name: str
    size: int = 0


@dataclass(frozen=True)
class Tree(Record):
    leaves: list[Leaf]
    facts: dict[str, Any]
    cache: list[int] = field(default_factory=list, init=False, compare=False)


def through(value: Any) -> Any:
    return unpack(pack(value, "it", None), None)


def test_it_travels_as_a_value_and_comes_back_equal_and_of_its_class() -> None:
    tree = Tree([Leaf("a", 2**60), Leaf("é")], {"x": None, "leaf": Leaf("b"), "raw": b"\x00"})
    assert through([tree, {"again": tree}]) == [tree, {"again": tree}]
    assert type(through(Leaf("a"))) is Leaf


def test_what_is_not_given_to_its_constructor_stays_where_it_is() -> None:
    tree = Tree([], {})
    tree.cache.append(1)
    assert through(tree).cache == []


def test_what_cannot_be_sent_in_it_is_refused() -> None:
    with pytest.raises(ValueNotSerializable):
        through(Tree([], {"it": object()}))


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (encode(["Nobody", {}]), "nobody has imported"),
        (encode(["Leaf", {"name": "a", "color": 1}]), "parts that the record Leaf has not"),
        (encode(["Leaf", {}]), "parts that the record Leaf has not"),
        (encode(["Leaf", 1]), "no record"),
        (encode([["Leaf"], {}]), "no record"),
        (encode("Leaf"), "no record"),
    ],
)
def test_what_is_no_record_is_refused(payload: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        record_of(payload)


def test_garbage_in_a_value_is_garbage() -> None:
    packed = pack([Leaf("a")], "it", None)
    assert not isinstance(packed, bytes)
    packed.data = packed.data.replace(b"Leaf", b"Loaf")
    with pytest.raises(ValueCorrupt):
        unpack(packed, None)
