"""``perdure actors import``, ``fork``, ``restore`` and ``delete``: what changes objects."""

import re
import shlex
import time
from pathlib import Path

import click
from rich.text import Text

from ..runtime.host.operations.history import RestoreArguments
from ..runtime.host.operations.removing import DeleteArguments
from ..runtime.host.operations.replacing import ForkArguments, ImportArguments
from ..runtime.observe.printable import printable
from .asking import agreed
from .columns import Column, Columns
from .moments import parse_moment
from .operating import Asking, Item, Where, with_place
from .options import one_object, one_object_and
from .output import Output
from .shown import size

# What looks like one, and may be another object's.
BOOKMARK = re.compile(r"[0-9A-Fa-f]+(-[0-9A-Fa-f]+)+")
agree_option = click.option("--yes", "-y", is_flag=True, help="Do it without asking.")
force_option = click.option(
    "--force", is_flag=True, help="Replace the data of an object that exists."
)


@click.command("import")
@one_object_and("FILE")
@force_option
@click.option("--without-alarm", is_flag=True, help="Leave out the alarm that is in FILE.")
@with_place
def import_command(
    namespace: str,
    name: str | None,
    id_text: str | None,
    file: str,
    force: bool,
    without_alarm: bool,
    where: Where,
) -> None:
    """Make an object of FILE, an export or any other SQLite file.

    Its tables are what the object's SQL sees. An object that is in memory is ended; the next
    event starts it with the new data.
    """
    source = str(Path(file).absolute())

    async def talk(asking: Asking) -> None:
        arguments = ImportArguments(namespace, source, name, id_text, force, without_alarm)
        _tell_replaced(asking, await asking.run("import", arguments), "Imported")

    where.operate(talk)


@click.command("fork")
@one_object_and("COPY")
@force_option
@click.option("--with-alarm", is_flag=True, help="The copy has the alarm, too.")
@with_place
def fork_command(
    namespace: str,
    name: str | None,
    id_text: str | None,
    copy: str,
    force: bool,
    with_alarm: bool,
    where: Where,
) -> None:
    """Copy an object to the name COPY, while it goes on."""

    async def talk(asking: Asking) -> None:
        arguments = ForkArguments(namespace, copy, name, id_text, force, with_alarm)
        _tell_replaced(asking, await asking.run("fork", arguments), "Copied to")

    where.operate(talk)


@click.command("delete")
@one_object
@agree_option
@with_place
def delete_command(
    namespace: str, name: str | None, id_text: str | None, yes: bool, where: Where
) -> None:
    """Delete an object; it goes to the trash, and can be brought back from there."""

    async def talk(asking: Asking) -> None:
        shown = f"{namespace} {name or id_text}"
        if not agreed(asking.output, f"Delete {printable(shown)}?", yes=yes):
            return
        result = await asking.run("delete", DeleteArguments(namespace, name, id_text))
        if where.is_json:
            asking.answer(result)
            return
        asking.output.data(Text.assemble("Deleted ", (_named(result), "name")))
        asking.output.message(f"To take that back: {_restore(result)}")

    where.operate(talk)


@click.command("restore")
@one_object
@click.option(
    "--to",
    metavar="STATE",
    help='A bookmark, a time ("2026-11-21 12:00", in UTC with a Z), or how long ago ("10m").',
)
@agree_option
@with_place
def restore_command(
    namespace: str,
    name: str | None,
    id_text: str | None,
    to: str | None,
    yes: bool,
    where: Where,
) -> None:
    """Set an object back to an earlier state, or bring back a deleted one.

    Shows what would change, and asks. What it was before can be had back: the bookmark of that
    is told. Without --to a deleted object comes back from the trash.
    """
    bookmark, time_ms = (None, None) if to is None else _state(to)

    async def talk(asking: Asking) -> None:
        if to is None:
            result = await asking.run("bring-back", DeleteArguments(namespace, name, id_text))
            _tell_replaced(asking, result, "Brought back")
            return
        wanted = RestoreArguments(namespace, name, id_text, bookmark, time_ms)
        if not (where.is_json and yes):
            changes: list[Item] = []
            preview = await asking.run("preview", wanted, changes.append)
            if where.is_json:
                asking.answer({**preview, "changes": changes})
            else:
                _show_preview(asking.output, preview, changes)
            if not agreed(asking.output, "Restore it?", yes=yes):
                return
            wanted = RestoreArguments(namespace, name, id_text, preview["bookmark"])
        result = await asking.run("restore", wanted)
        if where.is_json:
            asking.answer(result)
            return
        target = {"namespace": namespace, "name": name, "id": id_text}
        asking.output.data(Text.assemble("Restored to ", (result["bookmark"], "name")))
        asking.output.message(f"To undo that: {_restore(target)} --to {result['undo']}")

    where.operate(talk)


def _state(text: str) -> tuple[str | None, int | None]:
    """Return a bookmark or a time, whichever ``text`` is."""
    time_ms = parse_moment(text, time.time_ns() // 1_000_000)
    if time_ms is not None:
        return None, time_ms
    if BOOKMARK.fullmatch(text) is None:
        message = (
            f"{text!r} is neither a bookmark (perdure bookmarks shows them) nor a time, such as "
            '"2026-11-21 12:00", nor how long ago, such as 90s, 10m, 2h or 3d.'
        )
        raise click.BadParameter(message, param_hint="'--to'")
    return text, None


def _show_preview(output: Output, preview: Item, changes: list[Item]) -> None:
    if not preview["existed"]:
        output.message(Text.assemble(("note: ", "note"), "The object had nothing stored then."))
    if preview["damage"] is not None:
        told = f"What it has now cannot be read: {preview['damage']}"
        output.message(Text.assemble(("note: ", "note"), printable(told)))
        return
    if not changes:
        output.data(Text("Nothing would change."))
        return
    headings = [
        Column("Table", style="name"),
        Column("Added", is_number=True, style="good"),
        Column("Removed", is_number=True, style="warning"),
        Column("Changed", is_number=True),
        Column("", style="dim"),
    ]
    table = Columns(output, headings, indent=2)
    output.data(Text(f"What restoring {preview['bookmark']} would change:"))
    for change in changes:
        what = "" if change["kind"] == "changed" else f"table {change['kind']}"
        marks = {"added": "+", "removed": "-", "changed": "~"}
        keys = " ".join(f"{marks[kind]}{printable(key)}" for kind, key in change["keys"])
        name = "(keys)" if change["table"] == "_cf_KV" else printable(change["table"])
        numbers = [f"{change[kind]:,}" for kind in ("added", "removed", "changed")]
        table.row([name, *numbers, what or keys])
    table.end()


def _tell_replaced(asking: Asking, result: Item, verb: str) -> None:
    if asking.is_json:
        asking.answer(result)
        return
    line = Text.assemble(f"{verb} ", (_named(result), "name"), f"  {size(result['size_bytes'])}")
    asking.output.data(line)
    if result["undo"] is not None:
        asking.output.message(f"To undo that: {_restore(result)} --to {result['undo']}")


def _restore(result: Item) -> str:
    """Return the command that would restore the object, for a shell."""
    which = ["--id", result["id"]] if result["name"] is None else [result["name"]]
    return printable(shlex.join(["perdure", "actors", "restore", result["namespace"], *which]))


def _named(result: Item) -> str:
    return f"{result['namespace']} {printable(result['name'] or result['id'])}"
