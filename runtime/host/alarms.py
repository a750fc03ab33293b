"""Wakes actors at the time of their alarms.

Promise:
    An alarm that was committed fires at least once, at its time or as soon as the program runs
    again, and not later than that because of an error here.
Assumes:
    ``indexed_no_later_than`` (actors/alarm.py): the index never holds a later time than the
    actor's own row.
Rules for editing this file:
    The index moves earlier before the actor's commit and later after it. Only the answer of the
    actor, which has looked at its own row, takes an entry away.
"""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ...actors.alarm import AfterAlarm, retry_delay_s
from ...actors.clock import Clock, Timer
from ...actors.events import AlarmEvent, OnReply
from ...actors.ids import DurableObjectId
from ...actors.rpc import decode_error
from ...storage.alarm_index import AlarmIndex

log = logging.getLogger("perdure.host")

DUE_AT_ONCE_MAX = 100
# A timer further off would overflow clocks; it is armed again when it fires.
TIMER_MAX_S = 3600.0
# When an alarm is tried again whose class is not served: not in the life of this process.
NEVER_MS = 2**62


class AlarmTarget(Protocol):
    """How an alarm reaches its actor; given by the registry of its namespace."""

    def deliver(self, actor_id: DurableObjectId, event: AlarmEvent, on_reply: OnReply) -> None: ...


# (unique key, raw id, name) -> the actor's channel and id, or None if the namespace is not served.
FindTarget = Callable[[str, bytes, str | None], "tuple[AlarmTarget, DurableObjectId] | None"]


@dataclass(slots=True)
class _Attempt:
    """An alarm that is running, or waits for its next try.

    Attributes:
        time_ms: What it was set for.
        tries: Failures so far, of any kind; the delay grows with them.
        retry_count: Failures of the handler; after so many the alarm is given up.
        not_before_ms: When it may run again; None while it runs.
    """

    time_ms: int
    tries: int = 0
    retry_count: int = 0
    not_before_ms: int | None = None


