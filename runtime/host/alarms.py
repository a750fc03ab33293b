"""Wakes actors at the time of their alarms.

Promise:
    An alarm that was committed fires at least once, at its time or as soon as the program runs
    again, and not later than that because of an error here. However many are due at once, the
    loop serves everybody else in between.
Assumes:
    ``indexed_no_later_than`` (actors/alarm.py): the index never holds a later time than the
    actor's own row.
Rules for editing this file:
    Only commits move the index, and the answer of an actor that has looked at its own row after its
    alarm was taken, if no commit has moved it since. An alarm that was taken is in ``_attempts``
    until it is given back.
Considered and refused:
    A limit on how many run at once: so many handlers that wait for something would keep all other
    alarms from their times.
"""

import heapq
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
from ...actors.watch import watch
from ...storage.alarm_index import AlarmEntry, AlarmIndex

log = logging.getLogger("perdure.host")

# So many are started, or for so long, before the loop has its turn; a first event opens a file and
# runs user code.
DUE_AT_ONCE_MAX = 100
SLICE_S = 0.005
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
        is_outdated: The actor has set its alarm while this was running, and that is due, too: what
            the handler answers may be older.
    """

    time_ms: int
    tries: int = 0
    retry_count: int = 0
    not_before_ms: int | None = None
    is_outdated: bool = False


@dataclass(slots=True)
class AlarmCounts:
    """Since the start.

    Attributes:
        fired: Alarms that were delivered to their actors, tries included.
        retried: Tries that came to nothing and are followed by another.
        given_up: Alarms whose handlers have failed so often that they are not tried again.
    """

    fired: int = 0
    retried: int = 0
    given_up: int = 0


class AlarmScheduler:
    """Fires the alarms of one process. Is the ``AlarmIndex`` of its actors.

    Attributes:
        counts: What has become of them.
    """

    def __init__(self, index: AlarmIndex, clock: Clock, find_target: FindTarget) -> None:
        self._index = index
        self._clock = clock
        self._find_target = find_target
        self._timer: Timer | None = None
        self._timer_ms: int | None = None
        self._attempts: dict[tuple[str, bytes], _Attempt] = {}
        self._retries: list[tuple[int, tuple[str, bytes]]] = []  # a heap; some are outdated
        self._is_closed = False
        self.counts = AlarmCounts()

    # What actors tell at their commits.

    def committed(self, actor_id: DurableObjectId, time_ms: int | None, lsn: int) -> None:
        key = (actor_id.unique_key, actor_id.raw)
        attempt = self._attempts.get(key)
        if attempt and attempt.not_before_ms is not None and attempt.time_ms != time_ms:
            del self._attempts[key]  # that alarm is not wanted any more; this one has not failed
        if time_ms is None:
            self._index.remove(*key, lsn)
            return
        self._index.put(*key, time_ms, actor_id.name, lsn)
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

    def _arm_for_next(self) -> None:
        """Arm for the first alarm that neither runs nor waits for its next try, or next try."""
        times = (self._index.next_time_ms(), self._next_retry_ms())
        if known := [time_ms for time_ms in times if time_ms is not None]:
            self._arm(max(min(known), self._clock.time_ms()))

    def _next_retry_ms(self) -> int | None:
        retries = self._retries
        while retries:
            time_ms, key = retries[0]
            attempt = self._attempts.get(key)
            if attempt is not None and attempt.not_before_ms == time_ms:
                return time_ms
            heapq.heappop(retries)
        return None

    def _fire(self) -> None:
        """Start what is due, as much of it as goes without holding the loop up."""
        self._timer = self._timer_ms = None
        if self._is_closed:
            return
        now_ms = self._clock.time_ms()
        end_s = self._clock.monotonic() + SLICE_S
        for _ in range(DUE_AT_ONCE_MAX):
            if not self._fire_one(now_ms) or self._clock.monotonic() > end_s:
                break
        self._arm_for_next()

    def _fire_one(self, now_ms: int) -> bool:
        """Start one of what is due, next tries first; return whether anything was."""
        retry_ms = self._next_retry_ms()
        if retry_ms is not None and retry_ms <= now_ms:
            _, key = heapq.heappop(self._retries)
            attempt = self._attempts[key]
            self._run(AlarmEntry(*key, attempt.time_ms, self._index.name(*key)), attempt)
            return True
        entry = self._index.take(now_ms)
        if entry is None:
            return False
        key = (entry.unique_key, entry.actor_id)
        known = self._attempts.get(key)
        if known is None:
            attempt = self._attempts[key] = _Attempt(entry.time_ms)
            self._run(entry, attempt)
        elif known.not_before_ms is None:
            known.is_outdated = True
        return True

    def _run(self, entry: AlarmEntry, attempt: _Attempt) -> None:
        target = self._find_target(entry.unique_key, entry.actor_id, entry.name)
        if target is None:  # of a class that this program does not serve any more
            attempt.not_before_ms = NEVER_MS
            log.warning("alarm.without_class", extra={"namespace": entry.unique_key})
            return
        attempt.not_before_ms, attempt.is_outdated = None, False
        channel, actor_id = target
        self.counts.fired += 1

        def on_reply(answer: Any, failure: bytes | None) -> None:
            self._settle(actor_id, answer, failure)

        channel.deliver(actor_id, AlarmEvent(entry.time_ms, attempt.retry_count), on_reply)

    def _settle(self, actor_id: DurableObjectId, answer: Any, failure: bytes | None) -> None:
        if self._is_closed:
            return
        key = (actor_id.unique_key, actor_id.raw)
        attempt = self._attempts[key]
        is_tried_again = False
        if failure is None:
            verdict, row_ms = answer
            if not attempt.is_outdated:
                self._index.correct(*key, row_ms)
            if verdict is AfterAlarm.RETRY and self._index.get(*key) == attempt.time_ms:
                is_tried_again = True
                attempt.retry_count += 1
            elif verdict is AfterAlarm.GIVE_UP:
                self.counts.given_up += 1
                log.error("alarm.given_up", extra={"actor": str(actor_id)})
        else:  # the actor was reset, or could not be made: tried again without end
            is_tried_again = True
            cause = str(decode_error(failure))
            log.error("alarm.not_delivered", extra={"actor": str(actor_id), "cause": cause})
        if watch.tell is not None:
            self._tell(actor_id, attempt, is_tried_again=is_tried_again, answer=answer)
        time_ms = self._index.get(*key)
        if is_tried_again and time_ms is not None:
            self._try_later(key, attempt, time_ms)
            return
        del self._attempts[key]
        self._index.give_back(*key)
        self._arm_for_next()

    @staticmethod
    def _tell(
        actor_id: DurableObjectId, attempt: _Attempt, *, is_tried_again: bool, answer: Any
    ) -> None:
        is_given_up = answer is not None and answer[0] is AfterAlarm.GIVE_UP
        fields = {
            "outcome": "error" if is_tried_again or is_given_up else "ok",
            "then": "retry" if is_tried_again else "given_up" if is_given_up else "done",
            "scheduled_time_ms": attempt.time_ms,
            "retry_count": attempt.retry_count,
        }
        assert watch.tell is not None, "it was asked"
        watch.tell("alarm", actor_id, fields)

    def _try_later(self, key: tuple[str, bytes], attempt: _Attempt, time_ms: int) -> None:
        """Try again after a while, and not before ``time_ms``, which is what is set by now."""
        if attempt.time_ms != time_ms:  # set by the handler before its actor was reset
            attempt.time_ms, attempt.retry_count = time_ms, 0
        attempt.tries += 1
        self.counts.retried += 1
        delay_s = retry_delay_s(attempt.tries, random.random())  # noqa: S311  # spreads load
        attempt.not_before_ms = max(self._clock.time_ms() + int(delay_s * 1000), time_ms)
        heapq.heappush(self._retries, (attempt.not_before_ms, key))
        self._arm(attempt.not_before_ms)
