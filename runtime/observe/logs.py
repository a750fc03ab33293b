"""Setting logging up, once, for the whole process."""

import logging
from dataclasses import dataclass, replace
from typing import TextIO

from .formatters import JsonFormatter, TextFormatter

# They log what only their authors need; their warnings are worth hearing.
LIBRARIES = ("aiohttp", "aiosqlite", "asyncio", "opentelemetry", "urllib3", "watchfiles")


@dataclass(frozen=True, slots=True)
class LogStyle:
    """How a log looks.

    Attributes:
        level: ``debug``, ``info``, ``warning`` or ``error``: the least that is written. Of the
            libraries we use nothing below ``warning`` is.
        as_json: One JSON object a line, instead of text.
        colour: Text for a terminal.
        brief: Text for a person who is watching.
        process: Which of several the lines are from; empty where there is one.
    """

    level: str = "info"
    as_json: bool = False
    colour: bool = False
    brief: bool = False
    process: str = ""

    def of(self, process: str) -> "LogStyle":
        """The same for one of several processes, whose lines say so."""
        return replace(self, process=process)


def set_up_logs(stream: TextIO, style: LogStyle) -> None:
    """Write every record of this process to ``stream``, user code's and Python's warnings too.

    Args:
        stream: Usually standard error.
        style: How.
    """
    handler = logging.StreamHandler(stream)
    text = TextFormatter(colour=style.colour, brief=style.brief, process=style.process)
    handler.setFormatter(JsonFormatter(process=style.process) if style.as_json else text)
    number = logging.getLevelNamesMapping()[style.level.upper()]
    logging.basicConfig(handlers=[handler], level=number, force=True)
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    logging.captureWarnings(True)  # noqa: FBT003  # the function's only argument
