"""One configuration file as read from disk: its values, and where they stand.

A further format is one more function in ``READERS``.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import ConfigError, Problem
from .positions import Position, Positions, toml_positions

FILE_NAME = "wrangler.toml"
NOT_READ_YET = ("wrangler.json", "wrangler.jsonc")


@dataclass(frozen=True, slots=True)
class Document:
    """The content of a configuration file, unchecked."""

    path: Path
    values: Mapping[str, object]
    positions: Positions


def find_config(start: Path) -> Path:
    """Return the ``wrangler.toml`` in ``start`` or in the closest directory above it.

    Raises:
        ConfigError: There is none.
    """
    start = start.resolve()
    for directory in (start, *start.parents):
        if (directory / FILE_NAME).is_file():
            return directory / FILE_NAME
    hint = "Change to the project's directory, name a file with -c, or make a project: perdure init"
    for name in NOT_READ_YET:
        if (start / name).is_file():
            hint = f"{start / name} is here, but only TOML is read so far: write a {FILE_NAME}."
    message = f"There is no {FILE_NAME} in {start}, nor in any directory above it."
    raise ConfigError([Problem(None, "", None, None, message, hint)])


def read_document(path: Path) -> Document:
    """Read a configuration file.

    Raises:
        ConfigError: It is missing, unreadable, or not well-formed.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise _refusal(path, "There is no such file.", "Check the path given with -c.") from None
    except OSError as error:
        raise _refusal(path, f"The file cannot be read: {error.strerror}.") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        hint = "Save the file as UTF-8."
        raise _refusal(path, "The file is not UTF-8 text.", hint, Position(line, 1)) from None
    return READERS.get(path.suffix, read_toml)(path, text)


def read_toml(path: Path, text: str) -> Document:
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, place = syntax_error(text, str(error))
        raise _refusal(path, message, TOML_HINTS.get(message, TOML_HINT), place) from None
    except RecursionError:
        raise _refusal(path, "Tables or arrays are nested too deeply.") from None
    return Document(path, values, toml_positions(text))


def refuse_json(path: Path, _text: str) -> Document:
    message = "JSON configuration is not read by this release."
    raise _refusal(path, message, f"Write the same keys into a {FILE_NAME}.")


def syntax_error(text: str, message: str) -> tuple[str, Position]:
    """Return tomllib's message without its position, and the position."""
    # Python 3.14 has attributes for this; up to 3.13 the text is all there is.
    if match := re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", message, re.DOTALL):
        return match[1], Position(int(match[2]), int(match[3]))
    lines = text.rstrip("\n").split("\n")
    return message.removesuffix(" (at end of document)"), Position(len(lines), len(lines[-1]) + 1)


TOML_HINT = "The file is not well-formed TOML from here on; https://toml.io has the rules."
TOML_HINTS = {
    "Invalid value": "Text needs quotes, booleans are true and false in lower case.",
    "Cannot overwrite a value": "This key is set twice; remove one of the two.",
    "Unterminated string": "A string is opened with a quote that is never closed.",
    "Unclosed array": "An array is opened with [ that is never closed.",
    "Illegal character '\\n'": 'A string ends on the line where it began; write """ for several.',
}
READERS: Mapping[str, Callable[[Path, str], Document]] = {
    ".toml": read_toml,
    ".json": refuse_json,
    ".jsonc": refuse_json,
}


def _refusal(path: Path, message: str, hint: str = "", at: Position | None = None) -> ConfigError:
    line, column = (at.line, at.column) if at else (None, None)
    return ConfigError([Problem(path, "", line, column, message, hint)])
