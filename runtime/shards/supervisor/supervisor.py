"""The parent of all processes: keeps the wanted ones, joins them, and ends them.

A composition root says what runs (``Program``), which places there are, what each process gets
(``Settings``) and what must be done before a dead worker's successor serves; what the processes
do is theirs.

*Promise*: nobody else than this starts or ends a child; each is reaped. When this process dies,
however it does, so do they (inheritance.py).
*Assumes*: it runs on one event loop, on a thread that lives as long as it does.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence

from .all_together import all_together
from .child import Child
from .errors import SupervisorStopping
from .joining import Joining
from .keeper import Keeper, Settings, SettingsOf, nothing_to_do
from .limits import SupervisionLimits
from .places import Identity, Place, Role
from .process import Program
from .relays import Relays, Succession
from .spares import Spares
from .states import JOINED, ChildState
from .statistics import ProcessStatistics, SupervisorStatistics
from .whole_set import SetChange

log = logging.getLogger("perdure.supervisor")

# What workers get at least when routers have used up the time for draining.
WORKERS_DRAIN_S = 1.0
_ROLES = list(Role)


async def _nothing_to_do(slot: str) -> None:
    """Nobody has anything to do before a worker's successor serves."""


def _ignore(identity: Identity, data: bytes) -> None:
    """Nobody listens to what programs say."""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Supervisor:
    """All processes of a server. Is a child's ``Listener`` and a keeper's ``Crew``.

    Args:
        programs: What processes of each role run.
        settings: Gives what a process gets when it is told what to be; asked anew each time.
        before_takeover: Awaited with the slot before a worker serves in a place where another
            has served, which has been reaped. Raising lets nobody serve there; it is tried again.
        on_tell: Told what programs say.
        limits: How long to wait for what.
        spare_roles: Those that have a spare process ready.
        time_ms: The time, in Unix milliseconds.
    """

    def __init__(
        self,
        programs: Mapping[Role, Program],
        settings: Callable[[Identity], Settings],
        *,
        before_takeover: Callable[[str], Awaitable[None]] = _nothing_to_do,
        on_tell: Callable[[Identity, bytes], None] = _ignore,
        limits: SupervisionLimits | None = None,
        spare_roles: Collection[Role] = frozenset({Role.WORKER}),
        time_ms: Callable[[], int] = _now_ms,
    ) -> None:
        self._programs = programs
        self._settings = settings
        self._before_takeover = before_takeover
        self._on_tell = on_tell
        self._limits = limits or SupervisionLimits()
        self._time_ms = time_ms
        self._loop = asyncio.get_running_loop()
        self._generation = 0
        self._children: list[Child] = []
        self._keepers: dict[Place, Keeper] = {}
        self._served: set[Place] = set()  # places of which a log may have been written
        self._filled: set[Place] = set()  # those where somebody has come to serve
        self._joining = Joining()
        self._relays = Relays()
        self._spares = Spares(self._launch, spare_roles, self._limits, self._loop)
        self._listeners: list[Callable[[ProcessStatistics], None]] = []
        self._one_roll_at_a_time = asyncio.Lock()
        self._changes: set[asyncio.Task[None]] = set()  # of the whole set, at most one
        self._is_stopping = False

    # --- for the composition root ---

    async def start(
        self,
        places: Iterable[Place],
        *,
        once_ready: Callable[[], Awaitable[None]] = nothing_to_do,
    ) -> None:
        """Fill ``places``: all get ready, then the workers serve, then the routers.

        Args:
            places: Those to be filled.
            once_ready: Awaited when all are ready, before any serves. What it raises ends them.

        Raises:
            ChildFailed: One cannot; none is left.
        """
        keepers = [Keeper(place, self, self._limits) for place in places]
        self._keepers.update((keeper.place, keeper) for keeper in keepers)
        try:
            ready = await all_together([keeper.prepare() for keeper in keepers])
            await once_ready()
            for role in (Role.WORKER, Role.ROUTER):
                of_role = [
                    keeper.take_over(child)
                    for keeper, child in zip(keepers, ready, strict=True)
                    if keeper.place.role is role
                ]
                await all_together(of_role)
        except BaseException:
            await self._end()
            raise
        for keeper in keepers:
            keeper.keep()

    async def add(self, place: Place) -> None:
        """Fill one more place.

        Raises:
            ChildFailed: Its process cannot serve; the place is not wanted any more.
            SupervisorStopping: Nothing is started any more.
        """
        if self._is_stopping:
            raise SupervisorStopping
        assert place not in self._keepers, "it is filled already"
        keeper = self._keepers[place] = Keeper(place, self, self._limits)
        try:
            await keeper.take_over(await keeper.prepare())
        except BaseException:
            del self._keepers[place]
            raise
        keeper.keep()

    async def remove(self, place: Place, *, drain_s: float) -> None:
        """Drain and end who serves in a place, which stays empty."""
        keeper = self._keepers[place]
        await keeper.close()
        if keeper.current is not None:
            await keeper.current.drain(drain_s)
            await keeper.current.stop()
        del self._keepers[place]

    async def replace(self, place: Place, *, drain_s: float) -> None:
        """Put a process with new code into a place: ready first, then the old one goes.

        Args:
            place: Which.
            drain_s: How long the old one has to finish what is under way.

        Raises:
            ChildFailed: The new one cannot serve. When it could not get ready, the old one goes
                on; ``why`` is what its author needs to read.
            SupervisorStopping: Nothing is replaced any more.
        """
        await self._keepers[place].replace(drain_s)

    async def replace_all(
        self,
        *,
        drain_s: float,
        role: Role = Role.WORKER,
        settings_of: SettingsOf | None = None,
        once_ready: Callable[[], Awaitable[None]] = nothing_to_do,
    ) -> int:
        """Replace all processes of a role, one after another; the first failure ends it.

        Args:
            drain_s: How long each of the old ones has to finish what is under way.
            role: Which.
            settings_of: What the new ones get, if that is not what is usual.
            once_ready: Awaited when the first new one is ready, before any old one goes. What
                it raises leaves all as they are.

        Returns:
            How many were replaced.

        Raises:
            ChildFailed: As ``replace``; those before have new code.
            SupervisorStopping: Nothing is replaced any more.
        """
        async with self._one_roll_at_a_time:
            places = [place for place in self._keepers if place.role is role]
            for place in places:
                await self._keepers[place].replace(drain_s, settings_of, once_ready)
                once_ready = nothing_to_do
            return len(places)

    async def replace_set(
        self,
        places: Sequence[Place],
        *,
        drain_s: float,
        settings_of: SettingsOf | None = None,
        between: Callable[[], Awaitable[None]] = nothing_to_do,
    ) -> None:
        """Replace all workers at once, perhaps by another number of them.

        All new ones are ready before anything else happens, then all old ones drain, and end,
        then ``between`` runs, while no worker lives and routers stay as they are, then all new
        ones serve. Who asked may go away meanwhile; it is done all the same.

        Args:
            places: Those to be filled from now on.
            drain_s: How long the old ones have to finish what is under way.
            settings_of: What the new ones get, if that is not what is usual.
            between: What it raises has the old places filled again, with what is usual.

        Raises:
            ChildFailed: A new one could not get ready, and nothing has changed; or it could not
                serve, and is tried again.
            SupervisorStopping: Nothing is replaced any more.
        """
        async with self._one_roll_at_a_time:
            if self._is_stopping:
                raise SupervisorStopping
            change = SetChange(self._keepers, [self._keeper_of(place) for place in places])
            task = self._loop.create_task(change.carry_out(drain_s, settings_of, between))
            self._changes.add(task)
            task.add_done_callback(self._changes.discard)
            await asyncio.wait({task})
            if task.cancelled():
                raise SupervisorStopping
            await task

    async def succeed_all(self, *, relay_s: float) -> Succession:
        """Let another process serve in each router's place, one after another.

        Its new clients come to that one; what becomes of those it has, the result says.

        Args:
            relay_s: How long an old router may serve the clients that it cannot hand over.

        Raises:
            ChildFailed: A new one cannot serve; that router goes on, and so do those after it.
            SupervisorStopping: Nothing is replaced any more.
        """
        total = Succession()
        async with self._one_roll_at_a_time:
            for place in [place for place in self._keepers if place.role is Role.ROUTER]:
                if place in self._keepers:
                    old, new = await self._keepers[place].succeed()
                    if old is not None:
                        total += await self._relays.begin(old, new, relay_s)
        return total

    async def drain_and_stop(self, deadline: float) -> None:
        """End all processes: no new work, what is under way finishes, everything is durable.

        Routers take nothing new, and finish what they have with workers that still serve; then
        workers drain and end, then routers end. What is left is killed. May be called again, with
        another deadline, when the first call was cancelled.

        Args:
            deadline: Until when draining may take, as the event loop's time.
        """
        self._is_stopping = True
        await self._close_keepers()
        for child in self._children:
            if child.state not in JOINED and not child.is_leaving:
                child.kill()  # it has nothing yet
        is_hurried = deadline <= self._loop.time()
        routers = [*self._serving(Role.ROUTER), *self._relays]
        workers = self._serving(Role.WORKER)
        await self._drain(routers, deadline)
        at_least = self._loop.time() + WORKERS_DRAIN_S
        await self._drain(workers, deadline if is_hurried else max(deadline, at_least))
        others = [child for child in self._children if child not in routers]
        await all_together([child.stop() for child in others])
        await all_together([child.stop() for child in routers])
        await self._end()

    def on_change(self, listener: Callable[[ProcessStatistics], None]) -> None:
        """Tell ``listener`` of each process whose state changes."""
        self._listeners.append(listener)

    def tell(self, place: Place, data: bytes) -> None:
        """Say something to the program of who serves in a place; nobody there hears nothing."""
        keeper = self._keepers.get(place)
        if keeper is not None and keeper.current is not None:
            keeper.current.tell(data)

    def tell_all(self, role: Role, data: bytes) -> None:
        """Say something to the programs of all who serve, or are seen out, with this role."""
        relays = [relay for relay in self._relays if role is Role.ROUTER and not relay.is_leaving]
        for child in [*self._serving(role), *relays]:
            child.tell(data)

    def cut_off(self, identity: Identity, why: str) -> None:
        """End a process that cannot be trusted; another follows it."""
        for child in [child for child in self._children if child.identity == identity]:
            child.cut_off(why)

    def info(self, place: Place) -> bytes:
        """Return what the program in a place said when it was ready; empty when nobody is."""
        keeper = self._keepers.get(place)
        return b"" if keeper is None or keeper.current is None else keeper.current.info

    @property
    def places(self) -> list[Place]:
        """Those that are to be filled."""
        return list(self._keepers)

    async def ask_statistics(self, timeout_s: float) -> dict[Identity, bytes | None]:
        """Return what the programs that serve say they hold; None for one that is silent."""
        asked = [*self._serving(Role.ROUTER), *self._relays, *self._serving(Role.WORKER)]
        answers = await all_together([child.ask_statistics(timeout_s) for child in asked])
        return {
            child.identity: answer
            for child, answer in zip(asked, answers, strict=True)
            if child.identity is not None
        }

    async def stack(self, pid: int) -> str | None:
        """Return the stacks of one of its processes, or why they cannot be had."""
        found = [child for child in self._children if child.pid == pid]
        return await found[0].stack() if found else None

    def statistics(self) -> SupervisorStatistics:
        """Return what is known of all processes that have not been reaped."""
        found = [self._statistics(child) for child in self._children]
        found.sort(
            key=lambda one: (
                len(_ROLES) if one.role is None else _ROLES.index(one.role),
                len(one.slot),
                one.slot,
                one.generation,
            )
        )
        failures = {
            str(place): keeper.backoff.failures
            for place, keeper in self._keepers.items()
            if keeper.backoff.failures
        }
        return SupervisorStatistics(tuple(found), failures)

    # --- for children and keepers ---

    def changed(self, child: Child) -> None:
        """Notice what becomes of a child."""
        if child.is_leaving:
            self._joining.leave(child)
        if child.state is ChildState.DEAD and child in self._children:
            self._children.remove(child)
        self._spares.changed(child)
        if child.identity is not None and child.identity.place in self._keepers:
            self._keepers[child.identity.place].changed(child)
        told = self._statistics(child)
        for listener in self._listeners:
            listener(told)

    def told(self, child: Child, data: bytes) -> None:
        """Hand on what a program says."""
        if child.identity is not None:
            self._on_tell(child.identity, data)

    def take(self, place: Place) -> Child:
        """Return a process that can be told to fill a place."""
        if self._is_stopping:
            raise SupervisorStopping
        return self._spares.take(place.role)

    def next_identity(self, place: Place) -> Identity:
        """Return who the next one in a place is."""
        self._generation += 1
        return Identity(place, self._generation)

    def settings_of(self, identity: Identity) -> Settings:
        """Return what it gets."""
        return self._settings(identity)

    async def hand_over(self, child: Child) -> None:
        """Do what must be done before it serves, and give it its links."""
        assert child.identity is not None, "it was told what to be"
        place = child.identity.place
        if place.role is Role.WORKER and place in self._served:
            await self._before_takeover(place.slot)
        self._served.add(place)
        if not child.is_leaving:
            self._joining.join(child)

    def has_served(self, child: Child) -> None:
        """It serves now; another spare process may be launched."""
        assert child.identity is not None, "it was told what to be"
        # That a server starts, its operator knows; not that somebody was replaced.
        level = logging.INFO if child.identity.place in self._filled else logging.DEBUG
        self._filled.add(child.identity.place)
        log.log(level, "child.serving", extra={"child": str(child.identity), "pid": child.pid})
        if not self._is_stopping:
            self._spares.refill()

    def _keeper_of(self, place: Place) -> Keeper:
        return self._keepers.get(place) or Keeper(place, self, self._limits)

    def _launch(self, role: Role) -> Child:
        child = Child(self._programs[role], self._limits, self, self._time_ms)
        self._children.append(child)
        return child

    def _statistics(self, child: Child) -> ProcessStatistics:
        keeper = None if child.identity is None else self._keepers.get(child.identity.place)
        return child.statistics(0 if keeper is None else keeper.restarts)

    def _serving(self, role: Role) -> list[Child]:
        return [
            keeper.current
            for keeper in self._keepers.values()
            if keeper.place.role is role
            and keeper.current is not None
            and not keeper.current.is_leaving
        ]

    async def _drain(self, children: list[Child], deadline: float) -> None:
        left_s = max(deadline - self._loop.time(), 0.0)
        await all_together([child.drain(left_s, together=True) for child in children])

    async def _close_keepers(self) -> None:
        self._spares.close()
        for change in self._changes:
            change.cancel()
        await asyncio.gather(*self._changes, return_exceptions=True)
        await self._relays.close()
        await all_together([keeper.close() for keeper in self._keepers.values()])

    async def _end(self) -> None:
        """Kill and reap whatever is left."""
        self._is_stopping = True
        await self._close_keepers()
        left = list(self._children)
        for child in left:
            child.kill()
        await all_together([child.until_reaped() for child in left])
