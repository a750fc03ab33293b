"""What a developer and an operator do to a server that serves: by files, and by its socket."""

import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from perdure.cli.dev_session import DevSession
from perdure.cli.output import Output
from perdure.runtime.config.model import WorkerConfig
from perdure.runtime.control.client import operate_on
from perdure.runtime.host.migration_plan import agree
from perdure.runtime.sources import Sources
from perdure.runtime.supervised import SupervisedServer

DRAIN_S = 10.0


class _Nobody:
    """Hears of an operation's progress. Is a ``Told``."""

    async def progress(self, what: str, done: int, total: int | None) -> None: ...
    async def item(self, item: dict[str, Any]) -> None: ...


class Developer:
    """Saves the program, sound or broken, before the eyes of what ``perdure dev`` watches with.

    Attributes:
        version: Of the program that was saved last.
        shown: What the terminal shows.
    """

    def __init__(self, config: WorkerConfig) -> None:
        self.version = 0
        self.shown = io.StringIO()
        self._main = config.main
        self._text = config.main.read_text()

    def save(self) -> None:
        """Save the program, as another version."""
        self.version += 1
        # Python takes a file of equal size, written in the same second, for the same.
        version = f"VERSION = {self.version}  # {'x' * self.version}"
        self._main.write_text(self._text.replace("VERSION = 0", version))

    def save_broken(self) -> None:
        """Save what cannot be imported."""
        self._main.write_text("import nothing_of_this_name\n" + self._text)

    def told(self, what: str) -> int:
        """How often the terminal says so."""
        return self.shown.getvalue().count(what)


@asynccontextmanager
async def developing(
    server: SupervisedServer, data_dir: Path, rewrite: Callable[[], WorkerConfig] | None = None
) -> AsyncIterator[Developer]:
    """Have the files of a server's program watched."""
    config = server.config
    developer = Developer(config)
    console = Console(file=developer.shown, width=1000)
    session = DevSession(
        server, Output(console, console), rewrite or (lambda: config), agree, DRAIN_S
    )
    async with session.running(Sources(config.path, config.main, data_dir)):
        yield developer


async def operate(data_dir: Path, operation: str, **arguments: Any) -> dict[str, Any]:
    """Ask for an operation as ``perdure OPERATION`` does, and return what it has done."""
    async with operate_on(data_dir, {}, needs_server=True) as operations:
        return dict(await operations.run(operation, arguments, _Nobody()))
