"""Durations by how long they were, errors by where they came from."""

from perdure.actors.counters import BOUNDS_S, ActorCounters, Durations


def test_a_duration_is_counted_at_the_first_bound_it_does_not_exceed() -> None:
    commits = Durations()
    for took_s in (0.0, BOUNDS_S[0], 0.0006, 99.0):
        commits.add(took_s)
    assert commits.counts[:2] == [2, 1]
    assert commits.counts[-1] == 1
    assert sum(commits.counts) == 4
    assert commits.sum_s == sum((0.0, BOUNDS_S[0], 0.0006, 99.0))


def test_errors_are_counted_by_namespace_and_kind() -> None:
    counters = ActorCounters()
    counters.raised("room", "fetch")
    counters.raised("room", "fetch")
    counters.raised("", "fetch")
    assert counters.handler_errors == {("room", "fetch"): 2, ("", "fetch"): 1}
