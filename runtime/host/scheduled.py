"""Cron triggers: what has the Worker run without a request.

Promise:
    Each trigger fires once in each minute that it names, in one process of the server.
Assumes:
    Only one process of a server has a ``CronSchedule`` that is started.
Rules for editing this file:
    What was missed, while nobody ran or the loop was held up, is not made up for: a trigger fires
    in its minute, or not at all.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ...actors.clock import Clock, Timer
from ..config.cron import Cron

log = logging.getLogger("perdure.host")

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class ScheduledEvent:
    """What ``scheduled`` of the entrypoint is given.

    Attributes:
        cron: The trigger, as the configuration has it.
        scheduled_time: The minute it fires for, in Unix milliseconds.
    """

    cron: str
    scheduled_time: int


class CronSchedule:
    """Fires the triggers of a Worker.

    Args:
        crons: They, as the configuration has them.
        clock: Tells the time.
        fire: Given each event; it does not raise.
    """

    def __init__(
        self, crons: Sequence[str], clock: Clock, fire: Callable[[ScheduledEvent], None]
    ) -> None:
        self._crons = [Cron.parse(text) for text in dict.fromkeys(crons)]
        self._clock = clock
        self._fire = fire
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
                log.debug("cron.fired", extra={"cron": text})
                self._fire(ScheduledEvent(text, minute * MINUTE_MS))
        self._wait()
