"""What the parts of a sandbox's API share: how they reach what runs inside.

Promise:
    Nothing is asked of a sandbox before what the actor has written is durable. What was told to be
    there before the first command (``copy``, ``startup``) is there before anything is asked.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ....actors.execution import current_execution
from ....actors.state import DurableObjectState
from ....actors.sync_storage import SyncKv
from ....storage.errors import UsageError
from ..asking import SandboxRefused, SandboxStream
from ..connection import SandboxConnection
from ..errors import SandboxError, error_of
from ..home import SandboxHome
from ..owner import SandboxOwner
from ..preparing import prepare
from .argument import time_limit

T = TypeVar("T")

# The boot whose hooks run here.
_PREPARED_HERE: ContextVar[str] = ContextVar("_PREPARED_HERE", default="")

KEYS = "sandbox:"
PREPARED = KEYS + "prepared"
SLEEP_AFTER = KEYS + "sleep_after_s"
KEEP_ALIVE = KEYS + "keep_alive"
ENVIRONMENT = KEYS + "env"
SHELLS = KEYS + "shell:"


class NoSandboxes(UsageError):
    """A class of sandboxes is used where nothing starts any."""

    def __init__(self) -> None:
        super().__init__(
            "Nothing starts sandboxes here: they need `perdure serve`, `perdure dev`, or a program "
            "that is mounted in another server"
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """What a command gets from the session that it belongs to.

    Attributes:
        session_id: Which one; None for the default session.
        cwd: Where it begins; None for ``/workspace``.
        env: Its variables, on top of the sandbox's; None as a value leaves one of those out.
        or_cwd: Where it begins if ``cwd`` is there no more; None: nowhere.
        timeout_s: How long it may take, if the caller does not say; None: as long as it likes.
    """

    session_id: str | None = None
    cwd: str | None = None
    env: dict[str, str | None] = field(default_factory=dict)
    or_cwd: str | None = None
    timeout_s: float | None = None


class Part(SandboxOwner):
    """Base of the parts.

    Attributes:
        ctx: The actor's.
        env: The program's bindings.
    """

    ctx: DurableObjectState
    env: Any
    _prepared = ""  # the boot that has all that it is to have
    _preparing: "asyncio.Future[None] | None" = None

    @property
    def _home(self) -> SandboxHome:
        home = current_execution("a sandbox").sandboxes
        if home is None:
            raise NoSandboxes
        assert isinstance(home, SandboxHome), "the runtime sets no other"
        return home

    @property
    def _id(self) -> str:
        return str(self.ctx.id)

    def _scope(self, session_id: str | None) -> Scope:
        """What a command of a session gets; ``Sessions`` knows.

        Raises:
            SandboxInvalid: No session can be called so.
        """
        del session_id
        return Scope()

    async def _scope_now(self, session_id: str | None) -> Scope:
        """As ``_scope``, with what commands have left since the sandbox runs."""
        return self._scope(session_id)

    def _leaves(self, session_id: str | None) -> bool:
        """Whether commands of a session leave anything; ``Sessions`` says when."""
        del session_id
        return False

    def _leave(self, session_id: str | None, left: Mapping[str, Any] | None) -> None:
        """Keep what a command has left to the next one; ``Sessions`` does."""

    async def _started(self, connection: SandboxConnection) -> None:
        """The sandbox runs, and has not before. ``Life`` has more to say."""

    async def _found_running(self, connection: SandboxConnection) -> None:
        """This instance of the actor has it for the first time in this boot. As above."""

    async def _ask(self, op: str, **fields: Any) -> dict[str, Any]:
        """Ask, and return the answer.

        Raises:
            SandboxError: It cannot be done, or the sandbox stopped.
        """
        connection = await self._reach()
        with told():
            return await connection.ask(op, **fields)

    @asynccontextmanager
    async def _stream(self, op: str, **fields: Any) -> AsyncIterator[SandboxStream]:
        """Ask for something that has output or input; it is cancelled at the context's end.

        Raises:
            SandboxError: It cannot be done, or the sandbox stopped.
        """
        connection = await self._reach()
        with told():
            async with connection.stream(op, **fields) as stream:
                yield stream

    async def _lines(self, op: str, **fields: Any) -> list[bytes]:
        """Ask for something that is sent as lines.

        Raises:
            SandboxError: It cannot be done, or the sandbox stopped.
        """
        connection = await self._reach()
        with told():
            return await connection.lines(op, **fields)

    async def _reach(self) -> SandboxConnection:
        """The connection to the sandbox, started and prepared, when all writes are durable."""
        await durable()
        with told():
            connection = await self._home.connect(self._id, self._kept_settings)
        if connection.boot != self._prepared and _PREPARED_HERE.get() != connection.boot:
            await self._prepare(connection)
        return connection

    async def _running(self) -> SandboxConnection | None:
        """The connection to the sandbox if it runs, when all writes are durable."""
        await durable()
        with told():
            return await self._home.find(self._id)

    def _kept_settings(self) -> dict[str, Any]:
        kv = self.ctx.storage.kv
        kept: dict[str, Any] = {}
        if (sleep_after_s := kv.get(SLEEP_AFTER)) is not None:
            kept["sleep_after_s"] = sleep_after_s
        if kv.get(KEEP_ALIVE):
            kept["sleep_after_s"] = None
        return kept

    async def _prepare(self, connection: SandboxConnection) -> None:
        """See that ``prepare`` was called for this boot, by one of those that wait for it."""
        if self._preparing is None:
            # A task of its own: whoever asked first may be cancelled.
            task = asyncio.get_running_loop().create_task(self._prepare_once(connection))
            self._preparing = task
        await asyncio.shield(self._preparing)

    async def _prepare_once(self, connection: SandboxConnection) -> None:
        # In this task and those that it starts: hooks call the sandbox, and wait for no hook.
        _PREPARED_HERE.set(connection.boot)
        kv = self.ctx.storage.kv
        try:
            if kv.get(PREPARED) != connection.boot:
                forget_all(kv, SHELLS)
                with told():
                    await prepare(connection, self._home.config, kv)
                    if kept := kv.get(ENVIRONMENT):
                        await connection.ask("settings", env=kept)
                await self._started(connection)
                # Not before: a hook that has failed, or that its worker did not live to finish, is
                # called again.
                kv.put(PREPARED, connection.boot)
            self._prepared = connection.boot
            await self._found_running(connection)
        finally:
            self._preparing = None


def forget_all(kv: SyncKv, prefix: str) -> None:
    """Delete all that is kept under keys that begin so."""
    for key in [key for key, _ in kv.list(prefix=prefix)]:
        kv.delete(key)


async def durable() -> None:
    """Wait until what the actor has written so far is durable.

    Raises:
        UsageError: What is asked of a sandbox cannot be part of what is under way.
    """
    execution = current_execution("a sandbox")
    execution.check_may_call_out()
    done: asyncio.Future[None] = execution.loop.create_future()
    execution.emit(_set, done)
    if not done.done():
        await done


def _set(done: "asyncio.Future[None]") -> None:
    if not done.done():
        done.set_result(None)


@contextmanager
def told() -> Iterator[None]:
    """Have what the keeper refuses as the error that programs catch."""
    try:
        yield
    except SandboxRefused as refused:
        raise as_error(refused) from None


def as_error(refused: SandboxRefused) -> SandboxError:
    """What the keeper refuses, as the error that programs catch."""
    return error_of(refused.code, str(refused), refused.context)


async def within(timeout_s: float | None, call: Callable[[], Awaitable[T]]) -> T:
    """What a call gives; no limit without a time.

    Raises:
        SandboxInvalid: The time is none.
        TimeoutError: It is over.
    """
    if time_limit(timeout_s, least=0) is None:
        return await call()
    async with asyncio.timeout(timeout_s):
        return await call()
