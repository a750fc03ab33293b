"""What all actors of a process share: who delivers to them, who evicts them, how all end."""

import asyncio
import contextvars
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from copy import copy
from typing import Any, Protocol

from ...actors.actor import Actor, Handlers
from ...actors.channel import Outbound
from ...actors.clock import Clock, Timer
from ...actors.commit import AlarmIndex
from ...actors.hibernated_socket import HibernatedSocket
from ...actors.lifecycle import GONE
from ...actors.limits import ActorLimits
from ...actors.past import Past
from ...actors.rpc import encode_error
from ...actors.watch import watch
from ...storage.bookmark import Bookmark
from ...storage.engine import ActorDatabase
from ...storage.errors import DatabaseFailed, StorageBroken, StorageError
from ...storage.limits import StorageLimits
from ...storage.marks import Marks
from .custody import Custody
from .hibernation import Waker
from .quarantine import quarantine_mark, quarantined
from .registry import ActorRegistry
from .statistics import HostStatistics

log = logging.getLogger("perdure.host")

# Calls from actor to actor run within the caller's turn, so that most need no turn of the loop;
# so deep and no deeper, else a chain of calls would exhaust the stack.
NESTED_CALLS_MAX = 12
# And every so many a call goes through the loop, else code that calls in a loop would keep the
# sockets from being read for as long as it likes.
CALLS_IN_A_ROW_MAX = 128
SWEEP_INTERVAL_S = 1.0


class Databases(Protocol):
    """Where the actors' databases come from."""

    def database(
        self,
        unique_key: str,
        actor_id: bytes,
        limits: StorageLimits | None = None,
        *,
        monotonic: Callable[[], float] | None = None,
    ) -> ActorDatabase: ...

    async def restore(self, unique_key: str, actor_id: bytes, bookmark: Bookmark) -> Bookmark:
        """Set an actor, whose database is closed, to another state; return how to undo that."""
        ...

    def settle(self) -> None:
        """Hold the thread until all that was committed is durable, and tell who waits for it."""
        ...


