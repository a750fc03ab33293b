"""Commits by how long they took."""

from perdure.actors.counters import COMMIT_BOUNDS_S, ActorCounters


def test_a_commit_is_counted_at_the_first_bound_it_does_not_exceed() -> None:
    counters = ActorCounters()
    for took_s in (0.0, COMMIT_BOUNDS_S[0], 0.0006, 99.0):
        counters.committed(took_s)
    assert counters.commits[:2] == [2, 1]
    assert counters.commits[-1] == 1
    assert sum(counters.commits) == 4
    assert counters.commits_s == sum((0.0, COMMIT_BOUNDS_S[0], 0.0006, 99.0))
