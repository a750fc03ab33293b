"""The life of a sandbox: when it sleeps, when it ends, and what the program is told of it."""

import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

from ....actors.execution import Execution, current_execution
from ...config.durations import seconds_of
from ..connection import SandboxConnection
from ..errors import SandboxError, SandboxInvalid, SandboxUnavailable
from ..results import SandboxStatus
from .argument import yes_or_no
from .output import called
from .part import KEEP_ALIVE, KEYS, PREPARED, SLEEP_AFTER, Part, forget_all, told

log = logging.getLogger("perdure.sandbox")

# The boot whose end has not been told.
RUNS: Final = KEYS + "runs"


class Life(Part):
    """When it sleeps and ends. Override ``on_start``, ``on_stop`` and ``on_error`` to be told."""

    def on_start(self) -> Any:
        """The sandbox has been started, files are copied, the startup script has run.

        All calls wait for it. What it raises goes to whoever called, and it is called again before
        the next call.
        """

    def on_stop(self, reason: str) -> Any:
        """It has ended: it sleeps, was stopped, or failed. Files are still there.

        Told when it happens while the actor is in memory; else when the sandbox is started again.
        What it raises is logged, and holds nothing up.
        """
        del reason

    def on_error(self, error: Exception) -> Any:
        """It could not be started; whoever called gets ``error`` as well.

        What it raises is logged.
        """
        del error

    async def set_sleep_after(self, sleep_after: str | float) -> None:
        """Say after how long without anything to do the sandbox goes to sleep.

        Its processes end then; its files stay, and the next call starts it again.

        Args:
            sleep_after: "30s", "10m", "1h", or seconds.
        """
        seconds = seconds_of(sleep_after)
        if seconds is None:
            text = f'sleep_after is "30s", "10m", "1h", or seconds, not {sleep_after!r}'
            raise SandboxInvalid("VALIDATION_FAILED", text)
        kv = self.ctx.storage.kv
        if kv.get(SLEEP_AFTER) != seconds:
            kv.put(SLEEP_AFTER, seconds)
            await self._tell(sleep_after_s=seconds)

    async def set_keep_alive(self, keep_alive: bool) -> None:  # noqa: FBT001  # the original's only argument
        """Say whether it goes on however long it has nothing to do.

        Raises:
            SandboxInvalid: ``keep_alive`` is neither True nor False.
        """
        kv = self.ctx.storage.kv
        if bool(kv.get(KEEP_ALIVE)) is not yes_or_no(keep_alive, "keep_alive"):
            kv.put(KEEP_ALIVE, keep_alive)
            sleep_after_s = kv.get(SLEEP_AFTER) or self._home.config.sleep_after_s
            await self._tell(keep_alive=keep_alive, sleep_after_s=sleep_after_s)

    async def get_status(self) -> SandboxStatus:
        """How it is; it is not started for that."""
        connection = await self._running()
        if connection is None:
            return SandboxStatus(is_running=False)
        try:
            with told():
                answer = await connection.ask("status")
        except SandboxUnavailable:  # it ends just now
            return SandboxStatus(is_running=False)
        return SandboxStatus(
            is_running=True,
            is_walled=answer["is_walled"],
            uptime_s=answer["uptime_s"],
            idle_s=answer["idle_s"],
            processes=answer["running"],
            disk_bytes=answer["disk_bytes"],
            usage=answer["usage"],
        )

    async def stop(self) -> None:
        """End all its processes; its files stay, and the next call starts it again."""
        connection = await self._running()
        if connection is not None:
            await self._end(connection, "stop")

    async def destroy(self) -> None:
        """End all its processes, and remove its files and all that is kept of it.

        What else the actor has stored stays. The next call makes a new sandbox.
        """
        while True:
            connection = await self._running()
            if connection is None and self._home.has_files(self._id):
                with told():
                    connection = await self._home.connect(self._id)
            if connection is None or await self._end(connection, "destroy"):
                break
        kv = self.ctx.storage.kv
        was_running = kv.get(RUNS) is not None
        forget_all(kv, KEYS)
        self._prepared = ""
        if was_running:
            await self._tell_program(self.on_stop, "The sandbox was destroyed")

    async def _end(self, connection: SandboxConnection, op: str) -> bool:
        """Have it end; False if it has ended by itself before, or by another call."""
        try:
            with told():
                await connection.ask(op)
        except SandboxUnavailable:
            if connection.is_open:
                raise
            return False
        finally:
            self._home.forget(self._id, connection)
        return True

    async def _tell(self, **settings: Any) -> None:
        connection = await self._running()
        if connection is not None:
            with told():
                await connection.ask("settings", **settings)

    async def _reach(self) -> SandboxConnection:
        try:
            return await super()._reach()
        except SandboxError as error:
            await self._tell_program(self.on_error, error)
            raise

    async def _started(self, connection: SandboxConnection) -> None:
        kv = self.ctx.storage.kv
        earlier = kv.get(RUNS)
        if earlier not in {None, connection.boot}:
            await self._tell_program(self.on_stop, "The sandbox has ended while nobody looked")
        kv.put(RUNS, connection.boot)
        await called(self.on_start)

    async def _found_running(self, connection: SandboxConnection) -> None:
        execution = current_execution("a sandbox")
        self._home.when_lost(connection, partial(_begin, execution, self, connection.boot))

    async def _tell_program(self, hook: Callable[..., Any], news: object) -> None:
        """Call a hook that is only told what has happened: its failure undoes nothing."""
        try:
            await called(hook, news)
        except Exception:
            facts = {"sandbox": self._id, "hook": hook.__name__}
            log.exception("sandbox.hook_failed", extra=facts)

    async def _has_ended(self, boot: str, reason: str) -> None:
        kv = self.ctx.storage.kv
        if kv.get(RUNS) == boot:
            kv.delete(RUNS)
            kv.delete(PREPARED)
            await self._tell_program(self.on_stop, reason)


def _begin(execution: Execution, life: Life, boot: str, reason: str) -> None:
    """Have an actor do what is to be done at the end of its sandbox, if it is in memory."""
    if not execution.is_over:
        ending: Coroutine[Any, Any, None] = life._has_ended(boot, reason)  # noqa: SLF001  # ours
        execution.start(ending, execution.root).start_later()
