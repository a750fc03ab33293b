"""One event of a server as people read it while it happens."""

import time
from collections.abc import Mapping
from typing import Any

from rich.text import Text

from ..runtime.observe.printable import printable, printable_lines
from .request_line import STYLES, status_text
from .shown import size

Event = Mapping[str, Any]

# What stands for an event's name, which is longer than a line has room for, and its style.
LABELS = {
    "request": ("request", "cyan"),
    "websocket.connection.accepted": ("ws accepted", "green"),
    "websocket.connection.closed": ("ws closed", "cyan"),
    "websocket.protocol.error": ("ws broken", "bold red"),
    "websocket.queue.overflowed": ("ws overflow", "bold red"),
    "websocket.peer.dead": ("ws dead", "bold yellow"),
    "message.received": ("received", "cyan"),
    "message.sent": ("sent", "cyan"),
    "message.dropped": ("dropped", "bold yellow"),
    "actor.started": ("started", "green"),
    "actor.evicted": ("evicted", "dim"),
    "actor.reset": ("reset", "bold red"),
    "actor.handled": ("handled", "cyan"),
    "alarm": ("alarm", "cyan"),
    "error": ("error", "bold red"),
    "firewall": ("firewall", "bold yellow"),
    "log": ("log", "cyan"),
    "console": ("console", "green"),
    "events.lost": ("LOST", "bold yellow"),
}
LEVELS = {"warning": "bold yellow", "error": "bold red", "critical": "bold red"}
_WIDTH = max(len(label) for label, _ in LABELS.values())
_SOCKET_DIGITS_SHOWN = 8
# Of every event, or shown by hand.
_KNOWN = frozenset({"time_ms", "event", "namespace", "name", "id"})
_UNITS = {"_ms": " ms", "_s": " s"}


def event_line(event: Event, *, has_errors: bool = False) -> Text:
    """Return when, what, where, and the rest; with a traceback it has more than one line.

    Args:
        event: As it came.
        has_errors: The reader gets ``error`` events, too: what the log of ours says of the same
            error needs no traceback.
    """
    name = event["event"]
    label, style = LABELS.get(name, (name, ""))
    line = Text.assemble((_time(event["time_ms"]), "dim"), " ", (f"{label:<{_WIDTH}}", style), " ")
    if "id" in event:
        line.append(f"{printable(event['namespace'])} ", "place")
        line.append(f"{printable(event['name'] or event['id'][:16])} ", "name")
    used = _DETAILS.get(name, _nothing)(event, line)
    for key, value in event.items():
        if key not in used and key not in _KNOWN and value is not None and value != {}:
            line.append_text(_field(key, value))
    line.rstrip()
    is_told = has_errors and event.get("logger", "").startswith("perdure.")
    if isinstance(exception := event.get("exception"), dict) and not is_told:
        below = printable_lines(exception["traceback"]).replace("\n", "\n  ")
        line.append(f"\n  {below}", "dim")
    return line


def _nothing(event: Event, line: Text) -> set[str]:
    del event, line
    return set()


def _request(event: Event, line: Text) -> set[str]:
    status = event["status"]
    line.append(f"{printable(event['method'])} ", "name")
    line.append(f"{printable(event['path'])} ")
    line.append(f"{status_text(status)} ", STYLES.get(status // 100, ""))
    line.append(f"{_number(event['duration_ms'])} ms ", "dim")
    return {"method", "path", "status", "duration_ms"}


def _handled(event: Event, line: Text) -> set[str]:
    line.append(f"{printable(event['handler'])} ")
    is_good = event["outcome"] == "ok"
    line.append(f"{event['outcome']} ", "green" if is_good else "bold red")
    return {"handler", "outcome"}


def _message(event: Event, line: Text) -> set[str]:
    line.append(f"{event['kind']} {size(event['size_bytes'])} ")
    return {"kind", "size_bytes"}


def _error(event: Event, line: Text) -> set[str]:
    exception = event["exception"]
    text = f"{exception['type']}: {exception['message']}"
    line.append(f"in {printable(event['handler'])}: {printable(text)} ")
    return {"handler", "exception"}


def _log(event: Event, line: Text) -> set[str]:
    level = event["level"]
    line.append(f"{level} ", LEVELS.get(level, "dim"))
    line.append(f"{printable(event['message'])} ")
    line.append(f"{printable(event['logger'])} ", "dim")
    for key, value in event.get("fields", {}).items():
        line.append_text(_field(key, value))
    return {"level", "message", "logger", "fields", "exception"}


def _console(event: Event, line: Text) -> set[str]:
    line.append(printable(event["text"]))
    return {"text", "stream"}


def _lost(event: Event, line: Text) -> set[str]:
    line.append(f"{event['count']:,} events: they came faster than they were read", "bold yellow")
    return {"count"}


_DETAILS = {
    "request": _request,
    "actor.handled": _handled,
    "message.received": _message,
    "message.sent": _message,
    "error": _error,
    "log": _log,
    "console": _console,
    "events.lost": _lost,
}


def _time(time_ms: int) -> str:
    clock = time.strftime("%H:%M:%S", time.localtime(time_ms // 1000))
    return f"{clock}.{time_ms % 1000:03}"


def _field(key: str, value: Any) -> Text:
    if key == "socket":
        value = str(value)[:_SOCKET_DIGITS_SHOWN]
    shown = _number(value) if isinstance(value, float) else str(value)
    for suffix, unit in _UNITS.items():
        if key.endswith(suffix) and isinstance(value, float):
            key, shown = key.removesuffix(suffix), shown + unit
    quoted = shown if shown and " " not in shown.removesuffix(" ms") else f'"{shown}"'
    return Text.assemble((f"{printable(key)}=", "dim"), printable(quoted), " ")


def _number(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"
