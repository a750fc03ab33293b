"""``perdure backup``: a whole data directory that starts, of one that may be in use."""

from pathlib import Path

import click
from rich.text import Text

from ..runtime.host.operations.backing_up import BackupArguments
from .actors import counted
from .operating import Asking, Where, with_place
from .problems import shown_path
from .shown import size


@click.command(
    epilog="""\b
Examples:
  perdure backup /backups/chat-monday
  perdure serve --data /backups/chat-monday     run what was saved"""
)
@click.argument("directory", metavar="DEST", type=click.Path(path_type=Path))
@with_place
def backup(directory: Path, where: Where) -> None:
    """Copy the whole data directory to DEST, which must not be there yet.

    The server goes on meanwhile. DEST is a data directory: perdure serve --data DEST runs it. It
    is written by the server, so its user must be allowed to. The files of sandboxes are not copied.
    """
    target = directory.absolute()

    async def talk(asking: Asking) -> None:
        result = await asking.run("backup", BackupArguments(str(target)))
        asking.tell_if_hidden(target)
        if where.is_json:
            asking.answer(result)
            return
        about = f"  {counted(result['files'], 'file')}, {size(result['size_bytes'])}"
        asking.output.data(Text.assemble((shown_path(target), "name"), about))

    where.operate(talk)
