"""Counts of what happened to the connections of this process."""

from dataclasses import fields

from perdure.runtime.sockets.counters import SocketCounters, counters


def test_all_counts_are_integers_that_begin_at_zero() -> None:
    fresh = SocketCounters()
    assert {getattr(fresh, field.name) for field in fields(fresh)} == {0}


def test_there_is_one_for_the_process() -> None:
    assert isinstance(counters, SocketCounters)
