"""The live actors of this process: one for each id, whatever arrives at the same time.

Promise:
    At most one live ``Actor`` for each id. Events of one sender to one actor arrive in the order
    in which they were sent.
Assumes:
    One thread; every namespace has one registry.
Rules for editing this file:
    An actor leaves ``live`` in ``gone`` and nowhere else, before anything else happens to it.
"""

import asyncio
import contextlib
import contextvars
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from copy import copy
from functools import partial
from typing import Any, Protocol, TypeVar

from ...actors.actor import Actor, Handlers
from ...actors.channel import Outbound
from ...actors.clock import Clock, Timer
from ...actors.commit import AlarmIndex
from ...actors.events import AlarmEvent, Delivered, OnReply
from ...actors.hibernated_socket import HibernatedSocket
from ...actors.ids import DurableObjectId
from ...actors.lifecycle import GONE, LifeStage
from ...actors.limits import ActorLimits
from ...actors.past import Past
from ...actors.rpc import encode_error
from ...storage.bookmark import Bookmark
from ...storage.engine import ActorDatabase
from ...storage.errors import DatabaseFailed, StorageBroken, StorageError
from ...storage.limits import StorageLimits
from ...storage.marks import Marks
from ...storage.metadata import Metadata
from .custody import Custody
from .hibernation import HibernatedActors
from .quarantine import quarantine_mark, quarantined
from .statistics import HostStatistics, LifeCounts, NamespaceStatistics

log = logging.getLogger("perdure.host")
T = TypeVar("T")

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
    ) -> "ActorRegistry":
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
        self._live[actor] = None
        self._look_later(actor, self.clock.monotonic())
        if self._sweeper is None:
            self._sweeper = self.clock.call_later(SWEEP_INTERVAL_S, self._sweep)

    def gone(self, actor: Actor) -> None:
        del self._live[actor]
        self.namespaces[actor.id.unique_key].gone(actor)

    def waker(self, actor: Actor) -> Callable[[HibernatedSocket], None]:
        return partial(self.namespaces[actor.id.unique_key].hibernated.wake, actor.id)

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


