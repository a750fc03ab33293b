"""Cron triggers fire in their minutes, each once."""

from collections.abc import Callable

import pytest

from perdure.runtime.host.scheduled import MINUTE_MS, RUNS_MAX, CronSchedule, ScheduledEvent
from tests.world import FakeClock

START_S = 1_767_225_600.0  # 2026-01-01 00:00 UTC, a Thursday


class WallClock(FakeClock):
    """One that can be set back; timers go by another one, as they do."""

    back_ms = 0

    def time_ms(self) -> int:
        return super().time_ms() - self.back_ms


def schedule(*crons: str, at_s: float = START_S) -> tuple[WallClock, list[ScheduledEvent]]:
    clock = WallClock()
    clock.now_s = at_s
    fired: list[ScheduledEvent] = []

    def fire(event: ScheduledEvent, on_done: Callable[[BaseException | None], None]) -> None:
        fired.append(event)
        on_done(None)

    CronSchedule(crons, clock, fire).start()
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
    clock.back_ms = 90_000
    clock.advance(240)
    assert minutes(fired) == [1, 2, 3, 4]


def test_nothing_fires_once_it_is_closed() -> None:
    clock = FakeClock()
    fired: list[ScheduledEvent] = []
    it = CronSchedule(["* * * * *"], clock, lambda event, _: fired.append(event))
    it.start()
    it.close()
    clock.advance(300)
    assert fired == []


def test_runs_may_overlap_which_is_told_but_not_more_and_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    clock.now_s = START_S
    running: list[Callable[[BaseException | None], None]] = []
    CronSchedule(["* * * * *"], clock, lambda _, on_done: running.append(on_done)).start()
    clock.advance(60)
    assert caplog.records == []
    clock.advance(60)
    assert [record.message for record in caplog.records] == ["scheduled.overlaps"]
    clock.advance(60 * RUNS_MAX)
    assert len(running) == RUNS_MAX
    assert [record.message for record in caplog.records][-3:] == [
        "scheduled.overlaps",
        "scheduled.skipped",
        "scheduled.skipped",
    ]
    running[0](RuntimeError("told elsewhere"))
    clock.advance(60)
    assert len(running) == RUNS_MAX + 1
    for on_done in running[1:]:
        on_done(None)
    caplog.clear()
    clock.advance(60)
    assert caplog.records == []
    assert len(running) == RUNS_MAX + 2


def test_triggers_do_not_wait_for_each_other(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    clock.now_s = START_S
    fired: list[str] = []
    CronSchedule(
        ["*/2 * * * *", "1-59/2 * * * *"], clock, lambda event, _: fired.append(event.cron)
    ).start()
    clock.advance(120)
    assert len(fired) == 2
    assert caplog.records == []
