"""Where the actors of one program find their sandboxes.

One for each program of a process. It keeps the connections, as an actor comes and goes more often
than what runs in its sandbox.
"""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from ...actors.http import Request, Response
from ...actors.http_errors import UnfitAnswer
from ..config.sandbox import SandboxConfig
from .asking import SandboxLost, SandboxRefused
from .connection import SandboxConnection
from .settings import keeper_settings
from .streams import Refused

T = TypeVar("T")

# A sandbox that was not asked anything for so long may just be going to sleep: it is asked first
# whether it is there, so that no call is lost to that.
FRESH_S: Final = 0.5
# A connection that nobody needs for so long is closed: it holds a descriptor of two processes.
UNUSED_S: Final = 60.0


class InsideClient(Protocol):
    """Speaks HTTP with servers inside: ``edge/sandbox_outbound.py``."""

    async def fetch_inside(self, sandbox_id: str, port: int, request: Request) -> Response:
        """Send a request to the server that listens on a port inside."""
        ...


class SandboxHome:
    """The sandboxes of one program, as one process reaches them.

    Attributes:
        config: What they are made of.
        folder: Where they lie: ``<data directory>/sandboxes``.
        client: Speaks to servers inside; the composition root sets it.
    """

    client: InsideClient

    def __init__(
        self, folder: Path, config: SandboxConfig, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.config = config
        self.folder = folder
        self._loop = loop
        self._connections: dict[str, SandboxConnection] = {}
        self._opening: dict[str, asyncio.Task[SandboxConnection]] = {}
        self._finding: dict[str, asyncio.Task[SandboxConnection | None]] = {}
        self._used_s: dict[str, float] = {}
        self._ending: set[SandboxConnection] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def connect(
        self, sandbox_id: str, more: Callable[[], Mapping[str, Any]] = dict
    ) -> SandboxConnection:
        """The connection to a sandbox, which is started if it does not run.

        Args:
            sandbox_id: 64 hex digits.
            more: Gives settings of one that has to be started, on top of the program's.

        Raises:
            SandboxRefused: It cannot be started; the message says why, and what to do.
        """
        found = await self._awake(sandbox_id)
        if found is not None:
            return found
        finding = self._finding.get(sandbox_id)
        if finding is not None:
            found = await asyncio.shield(finding)
            if found is not None:
                return found
        return await self._shared(
            self._opening,
            sandbox_id,
            lambda: self._open(sandbox_id, {**keeper_settings(self.config), **more()}),
        )

    async def find(self, sandbox_id: str) -> SandboxConnection | None:
        """The connection to a sandbox that runs; None if it does not.

        Raises:
            SandboxRefused: It could not be started, a moment ago; the message says why.
        """
        found = await self._awake(sandbox_id)
        if found is not None:
            return found
        opening = self._opening.get(sandbox_id)
        if opening is not None:
            return await asyncio.shield(opening)
        return await self._shared(self._finding, sandbox_id, lambda: self._find(sandbox_id))

    # Who waits may give up: it is the tasks that keep what comes.

    async def _shared(
        self,
        tasks: dict[str, "asyncio.Task[T]"],
        sandbox_id: str,
        begin: Callable[[], Coroutine[Any, Any, T]],
    ) -> T:
        """Wait for what is under way for a sandbox; if nothing is, begin it."""
        task = tasks.get(sandbox_id)
        if task is None:
            task = tasks[sandbox_id] = self._begin(begin())
            task.add_done_callback(lambda _: tasks.pop(sandbox_id))
        return await asyncio.shield(task)

    async def _open(self, sandbox_id: str, settings: Mapping[str, Any]) -> SandboxConnection:
        opened = await SandboxConnection.open(self.folder, sandbox_id, settings)
        self._keep(sandbox_id, opened)
        return opened

    async def _find(self, sandbox_id: str) -> SandboxConnection | None:
        found = await SandboxConnection.find(self.folder, sandbox_id)
        if found is not None:
            self._keep(sandbox_id, found)
        return found

    async def running(self, sandbox_id: str) -> SandboxConnection:
        """The connection to a sandbox that runs; none is started for a request from outside.

        Raises:
            SandboxLost: It does not run.
        """
        found = await self.find(sandbox_id)
        if found is None:
            raise SandboxLost("The sandbox does not run")
        self._used_s[sandbox_id] = self._loop.time()
        return found

    def forget(self, sandbox_id: str, connection: SandboxConnection) -> None:
        """A sandbox was told to end: ask it nothing more. It ends the connection, and says why."""
        if self._connections.get(sandbox_id) is connection:  # else a new one has its place
            del self._connections[sandbox_id]
            self._let_end(connection)

    def _let_end(self, connection: SandboxConnection) -> None:
        self._ending.add(connection)

        def ended(_: str) -> None:
            self._ending.discard(connection)
            connection.close()

        self.when_lost(connection, ended)

    async def _awake(self, sandbox_id: str) -> SandboxConnection | None:
        """The connection that is there, if what it leads to is not going to sleep just now."""
        found = self._connections.get(sandbox_id)
        if found is None or not found.is_open:
            return None
        now_s = self._loop.time()
        is_fresh = found.is_busy or now_s - self._used_s[sandbox_id] < FRESH_S
        self._used_s[sandbox_id] = now_s
        if not is_fresh:
            try:
                await found.ask("settings")
            except SandboxRefused:
                return None
        return found if found.is_open else None

    def has_files(self, sandbox_id: str) -> bool:
        """Whether there is anything of a sandbox on the disk."""
        return (self.folder / sandbox_id).exists()

    async def fetch(self, sandbox_id: str, port: int, request: Request) -> Response:
        """Send a request to the server that listens on a port inside.

        Raises:
            SandboxRefused: Nothing listens there, or there is no answer, or no sandbox.
        """
        try:
            return await self.client.fetch_inside(sandbox_id, port, request)
        except UnfitAnswer as unfit:
            text = f"The server on port {port} inside the sandbox answered with status "
            text += f"{unfit.status}, which no response may have"
            raise SandboxRefused(Refused("SERVICE_NOT_RESPONDING", text, port=port)) from None

    def when_lost(self, connection: SandboxConnection, then: Callable[[str], None]) -> None:
        """Call back with the reason when the connection has ended that is in use."""

        async def watch() -> None:
            then(await connection.is_lost())

        self._begin(watch())

    async def close(self) -> None:
        """Let go of all connections; what was started goes on."""
        if self._timer is not None:
            self._timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in (*self._connections.values(), *self._ending):
            connection.close()
        self._connections.clear()
        self._ending.clear()

    def _begin(self, coro: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        # In an empty context: begun inside an actor's turn, it is none of that actor's tasks.
        task = asyncio.Task(coro, loop=self._loop, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _keep(self, sandbox_id: str, connection: SandboxConnection) -> None:
        earlier = self._connections.pop(sandbox_id, None)
        if earlier is not None:
            self._let_end(earlier)
        self._connections[sandbox_id] = connection
        self._used_s[sandbox_id] = self._loop.time()
        self._look_again()

    def _look_again(self) -> None:
        if self._timer is None:
            context = contextvars.Context()
            self._timer = self._loop.call_later(UNUSED_S, self._let_go, context=context)

    def _let_go(self) -> None:
        """Close connections that nobody needs."""
        self._timer = None
        now_s = self._loop.time()
        for sandbox_id, connection in list(self._connections.items()):
            is_unused = now_s - self._used_s[sandbox_id] >= UNUSED_S and not connection.is_busy
            if is_unused or not connection.is_open:
                del self._connections[sandbox_id], self._used_s[sandbox_id]
                connection.close()
        if self._connections:
            self._look_again()
