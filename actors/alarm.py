# Pure: no asyncio, clock, randomness, file or socket.
"""When an alarm runs, and what becomes of it afterwards.

Invariant ``indexed_no_later_than``: the time in the alarm index is never later than the one
in the actor's own, committed row. One that is earlier fires early and finds nothing to do. The
row stays until the handler has succeeded, so an alarm runs at least once.
"""

import enum
from dataclasses import dataclass

RETRY_BASE_S = 2.0
RETRY_DOUBLINGS_MAX = 9  # workerd stops growing the delay there
RETRY_JITTER_MAX = 0.25


@dataclass(frozen=True, slots=True)
class AlarmInfo:
    """What the handler ``alarm(self, info)`` is given.

    Attributes:
        scheduled_time: Unix time in milliseconds for which the alarm was set.
        retry_count: How often this alarm has failed before; 0 at the first attempt.
    """

    scheduled_time: int
    retry_count: int

    @property
    def is_retry(self) -> bool:
        return self.retry_count > 0


class AfterAlarm(enum.Enum):
    DONE = "done"  # take the row away
    REPLACED = "replaced"  # the handler set or deleted the alarm itself: its word stands
    RETRY = "retry"
    GIVE_UP = "give up"


def after_alarm(*, failed: bool, replaced: bool, retry_count: int, retries_max: int) -> AfterAlarm:
    """What becomes of an alarm whose handler has ended.

    A handler that sets a new alarm and then fails keeps the new one, and the failed one is not
    tried again (observed in workerd, whatever its documentation says).
    """
    if replaced:
        return AfterAlarm.REPLACED
    if not failed:
        return AfterAlarm.DONE
    return AfterAlarm.RETRY if retry_count < retries_max else AfterAlarm.GIVE_UP


def retry_delay_s(retry_count: int, jitter: float) -> float:
    """Seconds until attempt ``retry_count`` (1 is the first retry); ``jitter`` is 0 to 1."""
    doublings = min(retry_count - 1, RETRY_DOUBLINGS_MAX)
    return RETRY_BASE_S * float(2**doublings) * (1 + RETRY_JITTER_MAX * jitter)
