"""Processes that have imported the framework and wait to be told what to be.

Importing it takes longer than most programs do; a replacement that begins with a spare process
serves that much sooner. After it is used another is launched, when the replacement serves: on a
machine with few cores it would only be in the way before.
"""

import asyncio
import logging
from collections.abc import Callable, Collection

from .backoff import Backoff
from .child import Child
from .limits import SupervisionLimits
from .places import Role
from .states import ChildState

log = logging.getLogger("perdure.supervisor")


class Spares:
    """One spare process for each role that is to have one.

    Args:
        launch: Launches a process for a role; it may raise OSError.
        roles: Those that are to have one.
        limits: How long to wait when one dies.
        loop: Where the waits are.
    """

    def __init__(
        self,
        launch: Callable[[Role], Child],
        roles: Collection[Role],
        limits: SupervisionLimits,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._launch = launch
        self._loop = loop
        self._spares: dict[Role, Child | None] = dict.fromkeys(roles)
        self._backoffs = {
            role: Backoff(limits.backoff_first_s, limits.backoff_max_s) for role in roles
        }
        self._timers: dict[Role, asyncio.TimerHandle] = {}
        self._is_closed = False

    def take(self, role: Role) -> Child:
        """Return a process that can be told what to be: the spare one, or a new one.

        Raises:
            OSError: The system does not let one start.
        """
        spare = self._spares.get(role)
        if spare is None:
            return self._launch(role)
        self._spares[role] = None
        return self._launch(role) if spare.is_leaving else spare

    def refill(self) -> None:
        """Launch what is missing."""
        for role, spare in self._spares.items():
            if spare is None and role not in self._timers and not self._is_closed:
                self._refill(role)

    def changed(self, child: Child) -> None:
        """See to a spare process that has got ready, or goes."""
        for role, spare in self._spares.items():
            if spare is child and child.state is ChildState.SPARE:
                self._backoffs[role].served()
            elif spare is child and child.is_leaving:
                self._spares[role] = None
                self._later(role)

    def close(self) -> None:
        """Have no more; those that are there are ended by whoever ends all children."""
        self._is_closed = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _refill(self, role: Role) -> None:
        self._timers.pop(role, None)
        try:
            self._spares[role] = self._launch(role)
        except OSError as error:
            log.warning("spare.not_launched", extra={"role": role.value, "why": str(error)})
            self._later(role)

    def _later(self, role: Role) -> None:
        if not self._is_closed:
            wait_s = self._backoffs[role].failed()
            self._timers[role] = self._loop.call_later(wait_s, self._refill, role)
