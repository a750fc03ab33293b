"""``perdure ps``: the processes of a running server, and what each of them holds."""

import time
from collections.abc import Sequence

import click
from rich.text import Text

from ..runtime.control.processes import ProcessesArguments
from ..runtime.observe.printable import printable
from .columns import Column, Columns
from .operating import Asking, Item, Where, with_place
from .output import Output
from .shown import as_json, size, span

_PROCESSES = (
    Column("Process", style="name"),
    Column("Pid", is_number=True),
    Column("State"),
    Column("Up", is_number=True),
    Column("Restarts", is_number=True),
    Column("Memory", is_number=True),
)
# By their keys: what a process with actors holds, and one with clients.
_OF_WORKERS = {
    "partitions": "Partitions",
    "actors": "Objects",
    "hibernated": "Hibernated",
    "actor_sockets": "WebSockets",
    "events": "Events",
    "turns_held": "Held",
}
_OF_ROUTERS = {
    "connections": "Connections",
    "client_sockets": "WebSockets",
    "unacknowledged": "Not acknowledged",
}
# A process that has not answered for so long is worth a word; it is asked every second.
_SILENT_S = 3.0


@click.command(
    epilog="""\b
Examples:
  perdure ps
  perdure ps --json | jq 'select(.role == "worker") | .actors'"""
)
@with_place
def ps(where: Where) -> None:
    """List a running server's processes, and what they hold.

    Workers have objects: those in memory, those that sleep while their WebSockets are open, events
    that have no answer yet, and turns that wait for others. Routers have clients: connections,
    WebSockets, and messages that no worker has finished handling.
    """
    items: list[Item] = []

    async def talk(asking: Asking) -> None:
        await asking.run("processes", ProcessesArguments(), items.append)
        if where.is_json:
            for item in items:
                asking.output.line(as_json(item))
        else:
            _show(asking.output, items, time.time_ns() // 1_000_000)

    where.operate(talk, needs_server=True)


def _show(output: Output, items: Sequence[Item], now_ms: int) -> None:
    table = Columns(output, _PROCESSES)
    for item in items:
        memory = item["memory_size_bytes"]
        cells: list[str | Text] = [
            _name(item),
            "-" if item["pid"] is None else str(item["pid"]),
            _state(item),
            "-" if item["started_ms"] is None else span(now_ms - item["started_ms"]),
            f"{item['restarts']:,}",
            "-" if memory is None else size(memory),
        ]
        table.row(cells)
    table.end()
    _show_held(output, "Worker", _OF_WORKERS, items)
    _show_held(output, "Router", _OF_ROUTERS, items)
    for item in items:
        if item["failure"] is not None:
            why = printable(item["failure"].strip().splitlines()[-1].strip())
            output.data()
            pid = "" if item["pid"] is None else f" ({item['pid']})"
            output.data(Text.assemble((f"{_name(item)}{pid}: ", "place"), why))


def _show_held(output: Output, title: str, columns: dict[str, str], items: Sequence[Item]) -> None:
    """Show what those hold that have anything of this kind; columns that nobody fills are left."""
    rows = [item for item in items if any(item[key] is not None for key in columns)]
    keys = [key for key in columns if any(row[key] is not None for row in rows)]
    if not rows:
        return
    output.data()
    headings = [Column(title, style="name"), *(Column(columns[k], is_number=True) for k in keys)]
    table = Columns(output, headings)
    for row in rows:
        numbers = ["-" if row[key] is None else f"{row[key]:,}" for key in keys]
        table.row([row["slot"] or row["role"], *numbers])
    table.end()


def _name(item: Item) -> str:
    return f"{item['role']} {item['slot']}".rstrip()


def _state(item: Item) -> Text:
    if item["silent_s"] >= _SILENT_S:
        return Text(f"{item['state']}, silent", "warning")
    return Text(item["state"], "" if item["state"] in {"serving", "spare"} else "warning")
