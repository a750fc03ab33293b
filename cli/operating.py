"""What commands for the operator share: which data, how it is asked, and how failures are told.

The server that has the data directory is asked; a directory that no server has is opened. What
is written is the same in both cases.
"""

import functools
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from ..runtime.config.errors import ConfigError
from ..runtime.control.client import Operations, operate_on
from ..runtime.control.protocol import OperationFailed
from .columns import Column, Columns
from .options import config_option, data_option, env_option, json_option
from .output import Output
from .progress import Bars
from .project import open_project
from .serving import run
from .shown import as_json

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """The data a command works on.

    Attributes:
        data_dir: The data directory, absolute.
        bindings: Name of a binding to its class, as far as a configuration is at hand.
    """

    data_dir: Path
    bindings: Mapping[str, str] = field(default_factory=dict)


def find_place(config_file: Path | None, env: str | None, data: Path | None) -> Place:
    """Return the data that the options choose, by the same rules as ``perdure serve``.

    With ``--data`` a configuration need not be there.

    Raises:
        ConfigError: There is no configuration, or it cannot be used.
    """
    try:
        project = open_project(config_file, env, data)
    except ConfigError:
        if data is None or config_file is not None or env is not None:
            raise
        return Place(data.absolute())
    bindings = {binding.name: binding.class_name for binding in project.config.own_bindings}
    return Place(project.data_dir, bindings)


class Asking:
    """One command's conversation with a data directory. Is the ``Told`` of its operations.

    Attributes:
        output: The terminal.
        is_json: The answer is for a program.
    """

    def __init__(
        self, operations: Operations, output: Output, bars: Bars, *, is_json: bool
    ) -> None:
        self.output = output
        self.is_json = is_json
        self._operations = operations
        self._bars = bars
        self._on_item: Callable[[Item], None] = _ignore

    async def run(
        self, name: str, arguments: object, on_item: Callable[[Item], None] | None = None
    ) -> Item:
        """Run an operation; ``arguments`` is an instance of its class of arguments.

        Raises:
            OperationFailed: It did not come to its end.
        """
        self._on_item = on_item or _ignore
        try:
            return await self._operations.run(name, asdict(arguments), self)  # type: ignore[call-overload]  # a dataclass, whichever
        finally:
            self._bars.hide()

    async def run_for_rows(
        self,
        name: str,
        arguments: object,
        columns: Sequence[Column],
        row: Callable[[Item], Sequence[str | Text]],
    ) -> Item:
        """Run an operation of which each item is a row of a table, or a line of JSON.

        Args:
            name: The operation.
            arguments: As for ``run``.
            columns: Of the table.
            row: The cells of an item.

        Raises:
            OperationFailed: It did not come to its end.
        """
        table = Columns(self.output, columns)

        def on_item(item: Item) -> None:
            if self.is_json:
                self.answer(item)
            else:
                table.row(row(item))

        result = await self.run(name, arguments, on_item)
        table.end()
        return result

    async def progress(self, what: str, done: int, total: int | None) -> None:
        self._bars.show(what, done, total)

    async def item(self, item: Item) -> None:
        self._on_item(item)

    def answer(self, value: Item) -> None:
        """Write one line of JSON."""
        self.output.line(as_json(value))

    def tell_if_hidden(self, target: Path) -> None:
        """Say so if what the server has written cannot be seen from here."""
        if not target.exists():
            text = f"The server has written {target}, and sees other directories than you do."
            self.output.message(Text.assemble(("warning: ", "warning"), text))


Talk = Callable[[Asking], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Where:
    """What the options that all commands for the operator have, say.

    Attributes:
        config_file: The configuration, or None.
        data: The data directory, or None.
        env: The environment, or None.
        is_json: The answer is for a program.
    """

    config_file: Path | None
    data: Path | None
    env: str | None
    is_json: bool

    def place(self) -> Place:
        """Return the data they choose."""
        return find_place(self.config_file, self.env, self.data)

    def operate(
        self, talk: Talk, *, tells_failures: bool = True, needs_server: bool = False
    ) -> None:
        """Run a command's conversation; with ``--json`` a failure is an object, too.

        Args:
            talk: The conversation.
            tells_failures: Not if the command does so itself.
            needs_server: It is with a server, and not about its data.
        """
        with told_as_wanted(is_json=self.is_json and tells_failures):
            conversation = _operate(
                self.place(), talk, Output(), is_json=self.is_json, needs_server=needs_server
            )
            run(conversation)


def with_place(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say where a command works; it gets them as ``where``."""

    @functools.wraps(command)
    def called(
        *,
        config_file: Path | None,
        data: Path | None,
        env: str | None,
        is_json: bool,
        **others: Any,
    ) -> None:
        command(where=Where(config_file, data, env, is_json), **others)

    found: Callable[..., None] = called
    for option in (json_option, env_option, data_option, config_option):
        found = option(found)
    return found


@contextmanager
def told_as_wanted(*, is_json: bool) -> Iterator[None]:
    """Tell of a failure in JSON, on standard error, if that is wanted."""
    try:
        yield
    except OperationFailed as error:
        if not is_json:
            raise
        failure = error.failure
        shown = {"error": failure.kind, "message": failure.message, "hint": failure.hint}
        Output().err.print(as_json(shown), soft_wrap=True)
        context = click.get_current_context()
        context.exit(2 if failure.is_usage else 1)


async def _operate(
    place: Place, talk: Talk, output: Output, *, is_json: bool, needs_server: bool
) -> None:
    with Bars(output) as bars:
        async with operate_on(
            place.data_dir, place.bindings, needs_server=needs_server
        ) as operations:
            await talk(Asking(operations, output, bars, is_json=is_json))


def _ignore(_: Item) -> None:
    """Items of an operation that has none."""
