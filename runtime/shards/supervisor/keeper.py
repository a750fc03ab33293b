"""Keeps one place filled: starts a process for it, follows one that dies, replaces one on demand.

*Promise*: at no time do two processes serve in one place of a worker. Before a process is told to
serve, the one before it has been reaped, and ``before_takeover`` has come to its end. A replacement
that cannot get ready changes nothing: the one that serves goes on. A router's successor serves
beside it (``succeed``); the place is the successor's from then on.
*Assumes*: what a process has open exclusively, its commit log above all, it opens when it is told
to serve, not before.
*Rules for editing*: all that changes who fills the place happens under ``_lock``. Deaths are
noticed at any time, so what follows a death is a task that waits for the lock and then looks
whether anything is left to do.
*Considered and refused*: draining the old one before its successor is ready. A program that does
not import would then have ended the one that worked.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .backoff import Backoff
from .child import Child
from .errors import ChildFailed, SupervisorStopping
from .limits import SupervisionLimits
from .places import Identity, Place
from .records import log_with_text
from .states import ChildState

log = logging.getLogger("perdure.supervisor")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a process gets when it is told what to be.

    Attributes:
        data: For its program.
        sockets: For its program, which gets copies of them: listening sockets outlive it so.
    """

    data: bytes
    sockets: Sequence[socket.socket] = ()


SettingsOf = Callable[[Identity], Settings]


class Crew(Protocol):
    """What all places share: ``supervisor.Supervisor``."""

    def take(self, place: Place) -> Child:
        """Return a process that can be told to fill a place."""
        ...

    def next_identity(self, place: Place) -> Identity:
        """Return who the next one in a place is."""
        ...

    def settings_of(self, identity: Identity) -> Settings:
        """Return what it gets."""
        ...

    async def hand_over(self, child: Child) -> None:
        """Do what must be done before it serves, and give it its links."""
        ...

    def has_served(self, child: Child) -> None:
        """It serves now."""
        ...


async def nothing_to_do() -> None:
    """Nobody has anything to do when a replacement is ready."""


