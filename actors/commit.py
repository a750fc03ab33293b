"""Commits what an actor wrote, and lets out what depended on it.

Promise:
    All writes between two suspensions are one transaction. Nothing the actor emits leaves
    before the writes it could know of are durable, but for those made with
    ``allow_unconfirmed``: of a transaction that has no others, nobody waits to know. A commit
    that fails breaks the actor: memory that the disk does not know is thrown away.
Assumes:
    What ``Durability.when_durable`` is given is called in this thread, in the order of commits.
Rules for editing this file:
    The alarm index hears of a commit after it was made, and before anything else happens: never
    of one that fails. That it is not durable yet does no harm: a crash takes the index with it
    (storage/alarm_index.py), and what an alarm does that fires before leaves through the gate.
Considered and refused:
    A commit at the end of each turn: turns of one actor that run in the same iteration of the
    loop would each be a record of the log. They share one instead (PERFORMANCE.md section 3: five
    times the writes of one actor with 32 callers), and still each turn is in it whole.
    A commit in a thread: the database would be busy meanwhile, and the actor stand still; only
    the log's sync has a thread (decision 0009).
"""

import asyncio
import contextvars
from collections.abc import Callable
from functools import partial
from time import perf_counter  # uvloop's clock counts whole milliseconds
from typing import Protocol

from ..storage.engine import ActorDatabase
from ..storage.errors import PerdureError
from ..storage.logformat import ALARM_UNCHANGED, NO_ALARM
from ..storage.metadata import Metadata
from .counters import counters
from .gates import OutputGate
from .ids import DurableObjectId


class AlarmIndex(Protocol):
    """Where the host finds which actors have an alarm, without opening them."""

    def committed(self, actor_id: DurableObjectId, time_ms: int | None, lsn: int) -> None:
        """The actor's row is ``time_ms``, and will be durably once the log's record ``lsn`` is."""
        ...


def _nothing() -> None:
    """What happens when a database begins a transaction whose actor has left memory."""


def _nobody(failure: PerdureError) -> None:
    """Who hears of its failure."""
    del failure


class Committer:
    """One actor's commits, numbered from 1.

    Attributes:
        output: The actor's output gate.
        alarm_changed: The open transaction changes the alarm's row.
        took_s: How long the last commit that is durable took to be so.
    """

    __slots__ = (
        "_actor_id",
        "_alarms",
        "_awaited",
        "_context",
        "_counted_lsn",
        "_database",
        "_durable",
        "_is_due",
        "_loop",
        "_made",
        "_metadata",
        "_on_failure",
        "alarm_changed",
        "output",
        "took_s",
    )

    def __init__(
        self,
        actor_id: DurableObjectId,
        database: ActorDatabase,
        alarms: AlarmIndex,
        loop: asyncio.AbstractEventLoop,
        context: contextvars.Context,
        on_failure: Callable[[PerdureError], None],
    ) -> None:
        self._actor_id = actor_id
        self._database = database
        self._metadata = Metadata(database)
        self._alarms = alarms
        self._loop = loop
        self._context = context
        self._on_failure = on_failure
        self._is_due = False
        self._made = self._durable = 0
        self._awaited = 0  # the last commit that outputs wait for
        self._counted_lsn = 0  # the last record that has a number here
        self.alarm_changed = False
        self.took_s = 0.0
        self.output = OutputGate(self._depends_on, perf_counter)
        database.on_begin = self.schedule

    def _depends_on(self) -> int:
        database = self._database
        if database.failure is not None:
            return self._made + 1  # there is no such commit
        # Asked for each output: without a transaction there are no writes to look for.
        if database.transaction.state and database.has_writes and not database.is_unconfirmed:
            return self._made + 1  # in the commit to come
        if database.durability.last_lsn > self._counted_lsn:
            self._count()  # read what an actor before this one has written
        return self._awaited if self._awaited > self._durable else 0

    def come_apart(self) -> None:
        """Let go of what leads back here or to the actor; nothing is written any more."""
        self._database.on_begin = _nothing
        self._on_failure = _nobody
        self.output.come_apart()

    def is_dirty(self) -> bool:
        """Something was written or read that is not durable yet, or never will be."""
        return self._depends_on() != 0 or self._made > self._durable or self._database.has_writes

    def schedule(self) -> None:
        """Commit in the loop's next iteration, after the turns of this one."""
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._run, context=self._context)

    def _run(self) -> None:
        self._is_due = False
        if not self._database.is_explicit:  # else the end of that transaction schedules again
            self.commit()

    def commit(self) -> None:
        """Commit everything written so far; when it is durable, what waited for it leaves.

        On failure the actor is broken, nothing leaves, and this returns.
        """
        if self.output.broken:
            return
        if self._database.failure is not None:
            self._on_failure(self._database.failure)
            return
        alarm_changed, self.alarm_changed = self.alarm_changed, False
        alarm_ms, time_ms = ALARM_UNCHANGED, None
        try:
            if self._database.durability.is_new:
                self._introduce()
            if alarm_changed:
                time_ms = self._metadata.get_alarm_ms()
                alarm_ms = NO_ALARM if time_ms is None else time_ms
            is_unconfirmed = self._database.is_unconfirmed
            wrote = self._database.commit(alarm_ms)
        except PerdureError as error:
            self._on_failure(error)
            return
        if alarm_changed:
            self._alarms.committed(self._actor_id, time_ms, self._database.durability.last_lsn)
        if wrote or alarm_changed or self.output.waiting:
            self._count(is_unconfirmed=is_unconfirmed)

    def _introduce(self) -> None:
        """Have the actor's name in its first transaction: nothing but the id tells who it is."""
        if self._actor_id.name is not None and self._database.has_writes:
            self._metadata.set_name(self._actor_id.name)

    def when_durable(self, action: Callable[[], None]) -> None:
        """Call ``action`` when everything committed so far is durable; maybe at once."""
        self._database.durability.when_durable(action)

    def _count(self, *, is_unconfirmed: bool = False) -> None:
        """Give the next number to all that was committed and has none yet."""
        self._made += 1
        if not is_unconfirmed:
            self._awaited = self._made
        durability = self._database.durability
        self._counted_lsn = durability.last_lsn
        durability.when_durable(partial(self._now_durable, self._made, perf_counter()))

    def _now_durable(self, number: int, made_s: float) -> None:
        if self.output.broken:
            return
        self.took_s = perf_counter() - made_s
        counters.commits.add(self.took_s)
        self._durable = number
        self.output.open(number)
