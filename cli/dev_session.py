"""What ``perdure dev`` does while a server of several processes runs: reloads, and hot keys."""

import asyncio
import contextlib
import os
import signal
import time
import webbrowser
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from rich.text import Text

from ..runtime.config.model import WorkerConfig
from ..runtime.host.migration_plan import MigrationPlan
from ..runtime.shards.supervisor.errors import SupervisorStopping
from ..runtime.sources import Sources
from ..runtime.supervised import SupervisedServer
from ..storage.errors import PerdureError
from .actors import counted
from .failures import show_failure, text_of
from .keys import Keys
from .output import Output
from .problems import shown_path

FILES_NAMED_MAX = 3
HELP = {
    "b": "open the page in a browser",
    "r": "reload: new code, and the configuration",
    "k": "kill the worker, and see that its clients do not notice",
    "s": "sessions: how many WebSockets there are, and in which process",
    "c": "clear the screen",
    "x": "exit",
    "h": "help",
}


class DevSession:
    """A server that somebody is writing the program of.

    Args:
        server: It has started.
        output: Where it is told what happens.
        read: Reads the configuration anew.
        confirm: Asked before a migration deletes data; nobody is at the prompt then.
        drain_s: How long running handlers have at a reload.
    """

    def __init__(
        self,
        server: SupervisedServer,
        output: Output,
        read: Callable[[], WorkerConfig],
        confirm: Callable[[MigrationPlan], bool],
        drain_s: float,
    ) -> None:
        self._server = server
        self._output = output
        self._read = read
        self._confirm = confirm
        self._drain_s = drain_s
        self._loop = asyncio.get_running_loop()
        self._wanted: asyncio.Queue[str] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._has_keys = False
        self._keys = {
            "b": self._open_browser,
            "r": lambda: self.reload_soon("as you wish"),
            "k": self._kill_workers,
            "s": lambda: self._begin(self._tell_sessions()),
            "c": output.clear,
            "x": lambda: signal.raise_signal(signal.SIGTERM),
            "h": self._help,
            "?": self._help,
        }

    @asynccontextmanager
    async def running(self, sources: Sources) -> AsyncIterator[None]:
        """Watch ``sources`` and the keys meanwhile."""
        self._begin(self._reload_when_asked())
        self._begin(self._watch(sources))
        with Keys(self._press, self._loop) as keys:
            self._has_keys = keys.is_open
            try:
                yield
            finally:
                await self._close()

    def introduce(self) -> None:
        """Tell of the keys, if there are any."""
        if self._has_keys:
            self._output.message("Press h for the keys, x to exit.")

    def reload_soon(self, why: str) -> None:
        """Reload when what is under way is done; several wishes at once are one."""
        self._wanted.put_nowait(why)

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            show_failure(self._output, error)

    # Reloads.

    async def _watch(self, sources: Sources) -> None:
        async for changed in sources.changes():
            self.reload_soon(_named(changed))

    async def _reload_when_asked(self) -> None:
        while True:
            why = await self._wanted.get()
            while not self._wanted.empty():
                why = self._wanted.get_nowait()
            await self._reload(why)

    async def _reload(self, why: str) -> None:
        began = time.monotonic()
        try:
            config = self._read()
            reloaded = await self._server.reload(
                config, confirm=self._confirm, drain_s=self._drain_s
            )
        except SupervisorStopping:
            return
        except PerdureError as error:
            self._server.show_problem(text_of(error))
            show_failure(self._output, error)
            self._output.message(
                Text(f"Not reloaded ({why}). What was there before goes on.", "warning")
            )
            return
        self._server.show_problem(None)
        took = time.monotonic() - began
        self._output.message(Text(f"Reloaded in {took:.2f} s ({why}).", "good"))
        for key in (*reloaded.needs_upgrade, *reloaded.needs_start):
            note = f"{key} takes effect when perdure dev is started again."
            self._output.message(Text.assemble(("note: ", "note"), note))

    # Keys.

    def _press(self, key: str) -> None:
        action = self._keys.get(key.lower())
        if action is not None:
            action()

    def _help(self) -> None:
        for key, what in HELP.items():
            self._output.message(Text.assemble("  ", (key, "name"), f"  {what}"))

    def _open_browser(self) -> None:
        url = self._server.url
        self._output.message(Text.assemble("Opening ", (url, "url")))
        # It may wait for the browser to end, which is nobody's to wait for here.
        self._loop.run_in_executor(None, webbrowser.open, url)

    def _kill_workers(self) -> None:
        for pid in self._server.worker_pids():
            self._output.message(f"Killing worker process {pid}.")
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    async def _tell_sessions(self) -> None:
        told = _Processes()
        await self._server.desk.run("processes", {}, told)
        for item in told.items:
            if item["role"] in {"router", "worker"}:
                self._output.message(_sessions(item))


def _sessions(item: dict[str, object]) -> str:
    """Say what one process has of clients."""
    who = f"{item['role']} {item['slot']} (process {item['pid']})"
    if item["role"] == "router":
        return f"{who}: {item['client_sockets']} WebSockets, {item['connections']} connections"
    return (
        f"{who}: {item['actor_sockets']} WebSockets of {item['actors']} objects in memory and "
        f"{item['hibernated']} that hibernate"
    )


def _named(changed: Collection[Path]) -> str:
    names = sorted(map(shown_path, changed))
    more = len(names) - FILES_NAMED_MAX
    others = f" and {counted(more, 'other')}" if more > 0 else ""
    return ", ".join(names[:FILES_NAMED_MAX]) + others


class _Processes:
    """Takes what a server says of its processes. Is a ``Told``."""

    def __init__(self) -> None:
        self.items: list[dict[str, object]] = []

    async def progress(self, what: str, done: int, total: int | None) -> None:
        """It is there at once."""

    async def item(self, item: dict[str, object]) -> None:
        self.items.append(item)
