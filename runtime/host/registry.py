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
import logging
from collections.abc import Awaitable, Callable, Coroutine
from copy import copy
from typing import Any, Protocol, TypeVar

from ...actors.actor import Actor, Handlers, Surroundings
from ...actors.events import AlarmEvent, Delivered, OnReply
from ...actors.hibernated_socket import HibernatedSocket
from ...actors.ids import DurableObjectId
from ...actors.lifecycle import LifeStage
from ...actors.link import KeptSocket, SocketLink
from ...actors.rpc import encode_error
from ...actors.watch import watch
from ...storage.bookmark import Bookmark
from ...storage.engine import ActorDatabase
from ...storage.errors import StorageError
from ...storage.marks import Marks
from ...storage.metadata import Metadata
from .custody import Custody
from .hibernation import HibernatedActors, Waker
from .quarantine import quarantined
from .statistics import LifeCounts, NamespaceStatistics

log = logging.getLogger("perdure.host")
T = TypeVar("T")


class Restores(Protocol):
    """Where the actors' databases come from."""

    async def restore(self, unique_key: str, actor_id: bytes, bookmark: Bookmark) -> Bookmark:
        """Set an actor, whose database is closed, to another state; return how to undo that."""
        ...


class Host(Surroundings, Protocol):
    """What all namespaces share: is ``ActorHost``.

    Attributes:
        custody: Where databases come from.
        closed_because: The failure that events get once there are no more actors, as it travels.
    """

    custody: Custody
    marks: Marks
    closed_because: bytes | None

    @property
    def databases(self) -> Restores: ...

    def call(self, action: Callable[[], None]) -> None: ...

    def start_task(self, work: Coroutine[Any, Any, None]) -> None: ...

    def started(self, actor: Actor) -> None: ...


class ActorRegistry:
    """The live actors of one namespace. Is the ``ActorChannel`` that leads to them.

    Attributes:
        live: By the raw id.
        hibernated: Likewise, of actors that are not in memory and whose sockets are open.
    """

    def __init__(self, host: Host, unique_key: str, construct: Callable[[Actor], Handlers]) -> None:
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

    def adopt(
        self, kept: KeptSocket, link: SocketLink, auto_response: tuple[str, str] | None
    ) -> None:
        """Have a socket again that an earlier process of these actors had, on ``link`` now."""
        actor_id = DurableObjectId(self._unique_key, kept.raw_id, kept.name)
        socket = HibernatedSocket(
            kept.session_id,
            kept.tags,
            kept.attachment,
            link,
            Waker(self.hibernated, actor_id),
            is_closing=False,
        )
        actor = self.live.get(kept.raw_id)
        if actor is None:
            self.hibernated.adopt(actor_id, socket, auto_response)
        else:
            actor.adopt(socket)

    def gone(self, actor: Actor) -> None:
        """``actor`` takes no more events."""
        del self.live[actor.id.raw]
        is_reset = actor.stage is not LifeStage.EVICTED
        if watch.tell is not None:
            fields = {} if is_reset else {"sockets": len(actor.sessions)}
            watch.tell("actor.reset" if is_reset else "actor.evicted", actor.id, fields)
        if is_reset:
            self.counts.reset += 1
            return
        self.counts.evicted += 1
        if actor.sessions:
            self.counts.hibernated += 1
            self.hibernated.add(actor)

    def statistics(self) -> NamespaceStatistics:
        unanswered = sum(len(actor.replies_due) for actor in self.live.values())
        held = sum(actor.turns_held for actor in self.live.values())
        slept = len(self.hibernated)
        return NamespaceStatistics(len(self.live), slept, unanswered, held, copy(self.counts))

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
