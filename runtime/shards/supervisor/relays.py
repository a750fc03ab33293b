"""Routers whose successors serve, and that still have clients: seen out to their end.

*Promise*: each is ended when it has nobody left to serve, or its time is over. None of them is
followed by another: its place has somebody who serves.
"""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from .child import Child
from .records import log_with_text
from .states import ChildState

log = logging.getLogger("perdure.supervisor")


@dataclass(frozen=True, slots=True)
class Succession:
    """What became of the clients of routers that have successors now.

    Attributes:
        routers: How many were replaced.
        moved: How many connections the successors have.
        staying: How many are served by the old routers until they end.
    """

    routers: int = 0
    moved: int = 0
    staying: int = 0

    def __add__(self, other: "Succession") -> "Succession":
        return Succession(
            self.routers + other.routers, self.moved + other.moved, self.staying + other.staying
        )


class Relays:
    """Those there are, whatever their place was."""

    def __init__(self) -> None:
        self._tasks: dict[Child, asyncio.Task[None]] = {}

    def __iter__(self) -> Iterator[Child]:
        return iter(list(self._tasks))

    async def begin(self, old: Child, relay_s: float) -> Succession:
        """Tell a router that its successor serves; return what became of its clients.

        Args:
            old: The router; it is seen out from now on.
            relay_s: How long it may serve those that it cannot hand over.
        """
        self._tasks[old] = asyncio.get_running_loop().create_task(self._see_out(old))
        said = await old.relay(relay_s)
        return Succession(1) if said is None else Succession(1, said.moved, said.staying)

    async def close(self) -> None:
        """See nobody out any more: whoever ends all children does that."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _see_out(self, old: Child) -> None:
        try:
            await old.until_through()
            await old.stop()
        finally:
            if old.state is ChildState.DEAD:
                self._tasks.pop(old, None)
        if old.failure is not None:
            fields: dict[str, object] = {"child": str(old.identity), "pid": old.pid}
            log_with_text(log, logging.ERROR, "child.failed", fields, old.failure)
