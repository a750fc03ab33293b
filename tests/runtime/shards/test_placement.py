"""Which worker an actor lives in."""

import hashlib
from collections import Counter

import pytest

from perdure.actors.ids import IdFactory
from perdure.runtime.shards.placement import PARTITIONS, Placement, partition_of, slot_names


def test_an_actors_partition_is_the_one_it_has_always_had() -> None:
    """These decide where data lies: a change here would lose every actor of every user."""
    assert PARTITIONS == 1024
    assert partition_of("app-Room", bytes(32)) == 710
    assert partition_of("", bytes(range(32))) == 650
    assert partition_of("größe", b"\xff" * 32) == 220


def test_a_partitions_slot_is_the_one_it_has_always_had() -> None:
    placement = Placement.of_count(4)
    assert "".join(placement.owners[:20]) == "21312223021012322130"
    text = "".join(Placement.of_count(8).owners)
    digest = "ef64cbb0a0a1123611cb38f2cc955bbcdbabc75b3b2b78a6083aefddb1f4395e"
    assert hashlib.sha256(text.encode()).hexdigest() == digest


def test_an_actors_slot_is_the_owner_of_its_partition() -> None:
    placement = Placement.of_count(5)
    ids = IdFactory("app-Room")
    for number in range(50):
        raw = ids.id_from_name(f"room {number}").raw
        owner = placement.slot_of("app-Room", raw)
        assert owner == placement.owners[partition_of("app-Room", raw)]
        assert partition_of("app-Room", raw) in placement.partitions_of(owner)


def test_ids_that_differ_a_little_are_spread_over_all_partitions() -> None:
    found = Counter(partition_of("key", number.to_bytes(32, "big")) for number in range(102_400))
    assert len(found) == PARTITIONS
    assert max(found.values()) < 150, "100 are expected for each"


def test_the_same_id_of_two_namespaces_lies_in_unrelated_partitions() -> None:
    raws = [number.to_bytes(32, "big") for number in range(1000)]
    same = sum(partition_of("one", raw) == partition_of("two", raw) for raw in raws)
    assert same < 50


@pytest.mark.parametrize("count", [2, 3, 4, 8])
def test_slots_have_even_shares(count: int) -> None:
    shares = Counter(Placement.of_count(count).owners)
    assert set(shares) == set(slot_names(count))
    assert max(shares.values()) < 1.2 * PARTITIONS / count


def test_one_slot_owns_everything() -> None:
    assert len(Placement.of_count(1).partitions_of("0")) == PARTITIONS
    assert Placement.of_count(1).partitions_of("1") == ()


def test_what_moves_is_told_with_both_owners() -> None:
    small, large = Placement.of_count(2), Placement.of_count(3)
    moves = small.moves_to(large)
    assert set(moves) == set(large.partitions_of("2"))
    for number, (here, there) in moves.items():
        assert (here, there) == (small.owners[number], large.owners[number])
    assert small.moves_to(Placement(("0", "1"))) == {}


def test_equal_slots_make_equal_placements() -> None:
    assert Placement(("0", "1")) == Placement.of_count(2)
    assert hash(Placement(("0", "1"))) == hash(Placement.of_count(2))
    assert Placement(("0", "1")) != Placement(("0",))


@pytest.mark.parametrize("slots", [(), ("0", "0")])
def test_a_placement_without_distinct_slots_is_a_mistake(slots: tuple[str, ...]) -> None:
    with pytest.raises(AssertionError):
        Placement(slots)
