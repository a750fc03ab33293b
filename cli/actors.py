"""``perdure actors``: the objects of a data directory, one by one."""

import time
from functools import partial
from pathlib import Path

import click
from rich.text import Text

from ..runtime.host.operations.exporting import ExportArguments
from ..runtime.host.operations.listing import ListArguments
from ..runtime.host.operations.removing import ListDeletedArguments
from ..runtime.host.operations.showing import ShowArguments
from ..runtime.observe.printable import printable
from .columns import Column, Columns
from .commands import Suggesting
from .operating import Asking, Item, Where, with_place
from .options import one_object, one_object_and
from .output import Output
from .problems import shown_path
from .ranges import WholeNumber
from .shown import distance, moment_or_nothing, size

_ID_DIGITS_SHOWN = 16
_NAMED = (Column("Name", style="name"), Column("Id", style="dim"))
_LISTED = (
    *_NAMED,
    Column("Size", is_number=True),
    Column("Written"),
    Column("Alarm"),
    Column("In memory"),
)
_DELETED = (Column("Class"), *_NAMED, Column("Size", is_number=True), Column("Deleted"))


@click.group(
    cls=Suggesting,
    epilog="""\b
Examples:
  perdure actors list Room
  perdure actors show Room lobby
  perdure actors export Room lobby lobby.sqlite""",
)
def actors() -> None:
    """Look at the objects of a data directory, and move them about.

    Works on a running server's data and on a stopped one's alike. NAMESPACE is a class, the name
    of a binding, or a unique key; NAME is what id_from_name() was given.
    """


@actors.command("list")
@click.argument("namespace", required=False)
@click.option("--match", metavar="PATTERN", help='Names or ids that fit, for instance "user-*".')
@click.option("--limit", type=WholeNumber(1), metavar="N", help="At most so many.")
@click.option("--deleted", is_flag=True, help="Those in the trash instead.")
@with_place
def list_command(
    namespace: str | None,
    match: str | None,
    limit: int | None,
    deleted: bool,
    where: Where,
) -> None:
    """List objects that have stored something, or that were deleted."""
    if deleted:
        where.operate(partial(_list_deleted, namespace))
        return

    async def talk(asking: Asking) -> None:
        row = partial(_list_row, time.time_ns() // 1_000_000, has_namespace=namespace is None)
        columns = _LISTED if namespace is not None else (Column("Class"), *_LISTED)
        arguments = ListArguments(namespace, match, limit)
        result = await asking.run_for_rows("list", arguments, columns, row)
        if not where.is_json:
            more = ", and there are more" if result["has_more"] else ""
            asking.output.message(f"{counted(result['count'], 'object')}{more}.")

    where.operate(talk)


async def _list_deleted(namespace: str | None, asking: Asking) -> None:
    now_ms = time.time_ns() // 1_000_000

    def row(item: Item) -> list[str | Text]:
        when = distance(item["deleted_ms"], now_ms)
        return [item["namespace"], *_named(item), size(item["size_bytes"]), when]

    arguments = ListDeletedArguments(namespace)
    result = await asking.run_for_rows("deleted", arguments, _DELETED, row)
    if not asking.is_json:
        asking.output.message(f"{counted(result['count'], 'deleted object')}.")


def _list_row(now_ms: int, item: Item, *, has_namespace: bool) -> list[str | Text]:
    alarm_ms = item["alarm_ms"]
    cells: list[str | Text] = [
        *_named(item),
        size(item["size_bytes"]),
        distance(item["written_ms"], now_ms),
        "-" if alarm_ms is None else distance(alarm_ms, now_ms),
        "yes" if item["is_live"] else "-",
    ]
    return [item["namespace"], *cells] if has_namespace else cells


def _named(item: Item) -> tuple[str | Text, str]:
    """Return the cells that say which object it is."""
    name = item["name"]
    digits = item["id"][:_ID_DIGITS_SHOWN]
    return (Text("-", "dim") if name is None else printable(name)), digits


@actors.command("show")
@one_object
@click.option(
    "--exact", is_flag=True, help="Count all rows, though it may hold up a running server."
)
@with_place
def show_command(
    namespace: str,
    name: str | None,
    id_text: str | None,
    exact: bool,
    where: Where,
) -> None:
    """Show one object: its tables, keys, alarm, and whether it is in memory."""

    async def talk(asking: Asking) -> None:
        found = await asking.run("show", ShowArguments(namespace, name, id_text, exact))
        if where.is_json:
            asking.answer(found)
        else:
            _describe(asking.output, found)

    where.operate(talk)


def _describe(output: Output, found: Item) -> None:
    now_ms = time.time_ns() // 1_000_000
    name = found["name"]
    title = Text.assemble(found["namespace"], " ")
    title.append(printable(name) if name is not None else "(name not known)", "name")
    output.data(title)
    state = "no"
    if found["is_live"]:
        state = f"yes, with {counted(found['sessions'], 'WebSocket')}"
        state += f" and {counted(found['events'], 'event')} under way"
    about = "" if found["keys_are_exact"] else "more than "
    facts = {
        "Id": found["id"],
        "File": shown_path(Path(found["path"])),
        "Size": size(found["size_bytes"]),
        "Keys": f"{about}{found['keys']:,}",
        "Alarm": moment_or_nothing(found["alarm_ms"], now_ms),
        "Bookmark": found["bookmark"],
        "In memory": state,
    }
    if found["quarantine"] is not None:
        facts["Quarantine"] = found["quarantine"]
    output.data()
    for label, value in facts.items():
        output.data(Text.assemble("  ", (f"{label:<12}", "dim"), printable(value)))
    if not found["tables"]:
        return
    output.data()
    columns = [
        Column("Table", style="name"),
        Column("Rows", is_number=True),
        Column("", style="dim"),
    ]
    table = Columns(output, columns, indent=2)
    for entry in found["tables"]:
        rows = "-" if entry["rows"] is None else f"{entry['rows']:,}"
        kind = "" if entry["kind"] == "table" else entry["kind"]
        table.row([printable(entry["name"]), rows if entry["is_exact"] else f">{rows}", kind])
    table.end()


@actors.command("export")
@one_object_and("FILE")
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@with_place
def export_command(
    namespace: str,
    name: str | None,
    id_text: str | None,
    file: str,
    force: bool,
    where: Where,
) -> None:
    """Write an object's data into FILE, a plain SQLite file.

    The object goes on meanwhile. FILE is one state of it, the newest one, and durable.
    """
    target = str(Path(file).absolute())

    async def talk(asking: Asking) -> None:
        arguments = ExportArguments(namespace, target, name, id_text, force)
        result = await asking.run("export", arguments)
        asking.tell_if_hidden(Path(target))
        if where.is_json:
            asking.answer(result)
            return
        asking.output.data(
            Text.assemble((shown_path(Path(target)), "name"), f"  {size(result['size_bytes'])}")
        )

    where.operate(talk)


def counted(number: int, noun: str) -> str:
    """Return for instance ``1 object`` or ``2 objects``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
