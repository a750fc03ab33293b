"""``perdure resize``: another number of workers for a server that goes on serving."""

import click

from ..runtime.config.settings import WORKERS_MAX
from ..runtime.control.changes import ResizeArguments
from .actors import counted
from .operating import Asking, Where, with_place
from .ranges import WholeNumber


@click.command(
    epilog="""\b
Examples:
  perdure resize 4"""
)
@click.argument("workers", type=WholeNumber(1, WORKERS_MAX), metavar="WORKERS")
@with_place
def resize(workers: int, where: Where) -> None:
    """Have a running server go on with WORKERS worker processes.

    Objects that change workers take their clients' connections with them; everybody waits for
    a moment. It lasts until the server stops: perdure.workers says how many there are at a start.
    """

    async def talk(asking: Asking) -> None:
        result = await asking.run("resize", ResizeArguments(workers))
        if where.is_json:
            asking.answer(result)
            return
        before, moved = result["before"], result["moved_partitions"]
        shares = f"; {moved / 1024:.0%} of all objects are in another one" if moved else ""
        asking.output.data(f"{counted(workers, 'worker')}, {before} before{shares}.")

    where.operate(talk, needs_server=True)
