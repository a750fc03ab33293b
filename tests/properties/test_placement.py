"""Actors move as little as they can when the number of workers changes."""

from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.shards.placement import PARTITIONS, Placement, partition_of


@given(st.integers(1, 40))
def test_growing_moves_only_to_the_new_slot_and_not_too_much(count: int) -> None:
    small, large = Placement.of_count(count), Placement.of_count(count + 1)
    moves = small.moves_to(large)
    assert {there for _, there in moves.values()} == {str(count)}
    assert len(moves) <= PARTITIONS / (count + 1) * 1.6


@given(st.sets(st.text(max_size=8), min_size=2, max_size=12), st.data())
def test_slots_that_stay_keep_what_they_have(names: set[str], data: st.DataObject) -> None:
    slots = sorted(names)
    gone = data.draw(st.sampled_from(slots))
    before = Placement(tuple(slots))
    after = Placement(tuple(slot for slot in slots if slot != gone))
    assert set(before.moves_to(after)) == set(before.partitions_of(gone))


@given(st.permutations([str(number) for number in range(6)]))
def test_the_order_of_the_slots_does_not_matter(slots: list[str]) -> None:
    assert Placement(tuple(slots)).owners == Placement.of_count(6).owners


@given(st.text(max_size=60).filter(str.isprintable), st.binary(min_size=32, max_size=32))
def test_every_actor_has_a_partition(unique_key: str, raw_id: bytes) -> None:
    assert 0 <= partition_of(unique_key, raw_id) < PARTITIONS
