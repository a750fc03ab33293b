"""Each policy's queue; tests/properties/test_delivery.py holds them against models."""

import json

import pytest

from perdure.runtime.sockets.delivery import (
    COALESCE,
    MESSAGE_SIZE_BYTES,
    QUEUES,
    RELAY,
    Waiting,
    coalesced,
    delivery_of,
    queue_of,
    size_of,
)
from perdure.runtime.sockets.joint import Sent

ALL = 10**9


def queue(policy: str, room_for: float, *sent: Sent) -> Waiting:
    """A queue with room for so many messages of one byte, and these in it."""
    made = queue_of(delivery_of(policy, room_for * (MESSAGE_SIZE_BYTES + 1)))
    for each in sent:
        assert made.push(each)
    return made


@pytest.mark.parametrize("policy", QUEUES)
def test_what_has_room_leaves_in_order_however_it_is_taken(policy: str) -> None:
    sent: list[str | bytes] = ["a", b"b", "c", b"d"]
    whole, one_by_one = queue(policy, 4, *sent), queue(policy, 4, *sent)
    expected = coalesced(sent) if policy == COALESCE else sent
    assert whole.take(ALL) == expected
    assert [one_by_one.take(1)[0] for _ in sent] == expected
    assert len(whole) == len(one_by_one) == whole.size_bytes == one_by_one.size_bytes == 0
    assert whole.take(ALL) == []


@pytest.mark.parametrize("policy", QUEUES)
def test_one_message_may_always_wait_and_always_leaves(policy: str) -> None:
    waiting = queue_of(delivery_of(policy, 1))
    assert waiting.push("larger than all that may wait")
    assert waiting.take(1) == (
        ['["larger than all that may wait"]']
        if policy == COALESCE
        else ["larger than all that may wait"]
    )


@pytest.mark.parametrize("policy", ["close", "latest", "coalesce"])
def test_past_the_limit_there_is_no_room(policy: str) -> None:
    waiting = queue(policy, 2, "a", "b")
    assert not waiting.push("c")
    assert not waiting.push("")
    assert waiting.take(ALL) == (['["a","b"]'] if policy == COALESCE else ["a", "b"])


def test_what_is_only_passed_on_has_room_for_all() -> None:
    assert len(queue(RELAY, 1, *["x"] * 1000).take(ALL)) == 1000


def test_the_oldest_go_until_the_newest_fits() -> None:
    waiting = queue("drop_oldest", 3, "a", "b", "c")
    assert waiting.push("d")
    assert (waiting.dropped, len(waiting)) == (1, 3)
    assert waiting.push("x" * MESSAGE_SIZE_BYTES)  # takes the room of two, less a byte
    assert waiting.dropped == 3
    assert waiting.take(ALL) == ["d", "x" * MESSAGE_SIZE_BYTES]


def test_of_a_key_only_the_newest_waits_where_it_was_sent() -> None:
    waiting = queue("latest", 4, ("a", "1"), "no key", ("b", "2"), ("a", "3"))
    assert (waiting.dropped, len(waiting)) == (1, 3)
    assert waiting.take(ALL) == ["no key", "2", "3"]


def test_messages_without_a_key_are_all_kept_and_are_none_of_any_key() -> None:
    assert queue("latest", 9, "x", ("0", "y"), "x", ("", "z")).take(ALL) == ["x", "y", "x", "z"]


def test_a_newer_message_of_a_key_needs_only_the_room_that_it_takes_more() -> None:
    waiting = queue("latest", 2, ("a", "1"), ("b", "2"))
    for n in range(10):
        assert waiting.push(("a", str(n)))
    assert not waiting.push(("c", "3"))


@pytest.mark.parametrize("policy", ["close", "drop_oldest", "coalesce"])
def test_other_policies_do_not_look_at_keys(policy: str) -> None:
    taken = queue(policy, 2, ("a", "1"), ("a", "2")).take(ALL)
    assert taken == (['["1","2"]'] if policy == COALESCE else ["1", "2"])


def test_texts_that_follow_each_other_are_one_array_also_if_there_is_one() -> None:
    quoted = 'a "quoted" \\ grüße \U0001f600\n'
    assert coalesced([quoted]) == ['["a \\"quoted\\" \\\\ grüße \U0001f600\\n"]']
    assert coalesced(["a", "b", b"c", b"d", "e"]) == ['["a","b"]', b"c", b"d", '["e"]']
    assert coalesced([]) == []
    [array] = coalesced(["", '["nested"]'])
    assert json.loads(str(array)) == ["", '["nested"]']


def test_what_is_taken_at_once_is_bounded() -> None:
    waiting = queue("close", 100, *["x"] * 10)
    assert len(waiting.take(3 * (MESSAGE_SIZE_BYTES + 1))) == 3
    assert len(waiting.take(3 * (MESSAGE_SIZE_BYTES + 1) + 1)) == 3
    assert len(waiting.take(0)) == 1


def test_sizes_are_those_of_utf_8_and_empty_messages_have_one() -> None:
    assert size_of("") == size_of(b"") == MESSAGE_SIZE_BYTES > 0
    assert size_of("grüße") == size_of("grüße".encode()) == MESSAGE_SIZE_BYTES + 7


def test_those_that_say_the_same_share_what_they_say() -> None:
    assert delivery_of("latest", 1000) is delivery_of("latest", 1000)
    assert delivery_of("latest", 1000) != delivery_of("latest", 1001)