class AlarmScheduler:
    """Fires the alarms of one process. Is the ``AlarmIndex`` of its actors."""

    def __init__(self, index: AlarmIndex, clock: Clock, find_target: FindTarget) -> None:
        self._index = index
        self._clock = clock
        self._find_target = find_target
        self._timer: Timer | None = None
        self._timer_ms: int | None = None
        self._attempts: dict[tuple[str, bytes], _Attempt] = {}
        self._is_closed = False

    # What actors tell at their commits.

    def before_commit(self, actor_id: DurableObjectId, time_ms: int | None) -> None:
        if time_ms is None:
            return
        indexed = self._index.get(actor_id.unique_key, actor_id.raw)
        if indexed is None or time_ms < indexed:
            self._index.put(actor_id.unique_key, actor_id.raw, time_ms, actor_id.name)
            self._arm(time_ms)

    def after_commit(self, actor_id: DurableObjectId, time_ms: int | None) -> None:
        key = (actor_id.unique_key, actor_id.raw)
        attempt = self._attempts.get(key)
        if attempt and attempt.not_before_ms is not None and attempt.time_ms != time_ms:
            del self._attempts[key]  # that alarm is not wanted any more; this one has not failed
        if time_ms is None:
            self._index.remove(actor_id.unique_key, actor_id.raw)
            return
        if self._index.get(actor_id.unique_key, actor_id.raw) != time_ms:
            self._index.put(actor_id.unique_key, actor_id.raw, time_ms, actor_id.name)
        self._arm(time_ms)

    def replaced(self, actor: tuple[str, bytes], time_ms: int | None) -> None:
        """Another file has taken the place of an actor's: its alarm is due then, or not at all."""
        self._attempts.pop(actor, None)
        if time_ms is None:
            self._index.remove(*actor)
        else:
            self._index.put(*actor, time_ms, None)
            self._arm(time_ms)

    # Firing.

    def start(self) -> None:
        """Fire what is due, and arm the timer for the rest."""
        self._fire()

    def close(self) -> None:
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self, time_ms: int) -> None:
        if self._is_closed or (self._timer_ms is not None and self._timer_ms <= time_ms):
            return
        if self._timer is not None:
            self._timer.cancel()
        delay_s = min(max(time_ms - self._clock.time_ms(), 0) / 1000, TIMER_MAX_S)
        self._timer_ms = time_ms
        self._timer = self._clock.call_later(delay_s, self._fire)

    def _fire(self) -> None:
        self._timer = self._timer_ms = None
        if self._is_closed:
            return
        now_ms = self._clock.time_ms()
        held_back = len(self._attempts)
        for entry in self._index.due(now_ms, DUE_AT_ONCE_MAX + held_back):
            self._run(entry.unique_key, entry.actor_id, entry.name, entry.time_ms, now_ms)
        self._arm_for_next(now_ms)

    def _arm_for_next(self, now_ms: int) -> None:
        """Arm for the first alarm that neither runs nor waits for its next try."""
        waiting = [attempt.not_before_ms for attempt in self._attempts.values()]
        later = [time_ms for time_ms in waiting if time_ms is not None and time_ms < NEVER_MS]
        for entry in self._index.due(NEVER_MS, len(self._attempts) + 1):
            if (entry.unique_key, entry.actor_id) not in self._attempts:
                later.append(entry.time_ms)
                break
        if later:
            self._arm(max(min(later), now_ms))

    def _run(
        self, unique_key: str, raw_id: bytes, name: str | None, time_ms: int, now_ms: int
    ) -> None:
        key = (unique_key, raw_id)
        attempt = self._attempts.get(key)
        if attempt is not None and (
            attempt.not_before_ms is None or attempt.not_before_ms > now_ms
        ):
            return
        target = self._find_target(unique_key, raw_id, name)
        if target is None:  # of a class that this program does not serve any more
            self._attempts[key] = _Attempt(time_ms, not_before_ms=NEVER_MS)
            log.warning("alarm.without_class", extra={"namespace": unique_key})
            return
        if attempt is None:
            attempt = self._attempts[key] = _Attempt(time_ms)
        attempt.not_before_ms = None
        channel, actor_id = target

        def on_reply(answer: Any, failure: bytes | None) -> None:
            self._settle(actor_id, answer, failure)

        channel.deliver(actor_id, AlarmEvent(time_ms, attempt.retry_count), on_reply)

    def _settle(self, actor_id: DurableObjectId, answer: Any, failure: bytes | None) -> None:
        if self._is_closed:
            return
        key = (actor_id.unique_key, actor_id.raw)
        if failure is None:
            verdict, row_ms = answer
            if verdict is AfterAlarm.RETRY:
                attempt = self._attempts[key]
                attempt.retry_count += 1
                self._try_later(attempt, row_ms)
                return
            if verdict is AfterAlarm.GIVE_UP:
                log.error("alarm.given_up", extra={"actor": str(actor_id)})
        else:  # the actor was reset, or could not be made: tried again without end
            cause = str(decode_error(failure))
            log.error("alarm.not_delivered", extra={"actor": str(actor_id), "cause": cause})
            row_ms = self._index.get(*key)
            if row_ms is not None:
                self._try_later(self._attempts[key], row_ms)
                return
        del self._attempts[key]
        self.after_commit(actor_id, row_ms)
        self._arm_for_next(self._clock.time_ms())

    def _try_later(self, attempt: _Attempt, time_ms: int) -> None:
        """Try again after a while, and not before ``time_ms``, which is what is set by now."""
        if attempt.time_ms != time_ms:  # set by the handler before its actor was reset
            attempt.time_ms, attempt.retry_count = time_ms, 0
        attempt.tries += 1
        delay_s = retry_delay_s(attempt.tries, random.random())  # noqa: S311  # spreads load
        attempt.not_before_ms = max(self._clock.time_ms() + int(delay_s * 1000), time_ms)
        self._arm(attempt.not_before_ms)