class Keeper:
    """One place, and who fills it.

    Attributes:
        place: The place.
        current: Who was told last to serve in it; it may be dead.
        restarts: How often that went unasked.
        backoff: The waits between tries that failed.
    """

    def __init__(self, place: Place, crew: Crew, limits: SupervisionLimits) -> None:
        self.place = place
        self.current: Child | None = None
        self.restarts = 0
        self.backoff = Backoff(limits.backoff_first_s, limits.backoff_max_s)
        self._crew = crew
        self._deaths = 0  # that were not asked for
        self._wait_s = 0.0
        self._hurry = asyncio.Event()
        self._lock = asyncio.Lock()
        self._retiring: Child | None = None
        self._is_kept = False
        self._restoring: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_served(self) -> bool:
        """Whether somebody serves in it, new work included."""
        return self.current is not None and self.current.state is ChildState.SERVING

    @property
    def lock(self) -> asyncio.Lock:
        """Whoever has it says who fills the place: see the rules for editing."""
        return self._lock

    async def prepare(self, settings_of: SettingsOf | None = None) -> Child:
        """Return a process that could serve here.

        Args:
            settings_of: What it gets, if that is not what is usual.

        Raises:
            ChildFailed: It cannot; why stands in it.
        """
        try:
            child = self._crew.take(self.place)
        except OSError as error:
            raise ChildFailed(self.place, f"no process can be started: {error}") from error
        try:
            identity = self._crew.next_identity(self.place)
            settings = (settings_of or self._crew.settings_of)(identity)
            await child.make_ready(identity, settings.data, settings.sockets)
        except BaseException:
            child.kill()
            raise
        return child

    async def take_over(self, child: Child) -> None:
        """Let a process that is ready serve; nobody else does.

        Raises:
            ChildFailed: It does not.
        """
        try:
            await self._crew.hand_over(child)
            self.current = child
            child.begin_to_serve()
            await child.until_serving()
        except BaseException:
            child.kill()
            self._wait_s = self.backoff.failed()
            raise
        self._wait_s = 0.0
        self.backoff.served()
        self._crew.has_served(child)

    def keep(self) -> None:
        """From now on, follow whoever dies, or has died."""
        self._is_kept = True
        self.follow()

    def changed(self, child: Child) -> None:
        """Notice what becomes of a process."""
        if child is not self.current or child is self._retiring or not self._is_kept:
            return
        if child.state is ChildState.DEAD and child.failure is not None:
            # Who has served is followed at once, however often: clients wait, and this says it.
            fields: dict[str, object] = {"child": str(child.identity), "pid": child.pid}
            self._deaths += 1
            fields["deaths"] = self._deaths
            why = child.failure.partition(":\n")[0] if child.is_told else child.failure
            log_with_text(log, logging.ERROR, "child.failed", fields, why)
        self.follow()

    async def replace(
        self,
        drain_s: float,
        settings_of: SettingsOf | None = None,
        once_ready: Callable[[], Awaitable[None]] = nothing_to_do,
    ) -> None:
        """Put another process into the place of the one that serves.

        Who asked may go away meanwhile; it is done all the same.

        Args:
            drain_s: How long the old one has to finish what is under way.
            settings_of: What the new one gets, if that is not what is usual.
            once_ready: Awaited when the new one is ready, before the old one goes. What it
                raises leaves the old one where it is.

        Raises:
            ChildFailed: The new one cannot serve. If it could not even get ready the old one
                goes on, else another try is made, as after a death.
            SupervisorStopping: Nothing is replaced any more.
        """
        if not self._is_kept:
            raise SupervisorStopping
        self._hurry.set()
        task = self._own(self._replace(drain_s, settings_of, once_ready))
        await asyncio.wait({task})
        if task.cancelled():
            raise SupervisorStopping
        await task

    async def succeed(self) -> tuple[Child | None, Child]:
        """Let another process serve in the place of a router, which goes on with its clients.

        Returns:
            The one before, which is nobody's in this place any more, or None if there was none;
            and its successor.

        Raises:
            ChildFailed: The new one cannot serve; nothing has changed.
            SupervisorStopping: Nothing is replaced any more.
        """
        if not self._is_kept:
            raise SupervisorStopping
        both: list[tuple[Child | None, Child]] = []
        task = self._own(self._succeed(both))
        await asyncio.wait({task})
        if task.cancelled():
            raise SupervisorStopping
        await task
        return both[0]

    async def _succeed(self, both: list[tuple[Child | None, Child]]) -> None:
        async with self._lock:
            old = self.current
            successor = await self.prepare()
            try:
                await self.take_over(successor)
            except BaseException:
                if old is not None and not old.is_leaving:
                    self.current = old
                self.follow()
                raise
            both.append((old, successor))

    async def close(self) -> None:
        """Start and replace nothing any more; who serves is left alone."""
        self._is_kept = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def drain(self, drain_s: float, *, together: bool = False) -> None:
        """Let who serves finish what is under way, for whoever has the lock; nobody follows yet.

        Args:
            drain_s: How long it has.
            together: See ``Child.drain``.
        """
        old = self._retiring = self.current
        if old is None:
            return
        if not await old.drain(drain_s, together=together) and not old.is_leaving:
            fields = {"child": str(old.identity), "pid": old.pid, "drain_s": drain_s}
            log.warning("child.not_drained", extra=fields)

    async def end(self) -> None:
        """End who was drained, for whoever has the lock; nobody follows yet."""
        if self._retiring is not None:
            await self._retiring.stop()

    def follow(self) -> None:
        """Have a successor follow if nobody serves, and none is on its way."""
        is_gone = self.current is None or self.current.is_leaving
        is_restoring = self._restoring is not None and not self._restoring.done()
        if self._is_kept and is_gone and not is_restoring:
            self._restoring = self._own(self._restore())

    async def _replace(
        self,
        drain_s: float,
        settings_of: SettingsOf | None,
        once_ready: Callable[[], Awaitable[None]],
    ) -> None:
        async with self._lock:
            successor = await self.prepare(settings_of)
            try:
                await once_ready()
                await self.drain(drain_s)
                await self.end()
            except BaseException:
                successor.kill()
                raise
            try:
                await self.take_over(successor)
            except Exception:
                self.follow()
                raise

    async def _restore(self) -> None:
        """Try until somebody serves.

        Raises:
            SupervisorStopping: Nobody is to follow any more.
        """
        counted: Child | None = None
        while True:
            if self._wait_s:
                self._hurry.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._wait_s):
                        await self._hurry.wait()
            async with self._lock:
                if self.current is not None and not self.current.is_leaving:
                    return
                if self.current is not counted:
                    counted = self.current
                    self.restarts += 1
                if await self._try() and self.is_served:  # it may be dead already
                    return

    async def _try(self) -> bool:
        try:
            child = await self.prepare()
        except SupervisorStopping:  # nobody is to follow any more
            raise
        except Exception as error:  # of the composition root's, too: the place stays wanted
            self._wait_s = self.backoff.failed()
            self._log_failure(error)
            return False
        try:
            if self.current is not None:
                await self.current.until_reaped()
            await self.take_over(child)
        except ChildFailed:  # it was the current one: changed() has told
            return False
        except Exception as error:
            self._log_failure(error)
            return False
        return True

    def _log_failure(self, error: Exception) -> None:
        fields: dict[str, object] = {"place": str(self.place), "retry_s": self._wait_s}
        if isinstance(error, ChildFailed):
            log_with_text(log, logging.ERROR, "child.failed", fields, error.why)
        else:
            log.error("child.not_started", extra=fields, exc_info=error)

    def _own(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._disown)
        return task

    def _disown(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever asked may have gone
