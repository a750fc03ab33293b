"""The front's limits are the documented ones, and share no name with others."""

from dataclasses import fields

from perdure.actors.limits import ActorLimits
from perdure.runtime.config.limits import EdgeLimits
from perdure.runtime.sockets.limits import SocketLimits
from perdure.storage.limits import StorageLimits


def test_documented_sizes() -> None:
    limits = EdgeLimits()
    assert limits.header_size_bytes_max == 65_536
    assert limits.body_size_bytes_max == 100_000_000


def test_no_name_means_two_limits() -> None:
    kinds = (StorageLimits, ActorLimits, EdgeLimits, SocketLimits)
    names = [f.name for kind in kinds for f in fields(kind)]
    assert len(names) == len(set(names))
