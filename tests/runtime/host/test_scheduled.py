"""Cron triggers fire in their minutes, each once."""

from perdure.runtime.host.scheduled import MINUTE_MS, CronSchedule, ScheduledEvent
from tests.world import FakeClock

START_S = 1_767_225_600.0  # 2026-01-01 00:00 UTC, a Thursday


def schedule(*crons: str, at_s: float = START_S) -> tuple[FakeClock, list[ScheduledEvent]]:
    clock = FakeClock()
    clock.now_s = at_s
    fired: list[ScheduledEvent] = []
    CronSchedule(crons, clock, fired.append).start()
    return clock, fired


def minutes(fired: list[ScheduledEvent]) -> list[float]:
    return [(event.scheduled_time - START_S * 1000) / MINUTE_MS for event in fired]


def test_each_minute_fires_once_and_the_one_it_starts_in_does_not() -> None:
    clock, fired = schedule("* * * * *", at_s=START_S + 0.5)
    clock.advance(59)
    assert fired == []
    clock.advance(0.5)
    assert fired == [ScheduledEvent("* * * * *", int(START_S * 1000) + MINUTE_MS)]
    clock.advance(180)
    assert minutes(fired) == [1, 2, 3, 4]


def test_each_trigger_has_an_event_of_its_own_and_twins_are_one() -> None:
    clock, fired = schedule("*/2 * * * *", "*/4 * * * *", "*/2 * * * *")
    clock.advance(4 * 60)
    assert [(event.cron, minute) for event, minute in zip(fired, minutes(fired), strict=True)] == [
        ("*/2 * * * *", 2),
        ("*/2 * * * *", 4),
        ("*/4 * * * *", 4),
    ]


def test_what_was_missed_is_not_made_up() -> None:
    clock, fired = schedule("* * * * *")
    clock.now_s += 600  # nobody had a turn
    clock.advance(0)
    clock.advance(60)
    assert minutes(fired) == [10, 11]


def test_a_clock_that_is_set_back_fires_nothing_twice() -> None:
    clock, fired = schedule("* * * * *")
    clock.advance(120)
    clock.now_s -= 90
    clock.advance(240)
    assert minutes(fired) == sorted(set(minutes(fired)))
    assert minutes(fired)[-1] == 4


def test_nothing_fires_once_it_is_closed() -> None:
    clock = FakeClock()
    fired: list[ScheduledEvent] = []
    it = CronSchedule(["* * * * *"], clock, fired.append)
    it.start()
    it.close()
    clock.advance(300)
    assert fired == []
