"""Reloads, and other numbers of workers, as an operator asks for them: by command or by signal."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import asdict

from ..storage.errors import PerdureError, UsageError
from .config.model import WorkerConfig
from .control.changes import ReloadArguments, ResizeArguments
from .control.desk import Desk
from .control.protocol import Failure, OperationFailed
from .errors import MigrationDeclined
from .host.migration_plan import Confirm
from .host.operations.house import Told, Values
from .rolling import Rolling
from .shards.supervisor.errors import ChildFailed, SupervisorStopping

log = logging.getLogger("perdure.server")

NOTHING_CHANGED = "Nothing was changed; workers that serve go on with the code that they have"


class RollingDesk:
    """Takes what an operator asks of a server's ``Rolling``.

    Args:
        rolling: What is asked.
        reread: Reads the configuration anew, as the command was told to that started the server.
        confirm: Asked at a signal before migrations delete data.
    """

    def __init__(
        self, rolling: Rolling, reread: Callable[[], WorkerConfig], confirm: Confirm
    ) -> None:
        self._rolling = rolling
        self._reread = reread
        self._confirm = confirm
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self, desk: Desk) -> None:
        """Be asked there."""
        desk.add("reload", ReloadArguments, self._reload)
        desk.add("resize", ResizeArguments, self._resize)

    def hang_up(self) -> None:
        """Begin a reload, as SIGHUP asks for one; the log tells what became of it."""
        task = asyncio.get_running_loop().create_task(self._reload_and_log())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Ask for nothing any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _reload_and_log(self) -> None:
        try:
            reloaded = await self._rolling.reload(self._reread(), self._confirm)
        except SupervisorStopping:
            return
        except PerdureError as error:
            log.error("reload.failed", extra={"cause": str(error)})  # noqa: TRY400  # no bug of ours
            return
        fields = {key: value for key, value in asdict(reloaded).items() if value}
        log.info("server.reloaded", extra=fields)

    async def _reload(self, arguments: ReloadArguments, told: Told) -> Values:
        await told.progress("Replacing workers", 0, None)
        try:
            reloaded = await self._rolling.reload(self._reread(), lambda _: arguments.yes)
        except MigrationDeclined as error:
            raise _refused(error, "Agree to that with --yes; perdure check shows all") from error
        except (ChildFailed, UsageError) as error:
            raise _refused(error) from error
        return asdict(reloaded)

    async def _resize(self, arguments: ResizeArguments, told: Told) -> Values:
        await told.progress("Replacing workers", 0, None)
        try:
            return asdict(await self._rolling.resize(arguments.workers))
        except (ChildFailed, UsageError) as error:
            raise _refused(error) from error


def _refused(error: PerdureError, hint: str = "") -> OperationFailed:
    """Return why nothing came of it, with all that the author of the program needs to read."""
    text = str(error)
    if isinstance(error, ChildFailed):
        if not error.is_usage:
            return OperationFailed(Failure(type(error).__name__, text))
        text = error.why
    elif isinstance(error, MigrationDeclined):
        return OperationFailed(Failure(type(error).__name__, text, hint, is_usage=True))
    return OperationFailed(Failure(type(error).__name__, NOTHING_CHANGED, text, is_usage=True))
