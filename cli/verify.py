"""``perdure verify``: reads all of a data directory, and says what is damaged."""

from pathlib import Path

import click
from rich.text import Text

from ..runtime.control.protocol import OperationFailed
from ..runtime.host.operations.verifying import VerifyArguments
from ..runtime.observe.printable import printable_lines
from .actors import counted
from .failures import OTHER
from .operating import Asking, Item, Where, with_place
from .output import Output
from .problems import INDENT, shown_path
from .shown import as_json

# What keeps a directory from being opened is what was asked for here.
_DAMAGE = frozenset({"LogCorrupt", "DatabaseFailed", "ArchiveDamaged"})


@click.command(
    epilog="""\b
Examples:
  perdure verify
  perdure verify --data /backups/chat-monday --json"""
)
@with_place
@click.pass_context
def verify(context: click.Context, where: Where) -> None:
    """Read the log, the archive and every object, and tell what is damaged.

    On a running server, too. Exit code 1 means that something is.
    """
    found: list[Item] = []

    async def talk(asking: Asking) -> None:
        def on_item(item: Item) -> None:
            found.append(item)
            _tell(asking.output, item, is_json=where.is_json)

        result = await asking.run("verify", VerifyArguments(), on_item)
        if where.is_json:
            asking.answer(result)
            return
        read = (
            f"{counted(result['records'], 'record')} of the log, "
            f"{counted(result['archive_files'], 'file')} of the archive, "
            f"{counted(result['actors'], 'object')}"
        )
        verdict = (
            Text.assemble((f"{result['findings']} damaged.", "error"), f" {read} were read.")
            if result["findings"]
            else Text.assemble(("Nothing is damaged.", "good"), f" {read} were read.")
        )
        asking.output.data(verdict)

    try:
        where.operate(talk, tells_failures=False)
    except OperationFailed as error:
        if error.failure.kind not in _DAMAGE:
            raise
        path, _, problem = error.failure.message.partition(": ")
        item = {"kind": "directory", "path": path, "problem": problem}
        _tell(Output(), item, is_json=where.is_json)
        if error.failure.hint and not where.is_json:
            Output().message(error.failure.hint, indent=INDENT)
        found.append(item)
    if found:
        context.exit(OTHER)


def _tell(output: Output, item: Item, *, is_json: bool) -> None:
    if is_json:
        output.line(as_json(item))
        return
    path = shown_path(Path(item["path"]))
    line = Text.assemble((f"{path}: ", "place"), ("damaged: ", "error"))
    output.data(line + printable_lines(item["problem"]))
