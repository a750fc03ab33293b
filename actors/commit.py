"""Commits what an actor wrote, and lets out what depended on it.

Promise:
    All writes between two suspensions are one transaction. Nothing the actor emits leaves
    before the writes it could know of are durable. A commit that fails breaks the actor:
    memory that the disk does not know is thrown away.
Assumes:
    ``ActorDatabase.commit`` returns when the transaction is durable.
Rules for editing this file:
    Between ``commit`` and ``output.open`` nothing may run user code. The alarm index moves
    earlier before the commit and later after it, never the other way round.
Considered and refused:
    A commit at the end of each turn: turns of one actor that run in the same iteration of the
    loop would each pay an fsync. They share one instead (PERFORMANCE.md section 3: five times
    the writes of one actor with 32 callers), and still each turn is in it whole.
    A commit in a thread: the engine to come has one log for all actors.
"""

import asyncio
import contextvars
from collections.abc import Callable
from typing import Protocol

from ..storage.engine import ActorDatabase
from ..storage.errors import PerdureError
from ..storage.metadata import Metadata
from .gates import OutputGate
from .ids import DurableObjectId


class AlarmIndex(Protocol):
    """Where the host finds which actors have an alarm, without opening them."""

    def before_commit(self, actor_id: DurableObjectId, time_ms: int | None) -> None:
        """The actor's row is about to be ``time_ms``: be no later, durably, when this returns."""
        ...

    def after_commit(self, actor_id: DurableObjectId, time_ms: int | None) -> None:
        """The actor's row is ``time_ms``, durably."""
        ...


class Committer:
    """One actor's commits.

    Attributes:
        output: The actor's output gate.
        alarm_changed: The open transaction changes the alarm's row.
    """

    __slots__ = (
        "_actor_id",
        "_alarms",
        "_context",
        "_database",
        "_is_due",
        "_loop",
        "_metadata",
        "_on_failure",
        "alarm_changed",
        "output",
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
        self.alarm_changed = False
        self.output = OutputGate(self.is_dirty)
        database.on_begin = self.schedule

    def is_dirty(self) -> bool:
        """Something was written that is not durable yet, or never will be."""
        return self._database.has_writes or self._database.failure is not None

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
        """Make everything written so far durable, and let out what waited for it.

        On failure the actor is broken, nothing leaves, and this returns.
        """
        if self.output.broken:
            return
        if self._database.failure is not None:
            self._on_failure(self._database.failure)
            return
        alarm_changed, self.alarm_changed = self.alarm_changed, False
        try:
            time_ms = self._metadata.get_alarm_ms() if alarm_changed else None
            if alarm_changed:
                self._alarms.before_commit(self._actor_id, time_ms)
            self._database.commit()
            if alarm_changed:
                self._alarms.after_commit(self._actor_id, time_ms)
        except PerdureError as error:
            self._on_failure(error)
            return
        self.output.open()
