from perdure.runtime.shards.sockets.reading import HeldLimits, Unread


def test_a_client_is_read_when_no_reason_against_it_is_left() -> None:
    why = Unread.FULL | Unread.LEAVING
    assert why & ~Unread.FULL == Unread.LEAVING
    assert not why & ~Unread.FULL & ~Unread.LEAVING


def test_as_much_is_kept_as_a_message_of_the_largest_common_size() -> None:
    assert HeldLimits().unacknowledged_size_bytes_max == 2**20
