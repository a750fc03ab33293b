"""How often is too often, and how many are too many."""

import pytest

from perdure.runtime.config.firewall.model import Limit, Per, Rate
from perdure.runtime.edge.firewall.head import RequestHead
from perdure.runtime.edge.firewall.limiting import (
    KEY_LENGTH_MAX,
    Buckets,
    Held,
    Lease,
    Limiter,
    key_of,
)

from .heads import head

S = 1_000_000_000


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    buckets = Buckets(Rate(2, 1, 3))
    assert [buckets.take("a", 0) for _ in range(4)] == [0, 0, 0, S // 2]
    assert buckets.take("a", S // 2 - 1) == 1
    assert buckets.take("a", S // 2) == 0
    assert buckets.take("a", S // 2) == S // 2
    assert [buckets.take("a", 9 * S) for _ in range(4)] == [0, 0, 0, S // 2], "full again"


def test_who_is_refused_loses_nothing_by_asking() -> None:
    buckets = Buckets(Rate(1, 1, 1))
    assert buckets.take("a", 0) == 0
    assert {buckets.take("a", S // 2) for _ in range(100)} == {S // 2}
    assert buckets.take("a", S) == 0


def test_everybody_has_a_bucket_of_their_own() -> None:
    buckets = Buckets(Rate(1, 60, 1))
    assert [buckets.take(key, 0) for key in "abca"] == [0, 0, 0, 60 * S]


def test_a_rate_that_does_not_come_out_even_is_never_exceeded() -> None:
    buckets = Buckets(Rate(3, 1, 1))
    assert buckets.take("a", 0) == 0
    assert buckets.take("a", S // 3) == 1
    assert buckets.take("a", S // 3 + 1) == 0


def test_full_buckets_are_dropped() -> None:
    buckets = Buckets(Rate(1, 1, 1))
    for number in range(1000):
        buckets.take(str(number), number * S)
        assert len(buckets) <= 2


def test_there_are_never_more_than_may_be_kept() -> None:
    buckets = Buckets(Rate(1, 86_400, 1), keys_max=10)
    for number in range(25):
        assert buckets.take(str(number), number) == 0
        assert len(buckets) <= 10
    assert buckets.take("24", 25) > 0, "kept: it was used last"
    assert buckets.take("0", 26) == 0, "dropped"


def test_places_are_given_back() -> None:
    held = Held(2)
    held.take("a")
    held.take("a")
    held.take("b")
    assert (held.has_room("a"), held.has_room("b"), len(held)) == (False, True, 3)
    lease = Lease(held, "a")
    lease.release()
    lease.release()
    assert (held.has_room("a"), len(held)) == (True, 2)
    held.release("a")
    held.release("b")
    assert held._open == {}


def test_connections_and_rate_are_limited_together() -> None:
    limiter = Limiter(Limit(Rate(3, 60, 3), connections=1))
    lease, wait_ns, _ = limiter.try_pass(head(), 0)
    assert lease is not None
    assert wait_ns == 0
    assert limiter.try_pass(head(), 0) == (None, S, "1 connections are open")
    lease.release()
    for _ in range(2):  # the one that was refused took nothing from the bucket
        lease, _, _ = limiter.try_pass(head(), 0)
        assert lease is not None
        lease.release()
    assert limiter.try_pass(head(), 0) == (None, 20 * S, "more than 3/min")
    assert len(limiter) == 1, "one bucket, and no place"


def test_who_has_passed_elsewhere_has_a_place_even_if_there_is_none() -> None:
    limiter = Limiter(Limit(Rate(1, 60, 1), connections=1))
    leases = [limiter.hold(head()) for _ in range(2)]
    assert limiter.try_pass(head(), 0)[2] == "1 connections are open"
    for lease in leases:
        assert lease is not None
        lease.release()
    assert limiter.try_pass(head(), 0)[1] == 0, "and it took nothing from the bucket"
    assert Limiter(Limit(Rate(1, 60, 1), None)).hold(head()) is None


@pytest.mark.parametrize(
    ("per", "asked", "key"),
    [
        (Per(), head(address="203.0.113.7"), "203.0.113.7"),
        (Per(), head(address="2001:db8:1:2:3::4"), "20010db800010002::"),
        (Per(), head(address="2001:db8:1:2::ffff"), "20010db800010002::"),
        (Per(), head(address=""), ""),
        (Per("everyone"), head(), ""),
        (Per("header", "X-Key"), head("GET /", "x-key: abc"), "=abc"),
        (Per("header", "X-Key"), head("GET /", "x-key:"), "203.0.113.7"),
        (Per("header", "X-Key"), head(), "203.0.113.7"),
        (Per("header", "X-Key"), head("GET /", "x-key: 203.0.113.7"), "=203.0.113.7"),
        (Per("cookie", "session"), head("GET /", "Cookie: session=1"), "=1"),
        (Per("cookie", "session"), head("GET /", "Cookie: other=1"), "203.0.113.7"),
    ],
)
def test_requests_are_counted_under_a_key(per: Per, asked: RequestHead, key: str) -> None:
    assert key_of(per, asked) == key.removeprefix("0")


def test_a_client_cannot_fill_the_memory_with_long_keys() -> None:
    per = Per("header", "X-Key")
    long = "é\udcff" * 10_000
    keys = {key_of(per, head("GET /", f"X-Key: {long}{n}")) for n in range(3)}
    assert len(keys) == 3
    assert max(map(len, keys)) <= KEY_LENGTH_MAX
