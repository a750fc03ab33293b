"""One line for each request that was answered."""

import time
from http import HTTPStatus

from rich.text import Text

from ..runtime.edge.request_record import CLIENT_GONE, RequestRecord
from ..runtime.observe.printable import printable

# By the first digit of the status.
STYLES = {1: "cyan", 2: "green", 3: "cyan", 4: "yellow", 5: "bold red"}


def request_line(record: RequestRecord) -> Text:
    """Return time of day, method, path, status and milliseconds."""
    return Text.assemble(
        (time.strftime("%H:%M:%S "), "dim"),
        (f"{printable(record.method)} ", "name"),
        f"{printable(record.path)} ",
        (status_text(record.status), STYLES.get(record.status // 100, "")),
        (f" {_milliseconds(record.duration_s)} ms", "dim"),
    )


def status_text(status: int) -> str:
    """Return a status with its name, if it has one."""
    if status == CLIENT_GONE:
        return f"{status} Client Gone"
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:  # a status of the user's own
        return str(status)


def _milliseconds(duration_s: float) -> str:
    milliseconds = duration_s * 1000
    return f"{milliseconds:.1f}" if milliseconds < 10 else f"{milliseconds:.0f}"
