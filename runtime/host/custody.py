"""Actors' databases in other hands than their actors': who may have which one open, and when.

*Promise*: at any moment there is one open ``ActorDatabase`` for an actor at most, whether its
actor uses it, or the operator, or both. While an actor is held back no event reaches it; those
that came meanwhile are delivered when it is let go, in their order.
*Assumes*: one thread. Who has borrowed a database leaves no transaction open at an await.
*Rules for editing*: what an actor adopts is the very object that was lent, so that a copy that
is under way goes on.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from ...storage.engine import ActorDatabase
from .operations.errors import ActorBusy

Key = tuple[str, bytes]  # unique key of the namespace, raw id


class Live(Protocol):
    """Where live actors' databases are found: the host."""

    def find_database(self, unique_key: str, raw_id: bytes) -> ActorDatabase | None: ...

    def open_database(self, unique_key: str, raw_id: bytes) -> ActorDatabase: ...


@dataclass(slots=True)
class _Loan:
    database: ActorDatabase
    borrowers: int = 0


class Custody:
    """Lends databases, and holds actors back."""

    __slots__ = ("_held", "_live", "_loans")

    def __init__(self, live: Live) -> None:
        self._live = live
        self._loans: dict[Key, _Loan] = {}
        self._held: dict[Key, deque[Callable[[], None]]] = {}

    @contextmanager
    def borrow(self, unique_key: str, raw_id: bytes) -> Iterator[ActorDatabase]:
        """Lend the database of an actor, live or not; it may be closed when its actor breaks.

        Raises:
            ActorBusy: It is held back.
        """
        self._check_free((unique_key, raw_id))
        live = self._live.find_database(unique_key, raw_id)
        if live is not None:
            yield live
            return
        key = (unique_key, raw_id)
        loan = self._loans.get(key)
        if loan is None:
            loan = self._loans[key] = _Loan(self._live.open_database(unique_key, raw_id))
        loan.borrowers += 1
        try:
            yield loan.database
        finally:
            loan.borrowers -= 1
            if not loan.borrowers and self._loans.get(key) is loan:
                del self._loans[key]
                loan.database.close()

    def adopt(self, unique_key: str, raw_id: bytes) -> ActorDatabase | None:
        """Return the database that an actor that starts now takes over, if one is lent."""
        loan = self._loans.pop((unique_key, raw_id), None)
        if loan is None:
            return None
        if loan.database.failure is not None:  # it is closed: the actor needs a fresh one
            return None
        return loan.database

    @contextmanager
    def hold_back(self, unique_key: str, raw_id: bytes) -> Iterator[None]:
        """Let no event reach an actor, which is not live; what is lent of it is closed.

        Raises:
            ActorBusy: Somebody else holds it back.
        """
        key = (unique_key, raw_id)
        self._check_free(key)
        held = self._held[key] = deque()
        loan = self._loans.pop(key, None)
        if loan is not None:
            loan.database.close()
        try:
            yield
        finally:
            del self._held[key]
            for deliver in held:
                deliver()

    def find_held(self, unique_key: str, raw_id: bytes) -> deque[Callable[[], None]] | None:
        """Return the deliveries that wait for an actor that is held back; None if it is not."""
        return self._held.get((unique_key, raw_id))

    def _check_free(self, key: Key) -> None:
        if key in self._held:
            raise ActorBusy("Another operation is replacing this actor's data", "Try it later")
