"""One configuration file as read from disk: its values, and where they stand.

A further format is one more function in ``READERS``.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import ConfigError, Problem
from .json_text import JsonError, parse_json
from .positions import Position, Positions, toml_positions

# In wrangler's order: one that stands further up beats a later one that is closer.
FILE_NAMES = ("wrangler.json", "wrangler.jsonc", "wrangler.toml")
NAMES_TOLD = "wrangler.toml, wrangler.json or wrangler.jsonc"


@dataclass(frozen=True, slots=True)
class Document:
    """The content of a configuration file, unchecked."""

    path: Path
    values: Mapping[str, object]
    positions: Positions


def find_config(start: Path) -> Path:
    """Return the configuration file for a directory, which stands there or further up.

    The closest ``wrangler.json`` is taken, else the closest ``wrangler.jsonc``, else the closest
    ``wrangler.toml``.

    Raises:
        ConfigError: There is none.
    """
    start = start.resolve()
    for name in FILE_NAMES:
        for directory in (start, *start.parents):
            if (directory / name).is_file():
                return directory / name
    hint = "Change to the project's directory, name a file with -c, or make a project: perdure init"
    message = f"There is no {NAMES_TOLD} in {start}, nor in any directory above it."
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


def read_json(path: Path, text: str) -> Document:
    try:
        values, positions = parse_json(text)
    except JsonError as error:
        raise _refusal(path, error.message, error.hint, error.place) from None
    except RecursionError:
        raise _refusal(path, "Objects or arrays are nested too deeply.") from None
    return Document(path, values, positions)


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
    ".json": read_json,
    ".jsonc": read_json,
}


def _refusal(path: Path, message: str, hint: str = "", at: Position | None = None) -> ConfigError:
    line, column = (at.line, at.column) if at else (None, None)
    return ConfigError([Problem(path, "", line, column, message, hint)])
