"""Sandboxes that this process keeps awake, because it has something to do with a server inside.

*Assumes*: all calls come from the loop's thread.
"""

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Callable

from .asking import SandboxRefused
from .connection import SandboxConnection

Reach = Callable[[str], Awaitable[SandboxConnection]]


class Awake:
    """All of them, by their ids.

    Args:
        reach: Gives the connection to the keeper of a sandbox, which it may share.
        loop: Everything happens on it.
    """

    def __init__(self, reach: Reach, loop: asyncio.AbstractEventLoop) -> None:
        self._reach = reach
        self._loop = loop
        self._holds: dict[str, _Hold] = {}

    def use(self, sandbox_id: str) -> Callable[[], None]:
        """Keep a sandbox awake until what is returned is called."""
        self.begin(sandbox_id)
        is_over = False

        def end() -> None:
            nonlocal is_over
            if not is_over:
                is_over = True
                self.end(sandbox_id)

        return end

    def begin(self, sandbox_id: str) -> None:
        """There is one more use of a sandbox."""
        hold = self._holds.get(sandbox_id)
        if hold is None:
            hold = self._holds[sandbox_id] = _Hold(self._reach, sandbox_id, self._loop)
        hold.begin()

    def end(self, sandbox_id: str) -> None:
        """There is one less; with the last one it may sleep."""
        hold = self._holds.get(sandbox_id)
        if hold is None:  # all were ended by ``close``
            return
        hold.count -= 1
        if not hold.count:
            hold.end()
            del self._holds[sandbox_id]

    async def until_held(self, sandbox_id: str) -> None:
        """Wait until the keeper of a sandbox in use was told so, or cannot be."""
        hold = self._holds.get(sandbox_id)
        if hold is not None:
            await hold.told.wait()

    def close(self) -> None:
        """Keep nothing awake any more."""
        for hold in self._holds.values():
            hold.end()
        self._holds.clear()


class _Hold:
    """What keeps one sandbox awake, while ``count`` is more than 0."""

    def __init__(self, reach: Reach, sandbox_id: str, loop: asyncio.AbstractEventLoop) -> None:
        self.count = 0
        self.told = asyncio.Event()
        self._reach = reach
        self._sandbox_id = sandbox_id
        self._loop = loop
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """One more use."""
        self.count += 1
        if self._task is None or self._task.done():  # the sandbox it kept awake has ended
            self.told.clear()
            # In a context of its own: it outlives the request that is the first to need it.
            self._task = asyncio.Task(
                self._keep_awake(), loop=self._loop, context=contextvars.Context()
            )

    def end(self) -> None:
        """Let it sleep."""
        if self._task is not None:
            self._task.cancel()

    async def _keep_awake(self) -> None:
        # Who asks is told what is wrong; what has ended needs not be kept awake.
        try:
            with contextlib.suppress(SandboxRefused):
                connection = await self._reach(self._sandbox_id)
                async with connection.stream("hold") as stream:
                    self.told.set()
                    await stream.answer()
        finally:
            self.told.set()
