"""The data directory as an operation finds it, and whom it tells of its progress."""

import asyncio
from asyncio import FIRST_COMPLETED
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ....actors.clock import Clock
from ....storage.engine import ActorDatabase
from ....storage.errors import StorageBroken
from ....storage.layout import Layout
from ....storage.store import Store
from ...observe.stream import Reader
from ..actor_host import ActorHost
from .errors import ActorBusy
from .finding import Finding

# So long is waited for an actor that is in the middle of something, and so often looked.
QUIET_WAIT_S = 10.0
QUIET_LOOK_S = 0.005

Values = dict[
    str, Any
]  # what travels: str, int, float, bool, bytes, None, lists and dicts of these


class AlarmTimes(Protocol):
    """When which actor is to be woken."""

    def get(self, unique_key: str, actor_id: bytes) -> int | None: ...

    def copy_to(self, path: Path) -> None:
        """Save what is saved of them at ``path``; in any thread."""
        ...


class Told(Protocol):
    """Whoever asked for an operation."""

    async def progress(self, what: str, done: int, total: int | None) -> None:
        """So much of ``what`` is done; ``total`` None says that nobody knows of how much."""
        ...

    async def item(self, item: Values) -> None:
        """One of the things that were asked for; waits while the other side reads slowly."""
        ...


def _all_of_them(unique_key: str, raw_id: bytes) -> bool:
    del unique_key, raw_id
    return True


@dataclass(frozen=True, slots=True)
class House:
    """A data directory and its actors, or those of its actors that one of several workers has.

    Attributes:
        layout: Where things lie; the directory is locked, by this process or its supervisor.
        store: Its actors' databases.
        host: Its live actors; of a directory that is not served, a host without any.
        times: Its alarms.
        clock: Of the house.
        is_serving: A server runs it, whose loop must not be held up.
        bindings: Name of a binding to the unique key of its namespace.
        failed: Done when nothing can be made durable any more.
        readers: Who reads along what happens here; they end with the server.
        no_backup: Held while an actor's file is replaced, and by a backup, which must not see half
            of that.
        looks: What ``doctor`` looks at besides what it knows itself; each in a thread.
        owns: Says, of a namespace's unique key and an actor's id, whether the actor is this
            process's; none but those are looked at.
    """

    layout: Layout
    store: Store
    host: ActorHost
    times: AlarmTimes
    clock: Clock
    is_serving: bool
    bindings: Mapping[str, str]
    failed: "asyncio.Future[StorageBroken]"
    readers: set[Reader] = field(default_factory=set)
    no_backup: asyncio.Lock = field(default_factory=asyncio.Lock)
    looks: Sequence[Callable[[], Finding]] = ()
    owns: Callable[[str, bytes], bool] = _all_of_them

    def end_readers(self) -> None:
        """Tell those who read along that nothing more happens here."""
        for reader in list(self.readers):
            reader.end()

    async def durable(self, database: ActorDatabase) -> None:
        """Wait until all that was committed to ``database`` is durable.

        Raises:
            StorageBroken: It never will be.
        """
        done = asyncio.get_running_loop().create_future()

        def tell() -> None:
            if not done.done():
                done.set_result(None)

        database.durability.when_durable(tell)
        await asyncio.wait({done, self.failed}, return_when=FIRST_COMPLETED)
        if not done.done():
            raise self.failed.result()

    async def quiet(self, unique_key: str, raw_id: bytes) -> None:
        """Wait until a live actor is in no transaction and no critical section of its own.

        Raises:
            ActorBusy: It still is after ``QUIET_WAIT_S``.
        """
        deadline = self.clock.monotonic() + QUIET_WAIT_S
        while (actor := self.host.custody.find_actor(unique_key, raw_id)) is not None:
            if not actor.database.is_explicit and actor.gate is actor.root:
                return
            if self.clock.monotonic() > deadline:
                problem = "The actor is inside a transaction, or keeps other events out"
                raise ActorBusy(f"{problem}, and has been for {QUIET_WAIT_S:g} s", "Try it later")
            await asyncio.sleep(QUIET_LOOK_S)

    async def commit(self, unique_key: str, raw_id: bytes, database: ActorDatabase) -> None:
        """Commit what was written to a borrowed database, and wait until it is durable.

        Raises:
            StorageError: It could not be committed, or will not be durable.
        """
        actor = self.host.custody.find_actor(unique_key, raw_id)
        if actor is not None:
            actor.committer.commit()  # with what the actor itself has written in this iteration
            if database.failure is not None:
                raise copy(database.failure)
        else:
            database.commit()
        await self.durable(database)
