"""Actors' databases in other hands than their actors': who may have which one open, and when.

*Promise*: at any moment there is one open ``ActorDatabase`` for an actor at most, whether its
actor uses it, or the operator, or both.
*Assumes*: one thread. Who has borrowed a database leaves no transaction open at an await.
*Rules for editing*: what an actor takes over is the very object that was lent, so that a copy
that is under way goes on.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ...actors.actor import Actor
from ...actors.clock import Clock
from ...actors.errors import ActorReset
from ...actors.ids import DurableObjectId
from ...actors.session import SERVICE_RESTART
from ...storage.engine import ActorDatabase
from ...storage.limits import StorageLimits
from .hibernation import HibernatedActors
from .operations.errors import ActorBusy

T = TypeVar("T")
Key = tuple[str, bytes]  # unique key of the namespace, raw id


class Databases(Protocol):
    """Where databases come from."""

    def database(
        self,
        unique_key: str,
        actor_id: bytes,
        limits: StorageLimits | None = None,
        *,
        monotonic: Callable[[], float] | None = None,
    ) -> ActorDatabase: ...


class Served(Protocol):
    """The actors of a namespace that has a program."""

    @property
    def live(self) -> Mapping[bytes, Actor]: ...

    def is_held(self, raw_id: bytes) -> bool: ...

    @property
    def hibernated(self) -> HibernatedActors: ...

    async def without(
        self, actor_id: DurableObjectId, reason: BaseException, work: Callable[[], Awaitable[T]]
    ) -> T: ...


class Live(Protocol):
    """The host of the live actors."""

    @property
    def namespaces(self) -> Mapping[str, Served]: ...

    @property
    def databases(self) -> Databases: ...

    @property
    def storage_limits(self) -> StorageLimits: ...

    @property
    def clock(self) -> Clock: ...


@dataclass(slots=True)
class _Loan:
    database: ActorDatabase
    borrowers: int = 0


class Custody:
    """Hands out databases: to their actors, and to the operator."""

    __slots__ = ("_live", "_loans", "_replaced")

    def __init__(self, live: Live) -> None:
        self._live = live
        self._loans: dict[Key, _Loan] = {}
        self._replaced: set[Key] = set()  # of namespaces that have no program

    # For actors.

    def take(self, unique_key: str, raw_id: bytes) -> ActorDatabase:
        """Return the database of an actor that starts: the one that is lent, if it is."""
        loan = self._loans.pop((unique_key, raw_id), None)
        if loan is not None and loan.database.failure is None:
            return loan.database
        return self._open(unique_key, raw_id)

    def recall(self, unique_key: str, raw_id: bytes) -> None:
        """Close what is lent: the file is about to be another one."""
        loan = self._loans.pop((unique_key, raw_id), None)
        if loan is not None:
            loan.database.close()

    # For the operator.

    def find_actor(self, unique_key: str, raw_id: bytes) -> Actor | None:
        """Return the live actor of an id, or None."""
        served = self._live.namespaces.get(unique_key)
        return None if served is None else served.live.get(raw_id)

    def live_names(self, unique_key: str) -> list[str]:
        """Return the names of a namespace's live actors, as far as they are known."""
        served = self._live.namespaces.get(unique_key)
        actors = [] if served is None else list(served.live.values())
        return [actor.id.name for actor in actors if actor.id.name is not None]

    @contextmanager
    def borrow(self, unique_key: str, raw_id: bytes) -> Iterator[ActorDatabase]:
        """Lend the database of an actor, live or not; it may be closed when its actor breaks.

        Raises:
            ActorBusy: Its file is being replaced.
        """
        key = (unique_key, raw_id)
        if self._is_being_replaced(key):
            raise ActorBusy("This object's data is being replaced", "Try it again in a moment")
        live = self.find_actor(unique_key, raw_id)
        if live is not None:
            yield live.database
            return
        loan = self._loans.get(key)
        if loan is None:
            loan = self._loans[key] = _Loan(self._open(unique_key, raw_id))
        loan.borrowers += 1
        try:
            yield loan.database
        finally:
            loan.borrowers -= 1
            if not loan.borrowers and self._loans.get(key) is loan:
                del self._loans[key]
                loan.database.close()

    async def without(
        self, actor_id: DurableObjectId, reason: str, work: Callable[[], Awaitable[T]]
    ) -> T:
        """Await ``work()`` while nobody has an actor's database open; events wait meanwhile.

        An actor that is live is ended first, its sockets with 1012; the next event starts it anew.

        Raises:
            ActorBusy: Its file is being replaced already.
        """
        key = (actor_id.unique_key, actor_id.raw)
        served = self._live.namespaces.get(actor_id.unique_key)
        if served is not None:
            actor = self.find_actor(*key)
            if actor is not None:
                actor.sessions.sever(reason, SERVICE_RESTART)
            served.hibernated.sever(actor_id.raw, SERVICE_RESTART, reason)
            return await served.without(actor_id, ActorReset(reason), work)
        if key in self._replaced:
            raise ActorBusy("This object's data is being replaced", "Try it again in a moment")
        self._replaced.add(key)
        self.recall(*key)
        try:
            return await work()
        finally:
            self._replaced.discard(key)

    def _is_being_replaced(self, key: Key) -> bool:
        served = self._live.namespaces.get(key[0])
        return key in self._replaced or (served is not None and served.is_held(key[1]))

    def _open(self, unique_key: str, raw_id: bytes) -> ActorDatabase:
        live = self._live
        return live.databases.database(
            unique_key, raw_id, live.storage_limits, monotonic=live.clock.monotonic
        )
