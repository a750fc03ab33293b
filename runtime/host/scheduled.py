"""Cron triggers: what has the Worker run without a request.

Promise:
    Each trigger fires once in each minute that it names, in one process of the server.
Assumes:
    Only one process of a server has a ``CronSchedule`` that is started.
Rules for editing this file:
    What was missed, while nobody ran or the loop was held up, is not made up for: a trigger fires
    in its minute, or not at all.
    Runs of one trigger may overlap, as on the platform, and that is told; but those that never end
    do not become more and more.
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from ...actors.clock import Clock, Timer
from ..config.cron import Cron

log = logging.getLogger("perdure.host")

MINUTE_MS = 60_000
# Of one trigger, at a time: what the platform has of one for each minute, which it ends after 15.
RUNS_MAX = 15


@dataclass(slots=True)
class ScheduledEvent:
    """What ``scheduled`` of the entrypoint is given.

    Attributes:
        cron: The trigger, as the configuration has it.
        scheduled_time: The minute it fires for, in Unix milliseconds.
        no_retry: For the runtime: whether the handler has said that what fails here would fail
            again. Only a program for Workers that has fired it asks.
    """

    cron: str
    scheduled_time: int
    no_retry: bool = field(default=False, compare=False, repr=False)


# An event, and what is called once its run has ended, maybe at once.
Fire = Callable[[ScheduledEvent, Callable[[BaseException | None], None]], None]


class CronSchedule:
    """Fires the triggers of a Worker.

    Args:
        crons: They, as the configuration has them.
        clock: Tells the time.
        fire: Runs the handler of each event; it does not raise, and tells of errors itself.
    """

    def __init__(self, crons: Sequence[str], clock: Clock, fire: Fire) -> None:
        self._crons = [Cron.parse(text) for text in dict.fromkeys(crons)]
        self._clock = clock
        self._fire = fire
        self._runs = Counter[str]()
        self._timer: Timer | None = None
        self._minute = 0  # the last one that was looked at

    def start(self) -> None:
        """Fire from the next minute on."""
        if self._crons:
            self._minute = self._clock.time_ms() // MINUTE_MS
            self._wait()

    def close(self) -> None:
        """Fire no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        left_ms = (self._minute + 1) * MINUTE_MS - self._clock.time_ms()
        # The clock may have been set back: then it is looked again, and nothing fires twice.
        delay_s = min(max(left_ms, 1), MINUTE_MS) / 1000
        self._timer = self._clock.call_later(delay_s, self._look)

    def _look(self) -> None:
        minute = self._clock.time_ms() // MINUTE_MS
        if minute > self._minute:
            self._minute = minute
            time = datetime.fromtimestamp(minute * 60, UTC)
            due = [cron.text for cron in self._crons if cron.fires_at(time)]
            for text in due:
                self._run(ScheduledEvent(text, minute * MINUTE_MS))
        self._wait()

    def _run(self, event: ScheduledEvent) -> None:
        cron = event.cron
        fields = {"cron": cron, "runs": self._runs[cron]}
        if self._runs[cron] >= RUNS_MAX:
            log.error("scheduled.skipped", extra=fields)
            return
        if self._runs[cron]:
            log.warning("scheduled.overlaps", extra=fields)
        log.debug("cron.fired", extra={"cron": cron})
        self._runs[cron] += 1
        self._fire(event, partial(self._ended, cron))

    def _ended(self, cron: str, error: BaseException | None) -> None:
        del error  # it was told where it was raised
        self._runs[cron] -= 1
