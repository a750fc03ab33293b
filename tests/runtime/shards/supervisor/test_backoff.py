from perdure.runtime.shards.supervisor.backoff import Backoff


def test_waits_grow_up_to_the_limit() -> None:
    backoff = Backoff(0.25, 3.0)
    assert [backoff.failed() for _ in range(6)] == [0.25, 0.5, 1.0, 2.0, 3.0, 3.0]
    assert backoff.failures == 6


def test_after_serving_the_first_wait_is_short_again() -> None:
    backoff = Backoff(0.25, 3.0)
    backoff.failed()
    backoff.failed()
    backoff.served()
    assert (backoff.failures, backoff.failed()) == (0, 0.25)


def test_a_night_of_failures_costs_no_time_to_count() -> None:
    backoff = Backoff(0.25, 30.0)
    backoff.failures = 10**12
    assert backoff.failed() == 30.0