class ActorRegistry:
    """The live actors of one namespace. Is the ``ActorChannel`` that leads to them.

    Attributes:
        live: By the raw id.
        hibernated: Likewise, of actors that are not in memory and whose sockets are open.
    """

    def __init__(
        self, host: ActorHost, unique_key: str, construct: Callable[[Actor], Handlers]
    ) -> None:
        self._host = host
        self._unique_key = unique_key
        self._construct = construct
        self.live: dict[bytes, Actor] = {}
        self.hibernated = HibernatedActors(self.deliver)
        self.counts = LifeCounts()
        # While an actor's file changes: the events that have come for it, and when it is done.
        self._held: dict[bytes, list[_Delivery]] = {}
        self._held_work: dict[bytes, asyncio.Future[None]] = {}

    def deliver(self, actor_id: DurableObjectId, event: Delivered, on_reply: OnReply) -> None:
        self._host.call(_Delivery(self, actor_id, event, on_reply))

    def deliver_now(self, actor_id: DurableObjectId, event: Delivered, on_reply: OnReply) -> None:
        actor = self.live.get(actor_id.raw)
        if actor is None:
            failure = self._why_not(actor_id)
            if failure is not None:
                on_reply(None, failure)
                return
            if self._must_wait(actor_id):
                self._held[actor_id.raw].append(_Delivery(self, actor_id, event, on_reply))
                return
            actor = self._start(actor_id, event)
        actor.deliver(event, on_reply)

    def gone(self, actor: Actor) -> None:
        """``actor`` takes no more events."""
        del self.live[actor.id.raw]
        if actor.stage is not LifeStage.EVICTED:
            self.counts.reset += 1
            return
        self.counts.evicted += 1
        if actor.sessions:
            self.counts.hibernated += 1
            self.hibernated.add(actor)

    def statistics(self) -> NamespaceStatistics:
        unanswered = sum(len(actor.replies_due) for actor in self.live.values())
        counts = copy(self.counts)
        return NamespaceStatistics(len(self.live), len(self.hibernated), unanswered, counts)

    def _why_not(self, actor_id: DurableObjectId) -> bytes | None:
        """Return the failure of every event for this actor, if it may not be started."""
        host = self._host
        if host.closed_because is not None:
            return host.closed_because
        mark = host.marks.get("quarantine", self._unique_key, actor_id.raw)
        if mark is not None and actor_id.raw not in self._held:
            return encode_error(quarantined(self._unique_key, actor_id.raw, mark))
        return None

    # Files that change while nobody is there.

    async def without(
        self, actor_id: DurableObjectId, reason: BaseException, work: Callable[[], Awaitable[T]]
    ) -> T:
        """Await ``work()`` while there is no instance of an actor, and its database is closed.

        An instance that is there is ended with ``reason``. Events wait; then they start a new one.
        """
        raw = actor_id.raw
        while raw in self._held:
            await asyncio.shield(self._held_work[raw])
        self._held[raw] = []
        self._host.custody.recall(self._unique_key, raw)
        done = self._held_work[raw] = self._host.loop.create_future()
        actor = self.live.get(raw)
        if actor is not None:
            if not actor.database.is_explicit:  # what is in a transaction goes with the instance
                actor.committer.commit()
            actor.break_(reason)
        try:
            return await work()
        finally:
            del self._held_work[raw]
            done.set_result(None)
            for delivery in self._held.pop(raw):
                self._host.call(delivery)

    def is_held(self, raw_id: bytes) -> bool:
        """Say whether an actor's file is being changed, so that nobody may open it."""
        return raw_id in self._held

    def _must_wait(self, actor_id: DurableObjectId) -> bool:
        """Say whether events for this actor wait; begin to restore it if that was asked for."""
        if actor_id.raw in self._held:
            return True
        mark = self._host.marks.get("restore", self._unique_key, actor_id.raw)
        if mark is None:
            return False
        bookmark = Bookmark.parse(str(mark["bookmark"]))
        self._held[actor_id.raw] = []
        self._host.custody.recall(self._unique_key, actor_id.raw)
        self._held_work[actor_id.raw] = self._host.loop.create_future()
        self._host.start_task(self._restore(actor_id, bookmark))
        return True

    async def _restore(self, actor_id: DurableObjectId, bookmark: Bookmark) -> None:
        raw = actor_id.raw
        failure: bytes | None = None
        try:
            undo = await self._host.databases.restore(self._unique_key, raw, bookmark)
        except Exception as error:  # it is what everybody who waits gets
            failure = encode_error(error)
            extra = {"actor": str(actor_id), "bookmark": str(bookmark), "cause": str(error)}
            log.exception("actor.not_restored", extra=extra)
        else:
            extra = {"actor": str(actor_id), "bookmark": str(bookmark), "undo": str(undo)}
            log.info("actor.restored", extra=extra)
        self._held_work.pop(raw).set_result(None)
        for delivery in self._held.pop(raw):
            if failure is None:
                self._host.call(delivery)
            else:
                delivery.on_reply(None, failure)

    def _start(self, actor_id: DurableObjectId, event: Delivered) -> Actor:
        host = self._host
        database = host.custody.take(self._unique_key, actor_id.raw)
        if actor_id.name is None and isinstance(event, AlarmEvent):
            actor_id = _with_name(actor_id, database)
        actor_id, sessions = self.hibernated.take(actor_id)
        actor = Actor(actor_id, self._construct, database, host, sessions)
        self.live[actor_id.raw] = actor
        host.started(actor)
        return actor


class _Delivery:
    """A delivery as a callable; cheaper than a closure over four names, and it shows in traces."""

    __slots__ = ("_actor_id", "_event", "_registry", "on_reply")

    def __init__(
        self, registry: ActorRegistry, actor_id: DurableObjectId, event: Any, on_reply: OnReply
    ) -> None:
        self._registry = registry
        self._actor_id = actor_id
        self._event = event
        self.on_reply = on_reply

    def __call__(self) -> None:
        self._registry.deliver_now(self._actor_id, self._event, self.on_reply)


def _with_name(actor_id: DurableObjectId, database: ActorDatabase) -> DurableObjectId:
    """Return the id with the name that the actor's own file knows: an alarm may know the id only.

    Its row has to be read anyway, and nobody who calls by name has made this actor.
    """
    with contextlib.suppress(StorageError):  # the actor meets that by itself
        name = Metadata(database).get_name()
        return DurableObjectId(actor_id.unique_key, actor_id.raw, name)
    return actor_id
