"""``perdure reload``: new code for a server that goes on serving."""

from collections.abc import Sequence

import click
from rich.text import Text

from ..runtime.control.changes import ReloadArguments
from .actors import counted
from .operating import Asking, Where, with_place
from .options import yes_option
from .output import Output


@click.command(
    epilog="""\b
Examples:
  perdure reload
  perdure reload --yes --json"""
)
@yes_option
@with_place
def reload(yes: bool, where: Where) -> None:  # click calls it with names
    """Have a running server take over new code and a new configuration.

    One worker after another is replaced; clients keep their connections and get all their
    answers. Code that cannot be imported changes nothing. Migrations that rename, take over or
    delete classes are applied while no worker runs; clients wait for that moment.
    """

    async def talk(asking: Asking) -> None:
        result = await asking.run("reload", ReloadArguments(yes))
        if where.is_json:
            asking.answer(result)
            return
        output = asking.output
        output.data(f"{counted(result['workers'], 'worker')} replaced.")
        if result["tags"]:
            output.data(f"Migrations applied: {', '.join(result['tags'])}.")
        _note(output, result["needs_upgrade"], "routers have that: perdure upgrade replaces them")
        _note(output, result["needs_start"], "the next start of the server heeds that")

    where.operate(talk, needs_server=True)


def _note(output: Output, keys: Sequence[str], what: str) -> None:
    for key in keys:
        output.message(Text.assemble(("note: ", "note"), f"{key} was changed; {what}."))
