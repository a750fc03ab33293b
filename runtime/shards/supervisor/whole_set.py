"""Replaces all workers at once: by such as share nothing with them, or by another number of them.

For a while no worker lives. Routers keep what clients say, and ask for, until there are some.

*Promise*: the new workers are all ready before an old one is told anything: if one of them cannot
get ready, nothing has changed. While ``between`` runs no worker lives, and none is started. When it
fails, the old places are filled again; when a new worker cannot serve, its place is wanted all the
same, as after a death.
*Assumes*: one such change at a time (``Supervisor.replace_set``).
*Rules for editing*: the locks of all places are held throughout, those of routers, too: nobody
restores a worker meanwhile, and no router begins with settings that ``between`` makes wrong.
*Considered and refused*: draining one after another. What is under way in one worker may wait for
another one: all drain together, and do what the others still ask until all have come to their end.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

from .all_together import all_together
from .child import Child
from .keeper import Keeper, SettingsOf
from .places import Place, Role


class SetChange:
    """One such change.

    Args:
        keepers: All places; it is changed.
        new: The workers' places from now on; what they had before, if anything.
    """

    def __init__(self, keepers: dict[Place, Keeper], new: Sequence[Keeper]) -> None:
        self._keepers = keepers
        self._old = [keeper for place, keeper in keepers.items() if place.role is Role.WORKER]
        self._new = new

    async def carry_out(
        self,
        drain_s: float,
        settings_of: SettingsOf | None,
        between: Callable[[], Awaitable[None]],
    ) -> None:
        """Do it; see ``Supervisor.replace_set``."""
        async with AsyncExitStack() as held:
            for keeper in list(self._keepers.values()):
                await held.enter_async_context(keeper.lock)
            ready = await self._prepare(settings_of)
            try:
                await all_together([keeper.drain(drain_s, together=True) for keeper in self._old])
                await all_together([keeper.end() for keeper in self._old])
                await between()
            except BaseException:
                _kill(ready)
                for keeper in self._old:
                    keeper.follow()
                raise
            await self._serve(ready)

    async def _prepare(self, settings_of: SettingsOf | None) -> list[Child]:
        """Have a process ready for each place, or none at all."""
        ready: list[Child] = []

        async def prepare(keeper: Keeper) -> None:
            ready.append(await keeper.prepare(settings_of))

        try:
            await all_together([prepare(keeper) for keeper in self._new])
        except BaseException:
            _kill(ready)
            raise
        return ready

    async def _serve(self, ready: list[Child]) -> None:
        """Fill the new places; the first failure is raised when all have served or failed."""
        for keeper in self._old:
            del self._keepers[keeper.place]
            if keeper not in self._new:
                await keeper.close()
        self._keepers.update((keeper.place, keeper) for keeper in self._new)
        by_place = {child.identity.place: child for child in ready if child.identity is not None}
        failures: list[Exception] = []

        async def serve(keeper: Keeper) -> None:
            try:
                await keeper.take_over(by_place[keeper.place])
            except Exception as error:  # it is raised below, when the others serve
                failures.append(error)

        try:
            await all_together([serve(keeper) for keeper in self._new])
        finally:
            for keeper in self._new:
                keeper.keep()
        if failures:
            raise failures[0]


def _kill(children: list[Child]) -> None:
    for child in children:
        child.kill()
