"""Log records as text for people and as JSON for collectors.

A record of ours is a constant event name and fields: ``log.info("actor.evicted",
extra={"actor": "…", "idle_s": 12.0})``. Records of other libraries and of user code are
messages; they look alike, with the message in the event's place.
"""

import json
import logging
import math
import time
from collections.abc import Mapping

from ...actors.errors import RemoteError
from ...actors.tracebacks import kept_traceback, user_traceback
from .printable import printable, printable_lines

# What every record has; the rest came as ``extra``.
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# Colours of terminals (ECMA-48, SGR), by the least level they are for.
COLOURS = ((logging.ERROR, "31"), (logging.WARNING, "33"), (logging.INFO, "36"), (0, "2"))
DIM = "2"
LEVEL_WIDTH = 7  # of "warning", the longest usual one


class TextFormatter(logging.Formatter):
    """One line a record, ``time level logger event field=value …``, and tracebacks below it.

    Lines that belong to a record are indented, so that no content can pass for another record.

    Args:
        colour: For a terminal; level and time are set off.
        brief: For a person who is watching: local time of day, and no logger's name.
        process: Which of several processes it is, as a last field; empty for no such field.
    """

    def __init__(self, *, colour: bool = False, brief: bool = False, process: str = "") -> None:
        super().__init__()
        self._process = process
        self._colour = colour
        self._brief = brief

    def format(self, record: logging.LogRecord) -> str:
        message = printable_lines(record.getMessage()).replace("\n", "\n  ")
        level = record.levelname.lower()
        head = self._paint(level.ljust(LEVEL_WIDTH), _colour_of(record.levelno))
        parts = [self._paint(self._time(record), DIM), head]
        if not self._brief:
            parts.append(record.name)
        parts.append(message)
        parts += [f"{self._paint(f'{k}=', DIM)}{_value(v)}" for k, v in fields_of(record).items()]
        if self._process:
            parts.append(f"{self._paint('process=', DIM)}{self._process}")
        text = " ".join(parts)
        for below in _text_below(record):
            text += "\n  " + printable_lines(below).replace("\n", "\n  ")
        return text

    def _time(self, record: logging.LogRecord) -> str:
        if self._brief:
            return time.strftime("%H:%M:%S", time.localtime(record.created))
        return utc(record.created)

    def _paint(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colour else text


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time``, ``level``, ``logger``, ``event``, and the fields.

    An error adds ``exception`` with ``type``, ``message`` and ``traceback``. A field that is
    called like one of these gets an underscore behind its name.

    Args:
        process: Which of several processes it is, as ``process``; empty for no such key.
    """

    def __init__(self, *, process: str = "") -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": utc(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        if self._process:
            entry["process"] = self._process
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            entry["exception"] = exception_fields(error)
        if record.stack_info:
            entry["stack"] = record.stack_info
        for name, value in fields_of(record).items():
            entry[f"{name}_" if name in entry else name] = value
        # ASCII only: a lone surrogate, as in a bad file name, has no form in UTF-8.
        return json.dumps(_strict(entry), default=str, separators=(",", ":"))


def exception_fields(error: BaseException) -> dict[str, str]:
    """Return ``type``, ``message`` and ``traceback`` of an error."""
    kind = type(error)
    name, message = f"{kind.__module__}.{kind.__qualname__}", _text_of(error)
    if isinstance(error, RemoteError) and kept_traceback(error) is not None:
        name, message = error.type_name, error.message  # as the process that raised it would say
    return {
        "type": name.removeprefix("builtins."),
        "message": message,
        "traceback": user_traceback(error),
    }


def fields_of(record: logging.LogRecord) -> Mapping[str, object]:
    """Return what was given as ``extra``, in the order it was given."""
    return {name: value for name, value in vars(record).items() if name not in STANDARD}


def utc(seconds: float) -> str:
    """Return a Unix time as RFC 3339 has it, with milliseconds."""
    milliseconds = int(seconds * 1000)
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000))
    return f"{whole}.{milliseconds % 1000:03}Z"


def _colour_of(level: int) -> str:
    return next(colour for least, colour in COLOURS if level >= least)


def _value(value: object) -> str:
    """Return a field's value in one word, quoted when it would not be one otherwise."""
    text = str(value)
    if text and text.isprintable() and not any(char in text for char in ' "='):
        return text
    return printable(json.dumps(text, ensure_ascii=False))


def _text_below(record: logging.LogRecord) -> list[str]:
    below = []
    if record.exc_info and record.exc_info[1] is not None:
        below.append(user_traceback(record.exc_info[1]))
    if record.stack_info:
        below.append(record.stack_info)
    return below


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as failed:  # user code; the log must not fail with it
        return f"<its __str__ raised {type(failed).__name__}>"


def _strict(value: object) -> object:
    """Return a value without what JSON has no form for: NaN, infinities, keys that are no text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    return value
