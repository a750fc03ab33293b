"""When an alarm runs, and what becomes of it."""

import itertools
from dataclasses import FrozenInstanceError

import pytest

from perdure.actors.alarm import AfterAlarm, AlarmInfo, after_alarm, retry_delay_s
from perdure.actors.limits import ActorLimits


def verdict(*, failed: bool, replaced: bool, retry_count: int = 0) -> AfterAlarm:
    return after_alarm(failed=failed, replaced=replaced, retry_count=retry_count, retries_max=6)


def test_an_alarm_whose_handler_succeeded_is_done() -> None:
    assert verdict(failed=False, replaced=False) is AfterAlarm.DONE


def test_a_failed_alarm_is_tried_again_six_times_and_then_given_up() -> None:
    verdicts = [verdict(failed=True, replaced=False, retry_count=n) for n in range(8)]
    assert verdicts == [AfterAlarm.RETRY] * 6 + [AfterAlarm.GIVE_UP] * 2
    assert ActorLimits().alarm_retries_max == 6


@pytest.mark.parametrize("failed", [True, False])
@pytest.mark.parametrize("retry_count", [0, 6])
def test_what_the_handler_set_itself_stands_even_if_it_then_failed(
    failed: bool, retry_count: int
) -> None:
    assert verdict(failed=failed, replaced=True, retry_count=retry_count) is AfterAlarm.REPLACED


def test_delays_double_from_two_seconds() -> None:
    assert [retry_delay_s(n, 0.0) for n in range(1, 7)] == [2, 4, 8, 16, 32, 64]


def test_delays_stop_growing_at_1024_seconds() -> None:
    assert retry_delay_s(10, 0.0) == 1024
    assert retry_delay_s(11, 0.0) == retry_delay_s(10_000, 0.0) == 1024


def test_jitter_adds_at_most_a_quarter() -> None:
    for tries, jitter in itertools.product(range(1, 15), (0.0, 0.3, 1.0)):
        plain = retry_delay_s(tries, 0.0)
        assert plain <= retry_delay_s(tries, jitter) <= plain * 1.25
    assert retry_delay_s(1, 1.0) == 2.5


def test_info_says_whether_it_is_a_retry() -> None:
    assert not AlarmInfo(1000, 0).is_retry
    assert AlarmInfo(1000, 1).is_retry
    with pytest.raises(FrozenInstanceError):
        AlarmInfo(1000, 0).retry_count = 3  # type: ignore[misc]  # that is what is tested
