"""One program that is mounted in another server: opened once, counted, closed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

from ...actors.errors import WrongThread
from ...actors.threads import call_on
from ...storage.errors import DirectoryInUse, UsageError
from ..config.data_dir import data_dir_of
from ..config.load import load
from ..config.model import WorkerConfig
from ..host.migration_plan import MigrationPlan
from ..server import Server
from .hosted_socket import HostedSocket

# So long may clients take to answer the close frame of their WebSocket at the end.
CLIENTS_LEAVE_S = 1.0


class ServedTwice(UsageError):
    """Another process has the data directory open: a mounted program runs in one process.

    Attributes:
        data_dir: The directory.
        pid: Of the process that has it, if that is known.
    """

    def __init__(self, data_dir: Path, pid: int | None) -> None:
        self.data_dir = data_dir
        self.pid = pid
        super().__init__(data_dir, pid)

    def __str__(self) -> str:
        who = "another process" if self.pid is None else f"process {self.pid}"
        return (
            f"{self.data_dir} is in use by {who}: a program that is mounted in another server runs "
            "in one process. Start that server with one worker process (uvicorn --workers 1), give "
            "each server a data_dir of its own, or run the program with perdure serve --workers N "
            "and have the other server pass requests on"
        )


class NotOpen(UsageError):
    """A mounted program was asked for something while it is not open."""

    def __str__(self) -> str:
        return (
            "this program is not open: it is from the start of its lifespan to the end. Give it to "
            "the application (FastAPI(lifespan=rooms.lifespan)), or keep it open within a lifespan "
            "of yours (async with rooms.lifespan():)"
        )


class MountOptions(TypedDict, total=False):
    """How a program is mounted.

    Attributes:
        data_dir: Where its state is kept; else as the configuration says.
        env: The environment to choose.
        show_errors: Clients see tracebacks.
        delete_data: Carry out migrations that delete data, which is refused else.
    """

    data_dir: str | Path | None
    env: str | None
    show_errors: bool
    delete_data: bool


class Mount:
    """A program, opened when it is first needed.

    Attributes:
        show_errors: Clients see tracebacks.
        sockets: The WebSockets that are open.
    """

    def __init__(self, config: str | Path | WorkerConfig, **options: Unpack[MountOptions]) -> None:
        check_options(options)
        if not isinstance(config, WorkerConfig):
            config = load(Path(config), env=options.get("env")).config
        data_dir = options.get("data_dir")
        # The port, and what it takes to encrypt, are the other server's.
        self.config = replace(config, perdure=replace(config.perdure, tls=None))
        self._data_dir = data_dir_of(config, None if data_dir is None else Path(data_dir))
        self.show_errors = options.get("show_errors", False)
        self._delete_data = options.get("delete_data", False)
        self.sockets: set[HostedSocket] = set()
        self._server: Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening: asyncio.Task[Server] | None = None

    @property
    def is_open(self) -> bool:
        """The data directory is."""
        return self._server is not None

    @property
    def env(self) -> Any:
        """The program's bindings and vars.

        Raises:
            NotOpen: It is not.
            WrongThread: Another event loop than the program's is running here.
        """
        if self._server is None:
            raise NotOpen
        try:
            is_elsewhere = asyncio.get_running_loop() is not self._loop
        except RuntimeError:  # a thread, which may have it for call()
            is_elsewhere = False
        if is_elsewhere:
            raise WrongThread("env")
        return self._server.env

    def call(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call ``function`` on the program's event loop, for another thread; see ``call_on``.

        Raises:
            NotOpen: It is not.
            UsageError: This is that loop's own thread: await the call there.
        """
        if self._server is None or self._loop is None:
            raise NotOpen
        return call_on(self._loop, function, *args, **kwargs)

    async def open(self) -> Server:
        """The running program; who comes first starts it.

        Raises:
            ServedTwice: Another process has the data directory open.
            UsageError: It was opened on another event loop.
            StorageError, LoadError, MigrationRefused, MigrationDeclined: As ``Server.start``.
        """
        loop = asyncio.get_running_loop()
        if self._server is not None and self._loop is loop:
            return self._server
        if self._loop is not None and self._loop is not loop:
            raise UsageError(
                "a mounted program lives on one event loop, and was opened on another: end its "
                "lifespan there first"
            )
        if self._opening is None:
            self._loop = loop
            self._opening = asyncio.create_task(self._start())
        return await asyncio.shield(self._opening)

    async def _start(self) -> Server:
        try:
            self._server = await Server.embedded(
                self.config, data_dir=self._data_dir, confirm=self._confirm
            )
        except DirectoryInUse as error:
            raise ServedTwice(self._data_dir, error.pid) from error
        finally:
            self._opening = None
            if self._server is None:
                self._loop = None
        return self._server

    def _confirm(self, plan: MigrationPlan) -> bool:
        del plan
        return self._delete_data

    async def close(self) -> None:
        """Let what is under way finish, close WebSockets with 1001, let go of the directory."""
        if self._opening is not None:
            await asyncio.wait({self._opening})
        server, self._server = self._server, None
        if server is None:
            return
        try:
            await server.stop(drain_s=self.config.perdure.edge_limits.shutdown_timeout_s)
        finally:
            self._loop = None
        for socket in list(self.sockets):
            socket.sever(1001, "the server is going away")
        if ended := [socket.ended for socket in self.sockets]:
            await asyncio.wait(ended, timeout=CLIENTS_LEAVE_S)

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Open, and close at the end."""
        await self.open()
        try:
            yield
        finally:
            await self.close()


def check_options(options: MountOptions) -> None:
    """Raise when something is among them that is no option, as a call with keywords would."""
    unknown = sorted(options.keys() - MountOptions.__annotations__.keys())
    if unknown:
        known = ", ".join(MountOptions.__annotations__)
        raise TypeError(f"{unknown[0]!r} is no option of a mounted program; there are {known}")
