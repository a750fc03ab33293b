"""What a client has said is kept until its receipt."""

from perdure.runtime.shards.sockets.unacknowledged import Unacknowledged


def test_messages_are_kept_in_order_until_their_receipts() -> None:
    kept = Unacknowledged()
    numbers = [kept.add(message) for message in ("a", b"bc", "def")]
    assert numbers == sorted(set(numbers))
    assert list(kept.undelivered()) == [
        (numbers[0], "a", False),
        (numbers[1], b"bc", False),
        (numbers[2], "def", False),
    ]
    assert (len(kept), kept.size_bytes) == (3, 6)
    for number in numbers:
        kept.delivered(number)
    assert list(kept.undelivered()) == []
    assert kept.acknowledge(numbers[1])
    assert (len(kept), kept.size_bytes) == (2, 4)


def test_a_receipt_counts_once_and_only_for_what_was_delivered() -> None:
    kept = Unacknowledged()
    number = kept.add("a")
    assert not kept.acknowledge(number), "nobody has had it"
    kept.delivered(number)
    assert kept.acknowledge(number)
    assert not kept.acknowledge(number)
    assert not kept.acknowledge(number + 1)
    assert (len(kept), kept.size_bytes) == (0, 0)


def test_what_a_dead_process_had_is_delivered_again_and_marked() -> None:
    kept = Unacknowledged()
    had, waited = kept.add("had"), kept.add("waited")
    kept.delivered(had)
    assert kept.process_ended(is_death=True) == 1
    assert list(kept.undelivered()) == [(had, "had", True), (waited, "waited", False)]


def test_deaths_are_counted_for_each_message_by_itself() -> None:
    kept = Unacknowledged()
    first = kept.add("first")
    kept.delivered(first)
    assert kept.process_ended(is_death=True) == 1
    kept.delivered(first)
    second = kept.add("second")
    kept.delivered(second)
    assert kept.process_ended(is_death=True) == 2
    kept.delivered(first)
    kept.delivered(second)
    assert kept.acknowledge(first)
    assert kept.process_ended(is_death=True) == 2, "the first is not in anybody's hands any more"
    assert kept.process_ended(is_death=True) == 0, "nobody has taken anything since"


def test_a_process_that_ends_in_good_order_has_not_died_of_a_message() -> None:
    kept = Unacknowledged()
    number = kept.add("left")
    kept.delivered(number)
    assert kept.process_ended(is_death=False) == 0
    assert list(kept.undelivered()) == [(number, "left", True)], "it may have begun"
