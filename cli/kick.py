"""``perdure kick``: closes the WebSockets of an object's clients."""

import click
from rich.text import Text

from ..actors.session import POLICY_VIOLATION
from ..runtime.host.operations.kicking import REASON, KickArguments
from ..runtime.observe.printable import printable
from .actors import counted
from .operating import Asking, Where, with_place
from .options import one_object
from .ranges import WholeNumber


@click.command(
    epilog="""\b
Examples:
  perdure kick Room lobby
  perdure kick Room lobby --tag user:ann --code 4403 --reason "banned"
Codes of your own are 4000 to 4999."""
)
@one_object
@click.option("--tag", metavar="TAG", help="Only WebSockets that were accepted with this tag.")
@click.option(
    "--code",
    type=WholeNumber(1000, 4999),
    default=POLICY_VIOLATION,
    show_default=True,
    metavar="CODE",
    help="Of the close frame.",
)
@click.option(
    "--reason",
    default=REASON,
    show_default=True,
    metavar="TEXT",
    help="Likewise; at most 123 bytes.",
)
@with_place
def kick(
    namespace: str,
    name: str | None,
    id_text: str | None,
    tag: str | None,
    code: int,
    reason: str,
    where: Where,
) -> None:
    """Close the WebSockets of an object's clients, all or those with a tag.

    Each client gets code and reason, and the object's close handler runs as if the client had
    closed. Nobody is kept from coming back; a rule of the firewall does that. Connections that the
    object has opened itself stay.
    """

    async def talk(asking: Asking) -> None:
        arguments = KickArguments(namespace, name, id_text, tag, code, reason)
        result = await asking.run("kick", arguments)
        if where.is_json:
            asking.answer(result)
            return
        who = f"{result['namespace']} {printable(result['name'] or result['id'])}"
        told = f"Closed {counted(result['closed'], 'WebSocket')} of "
        asking.output.data(Text.assemble(told, (who, "name")))

    where.operate(talk, needs_server=True)
