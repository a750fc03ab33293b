"""``perdure bookmarks``: the states of an object that can be had back."""

import time

import click
from rich.text import Text

from ..runtime.host.operations.history import BookmarksArguments
from .actors import counted
from .columns import Column
from .operating import Asking, Item, Where, with_place
from .options import one_object
from .ranges import WholeNumber
from .shown import distance, moment, size


@click.command(
    epilog="""\b
Examples:
  perdure bookmarks Room lobby
  perdure actors restore Room lobby --to 00000001-000000000000012a-5f3a91c2"""
)
@one_object
@click.option(
    "--limit",
    type=WholeNumber(1, 100_000),
    default=20,
    show_default=True,
    metavar="N",
    help="At most so many, the newest.",
)
@with_place
def bookmarks(
    namespace: str, name: str | None, id_text: str | None, limit: int, where: Where
) -> None:
    """List an object's last commits, each with the bookmark of the state after it."""

    async def talk(asking: Asking) -> None:
        headings = [
            Column("Bookmark", style="name"),
            Column("Time"),
            Column("", style="dim"),
            Column("Size", is_number=True),
            Column("What"),
        ]
        now_ms = time.time_ns() // 1_000_000

        def row(item: Item) -> list[str | Text]:
            time_ms = item["time_ms"]
            when = (moment(time_ms), distance(time_ms, now_ms))
            return [item["bookmark"], *when, size(item["size_bytes"]), item["kind"]]

        arguments = BookmarksArguments(namespace, name, id_text, limit)
        result = await asking.run_for_rows("bookmarks", arguments, headings, row)
        if not where.is_json:
            asking.output.message(
                Text(f"{counted(result['count'], 'bookmark')}. Now: {result['current']}")
            )

    where.operate(talk)