class ActorHost:
    """What all namespaces of a process share. Is the ``Surroundings`` of their actors.

    Attributes:
        namespaces: By their unique keys.
        custody: Where their databases come from; the operator may have some in his hands.
        closed_because: The failure that events get once this is closed, as it travels.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        outbound: Outbound,
        clock: Clock,
        alarms: AlarmIndex,
        databases: Databases,
        marks: Marks,
        past: Past,
        *,
        limits: ActorLimits,
        storage_limits: StorageLimits,
        idle_timeout_s: float,
    ) -> None:
        self.loop = loop
        self.outbound = outbound
        self.clock = clock
        self.alarms = alarms
        self.databases = databases
        self.marks = marks
        self.past = past
        self.limits = limits
        self.storage_limits = storage_limits
        self.idle_timeout_s = idle_timeout_s
        self.namespaces: dict[str, ActorRegistry] = {}
        self.custody = Custody(self)
        self._live: dict[Actor, None] = {}
        # By the second in which it is looked whether they are idle.
        self._watched: dict[int, list[Actor]] = {}
        self._sweeper: Timer | None = None
        self._nested = 0
        self._delivered = 0
        self._deferred: deque[Callable[[], None]] = deque()
        self._drain_is_due = False
        self._context = contextvars.Context()
        self._tasks: set[asyncio.Task[None]] = set()
        self.closed_because: bytes | None = None

    def add_namespace(
        self, unique_key: str, construct: Callable[[Actor], Handlers]
    ) -> ActorRegistry:
        """Serve the actors of ``unique_key``; ``construct`` makes their instances."""
        registry = ActorRegistry(self, unique_key, construct)
        self.namespaces[unique_key] = registry
        return registry

    # Delivery.

    def call(self, action: Callable[[], None]) -> None:
        """Run ``action`` now, or after those put off earlier, when the stack is too deep."""
        self._delivered += 1
        if (
            self._deferred
            or self._nested >= NESTED_CALLS_MAX
            or self._delivered > CALLS_IN_A_ROW_MAX
        ):
            self._deferred.append(action)
            self._drain_later()
            return
        self._nested += 1
        try:
            action()
        finally:
            self._nested -= 1

    def start_task(self, work: Coroutine[Any, Any, None]) -> None:
        """Run work of the host's own, whichever actor's turn this is."""
        task = self._context.run(asyncio.Task, work, loop=self.loop)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _drain_later(self) -> None:
        if not self._drain_is_due:
            self._drain_is_due = True
            self.loop.call_soon(self._drain, context=self._context)

    def _drain(self) -> None:
        self._drain_is_due = False
        self._delivered = 0
        for _ in range(len(self._deferred)):
            action = self._deferred.popleft()
            self._nested += 1
            try:
                action()
            finally:
                self._nested -= 1
        if self._deferred:
            self._drain_later()

    # What actors tell.

    def started(self, actor: Actor) -> None:
        self.namespaces[actor.id.unique_key].counts.started += 1
        if watch.tell is not None:
            watch.tell("actor.started", actor.id, {})
        self._live[actor] = None
        self._look_later(actor, self.clock.monotonic())
        if self._sweeper is None:
            self._sweeper = self.clock.call_later(SWEEP_INTERVAL_S, self._sweep)

    def gone(self, actor: Actor) -> None:
        del self._live[actor]
        self.namespaces[actor.id.unique_key].gone(actor)

    def waker(self, actor: Actor) -> Callable[[HibernatedSocket], None]:
        return Waker(self.namespaces[actor.id.unique_key].hibernated, actor.id)

    def quarantine(self, actor: Actor, failure: DatabaseFailed) -> Exception:
        """Serve no more events of an actor whose file is damaged, in this process and later."""
        data = quarantine_mark(actor.id.name, self.clock.time_ms(), failure)
        error = quarantined(actor.id.unique_key, actor.id.raw, data)
        try:
            self.marks.set("quarantine", actor.id.unique_key, actor.id.raw, data)
        except StorageError as unsaved:  # the next event meets the damage again
            error.add_note(f"It could not be recorded: {unsaved}")
        log.error("actor.quarantined", extra={"actor": str(actor.id), "cause": str(failure)})
        return error

    def _look_later(self, actor: Actor, since_s: float) -> None:
        due = int(since_s + self.idle_timeout_s) + 1
        self._watched.setdefault(due, []).append(actor)

    def _sweep(self) -> None:
        """Evict actors that have been idle for long enough."""
        now = self.clock.monotonic()
        for second in [second for second in self._watched if second <= now]:
            for actor in self._watched.pop(second):
                if actor.stage in GONE:
                    continue
                if now - actor.ran_s < self.idle_timeout_s:
                    self._look_later(actor, actor.ran_s)
                elif actor.is_idle:
                    actor.evict()
                else:  # holds sockets or tasks: looked at again after another idle time
                    self._look_later(actor, now)
        timer = self.clock.call_later(SWEEP_INTERVAL_S, self._sweep) if self._watched else None
        self._sweeper = timer

    # The whole.

    def statistics(self) -> HostStatistics:
        actors = list(self._live)
        hibernated = [registry.hibernated for registry in self.namespaces.values()]
        return HostStatistics(
            actors_live=len(actors),
            actors_started=sum(names.counts.started for names in self.namespaces.values()),
            actors_evicted=sum(names.counts.evicted for names in self.namespaces.values()),
            sessions=sum(len(actor.sessions) for actor in actors)
            + sum(slept.sessions_count for slept in hibernated),
            actors_hibernated=sum(map(len, hibernated)),
            namespaces={key: names.statistics() for key, names in self.namespaces.items()},
        )

    def sever_sessions(self, code: int, reason: str) -> None:
        """Close every WebSocket that actors hold; they get no event."""
        for actor in list(self._live):
            actor.sessions.sever(reason, code)
        for registry in self.namespaces.values():
            registry.hibernated.sever_all(code, reason)

    @property
    def is_busy(self) -> bool:
        """Some actor is handling an event, or has more to do, or something is not durable."""
        return any(
            actor.replies_due or actor.is_at_work or actor.committer.is_dirty()
            for actor in self._live
        )

    @property
    def work_count(self) -> int:
        """How many handlers are under way."""
        return sum(actor.work_count for actor in self._live)

    def storage_broke(self, failure: StorageBroken) -> None:
        """Nothing can be made durable any more: break every actor, and serve no event again."""
        self.closed_because = encode_error(failure)
        log.critical("storage.broken", extra={"cause": str(failure)})
        for actor in list(self._live):
            actor.break_(copy(failure))

    def settle(self) -> None:
        """Have everything durable that was written, and let out what waited for that."""
        for actor in list(self._live):
            if not actor.database.is_explicit:
                actor.committer.commit()
        self.databases.settle()

    def close(self, reason: BaseException) -> None:
        """Commit what is written, and let every actor go; what still waits gets ``reason``.

        So does what comes later: calls that a commit lets out, or that were put off.
        """
        self.closed_because = encode_error(reason)
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        self.settle()
        for actor in list(self._live):
            if actor.stage in GONE:  # its commit has failed
                continue
            if actor.is_idle:
                actor.evict()
            else:
                actor.break_(reason, is_reset=False)
