"""``perdure tail``: what a server does, while it does it."""

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from ..runtime.control.protocol import Failure, OperationFailed
from ..runtime.host.operations.tailing import TailArguments
from .event_line import event_line
from .operating import Asking, Item, Where
from .options import config_option, data_option, env_option
from .shown import moment


@click.command(
    epilog="""\b
Examples:
  perdure tail
  perdure tail --namespace Room --name lobby
  perdure tail --event error --event log
  perdure tail --event request --status 5xx --format json | jq .path

\b
Events: request, websocket (.connection.accepted, .connection.closed, .protocol.error,
.queue.overflowed, .peer.dead), message (.received, .sent, .dropped), actor (.started, .evicted,
.reset, .handled), alarm, error, firewall, log, console. docs/observability.md has their fields."""
)
@click.option("--namespace", metavar="CLASS", help="Events of one class's objects only.")
@click.option("--name", metavar="NAME", help="Events of the object of this name only.")
@click.option(
    "--event",
    "events",
    multiple=True,
    metavar="EVENT",
    help='Events of this name only; "message" is all that begin with it. Repeatable.',
)
@click.option(
    "--status",
    "statuses",
    multiple=True,
    metavar="STATUS",
    help="404, 5xx, ok or error: events that went so only. Repeatable.",
)
@click.option(
    "--format",
    "shape",
    type=click.Choice(["pretty", "json"]),
    help="For people or, an object a line, for programs. Default: pretty on a terminal.",
)
@config_option
@data_option
@env_option
def tail(
    namespace: str | None,
    name: str | None,
    events: Sequence[str],
    statuses: Sequence[str],
    shape: str | None,
    config_file: Path | None,
    data: Path | None,
    env: str | None,
) -> None:
    """Follow what a running server does: requests, messages, alarms, errors, log lines.

    The server is found by its data directory, as the configuration or --data names it; no port
    is needed. Whoever reads too slowly loses events, and is told how many. Ctrl-C ends it.
    """
    is_json = shape == "json" or (shape is None and not sys.stdout.isatty())
    where = Where(config_file, data, env, is_json)
    arguments = TailArguments(list(events), namespace, name, list(statuses))
    where.operate(lambda asking: _follow(asking, arguments))


async def _follow(asking: Asking, arguments: TailArguments) -> None:
    task = asyncio.current_task()
    assert task is not None, "it is run by a loop"
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    began: list[None] = []
    has_errors = not arguments.events or "error" in arguments.events

    def on_item(item: Item) -> None:
        if not began:
            began.append(None)
            asking.output.message("Following. Ctrl-C ends it.")
        for event in item["events"]:
            if asking.is_json:
                asking.answer({"time": moment(event.pop("time_ms")), **event})
            else:
                asking.output.line(event_line(event, has_errors=has_errors))

    try:
        await asking.run("tail", arguments, on_item)
        asking.output.message("The server has stopped.")
    except asyncio.CancelledError:
        return
    except OperationFailed as error:
        raise _gone(error) if began else error from None


def _gone(error: OperationFailed) -> OperationFailed:
    """Return what is told of a server that went in the middle of it."""
    if error.failure.kind != "ConnectionError":
        return error
    problem = "The server has gone away without a word: it was killed, or has crashed"
    return OperationFailed(Failure("ConnectionError", problem, "Its log may tell why"))
