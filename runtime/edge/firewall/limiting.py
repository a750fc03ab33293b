# Pure: the time is an argument, in nanoseconds of a clock that never goes back.
"""How often is too often, and how many are too many.

Promise:
    Memory is bounded, whoever comes: buckets that are full again are dropped, and never more
    than ``KEYS_MAX`` are kept. Whole numbers are counted, so nothing drifts.
Considered and refused:
    Counting within fixed windows, which lets twice as much pass around the turn of one.
"""

import hashlib
from collections.abc import Sequence

from ...config.firewall.model import Limit, Per, Rate
from ...config.networks import parse_address
from .head import RequestHead

# About 200 bytes each, so 13 MB for one rule when so many have come within the time that a bucket
# takes to fill. Then the one that was used least recently is dropped.
KEYS_MAX = 65_536
# Longer ones, which a client chooses, are kept as a hash of this size.
KEY_LENGTH_MAX = 64
_DIGEST_BYTES = 16
# Whoever has an IPv6 address has the whole /64 at least (RFC 6177).
_V6_SHIFT = 64


class Buckets:
    """A token bucket for each key, as the time when it will be full again (GCRA).

    Args:
        rate: How many requests in which time, and how many at once.
        keys_max: How many buckets are kept at most.
    """

    __slots__ = ("_depth_ns", "_full_at", "_interval_ns", "_keys_max")

    def __init__(self, rate: Rate, keys_max: int = KEYS_MAX) -> None:
        self._interval_ns = -(-rate.period_s * 1_000_000_000 // rate.count)
        self._depth_ns = self._interval_ns * rate.burst
        self._keys_max = keys_max
        self._full_at: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, key: str, now_ns: int) -> int:
        """Take one from a bucket.

        Returns:
            0; or if it is empty, the nanoseconds until it would not be.
        """
        full_at = max(self._full_at.get(key, 0), now_ns) + self._interval_ns
        wait_ns = full_at - now_ns - self._depth_ns
        if wait_ns > 0:
            return wait_ns
        # Taken out and put in again, the one that was used last stands last.
        self._full_at.pop(key, None)
        self._full_at[key] = full_at
        self._drop(now_ns)
        return 0

    def _drop(self, now_ns: int) -> None:
        """Drop up to two buckets that are full; each request adds one at most."""
        for _ in range(2):
            oldest = next(iter(self._full_at))
            if self._full_at[oldest] > now_ns and len(self._full_at) <= self._keys_max:
                break
            del self._full_at[oldest]


class Held:
    """How many are open of each key.

    Args:
        count_max: How many of one key may be.
    """

    __slots__ = ("_count_max", "_open")

    def __init__(self, count_max: int) -> None:
        self._count_max = count_max
        self._open: dict[str, int] = {}

    def __len__(self) -> int:
        return sum(self._open.values())

    def has_room(self, key: str) -> bool:
        """Whether one more may be."""
        return self._open.get(key, 0) < self._count_max

    def take(self, key: str) -> None:
        """Count one more."""
        self._open[key] = self._open.get(key, 0) + 1

    def release(self, key: str) -> None:
        """Count one less."""
        left = self._open[key] - 1
        if left:
            self._open[key] = left
        else:
            del self._open[key]


class Lease:
    """One place that a request has; ``release`` gives it back, once."""

    __slots__ = ("_held", "_key")

    def __init__(self, held: Held, key: str) -> None:
        self._held: Held | None = held
        self._key = key

    def release(self) -> None:
        """Give the place back; a second time does nothing."""
        held, self._held = self._held, None
        if held is not None:
            held.release(self._key)


class Limiter:
    """What a rule that limits remembers."""

    __slots__ = ("_buckets", "_held", "_limit")

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._buckets = None if limit.rate is None else Buckets(limit.rate)
        self._held = None if limit.connections is None else Held(limit.connections)

    def __len__(self) -> int:
        """How many keys are remembered, for tests and statistics."""
        return len(self._buckets or ()) + len(self._held or ())

    def try_pass(self, head: RequestHead, now_ns: int) -> "tuple[Lease | None, int, str]":
        """Let a request pass, if it is not too much.

        Returns:
            The place it holds, if places are counted; after how many nanoseconds it may come
            again, 0 if it passes; and what was too much.
        """
        limit, key = self._limit, key_of(limit_per=self._limit.per, head=head)
        if self._held is not None and not self._held.has_room(key):
            # When one will end nobody knows; soon is a guess.
            return None, 1_000_000_000, f"{limit.connections} connections are open"
        if self._buckets is not None and (wait_ns := self._buckets.take(key, now_ns)):
            return None, wait_ns, f"more than {limit.rate}"
        if self._held is None:
            return None, 0, ""
        self._held.take(key)
        return Lease(self._held, key), 0, ""

    def hold(self, head: RequestHead) -> Lease | None:
        """Count a request that somebody else has let pass; None if places are not counted."""
        if self._held is None:
            return None
        key = key_of(limit_per=self._limit.per, head=head)
        self._held.take(key)
        return Lease(self._held, key)


def key_of(limit_per: Per, head: RequestHead) -> str:
    """What a request is counted under.

    Where the header or the cookie is missing it is the address, or leaving it out would be the
    way round the limit.
    """
    values: Sequence[str] = ()
    if limit_per.kind == "everyone":
        return ""
    if limit_per.kind == "header":
        values = head.headers.getall(limit_per.name, ())
    elif limit_per.kind == "cookie":
        values = head.cookies.get(limit_per.name, ())
    if not values or not values[0]:
        return _address_key(head.address)
    value = f"={values[0]}"  # no value is taken for an address
    if len(value) <= KEY_LENGTH_MAX:
        return value
    data = value.encode("utf-8", "surrogateescape")
    return f"#{hashlib.blake2b(data, digest_size=_DIGEST_BYTES).hexdigest()}"


def _address_key(address: str) -> str:
    if ":" not in address:
        return address
    parsed = parse_address(address)
    return address if parsed is None else f"{int(parsed) >> _V6_SHIFT:x}::"
