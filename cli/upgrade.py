"""``perdure upgrade``: replaces the routers of a running server, unnoticed by clients."""

import click
from rich.text import Text

from ..runtime.control.upgrading import UpgradeArguments
from .actors import counted
from .operating import Asking, Item, Where, with_place


@click.command(
    epilog="""\b
Examples:
  perdure upgrade
  perdure upgrade --data /var/lib/chat --json"""
)
@with_place
def upgrade(where: Where) -> None:
    """Replace the routers of a running server, the processes that have the clients.

    Clients notice nothing. The firewall, the limits of clients, TLS and the other settings of
    [perdure] that routers look at are read again, for connections from now on; the program and
    its workers stay. Says how many connections went over to the new routers, and how many stay
    with the old ones until they end: those with TLS, and those in the middle of something.
    """

    async def talk(asking: Asking) -> None:
        result = await asking.run("upgrade", UpgradeArguments())
        if where.is_json:
            asking.answer(result)
        else:
            asking.output.data(_told(result))

    where.operate(talk, needs_server=True)


def _told(result: Item) -> Text:
    text = Text("Replaced ")
    text.append(f"{counted(result['routers'], 'router')}. ")
    text.append(f"{counted(result['moved'], 'connection')} went over.")
    if result["staying"]:
        stay = "stays until it ends" if result["staying"] == 1 else "stay until they end"
        limit = _span(result["relay_max_s"])
        text.append(f" {result['staying']:,} {stay}, for {limit} at most.")
    return text


def _span(seconds: float) -> str:
    return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds:g} s"
