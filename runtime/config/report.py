"""Problems as they are found, and typed access to the tables they are found in."""

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from .document import Document
from .errors import ConfigError, Problem, Severity, did_you_mean
from .positions import KeyPath, path_text

SHOWN_CHARACTERS_MAX = 200  # of a wrong value in a message


class Report:
    """Collects what is wrong with one document, so that all of it is told at once."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._problems: list[Problem] = []
        self._unsound: set[KeyPath] = set()

    def error(self, path: KeyPath, message: str, hint: str = "") -> None:
        self._add(path, message, hint, Severity.ERROR)
        self._unsound.update(path[:length] for length in range(len(path) + 1))

    def is_sound(self, path: KeyPath) -> bool:
        """Tell whether no error was found so far at ``path`` or below it."""
        return path not in self._unsound

    def warning(self, path: KeyPath, message: str, hint: str = "") -> None:
        self._add(path, message, hint, Severity.WARNING)

    def note(self, path: KeyPath, message: str, hint: str = "") -> None:
        self._add(path, message, hint, Severity.NOTE)

    def elsewhere(self, file: Path | None, key: str, line: int | None, message: str) -> None:
        """Report an error that stands in a file of secrets."""
        self._problems.append(Problem(file, key, line, None, message, is_secret=True))

    def line(self, path: KeyPath) -> int | None:
        place = self.document.positions.find(path)
        return place.line if place else None

    def raise_errors(self) -> None:
        """Raise ConfigError with everything found, if any of it is an error."""
        if any(problem.severity is Severity.ERROR for problem in self._problems):
            raise ConfigError(self.problems())

    def problems(self) -> tuple[Problem, ...]:
        """Return what was found: in the order of the file, then what stands elsewhere."""

        def order(problem: Problem) -> tuple[bool, str, int, int]:
            elsewhere = problem.file != self.document.path
            return elsewhere, str(problem.file), problem.line or 0, problem.column or 0

        return tuple(sorted(self._problems, key=order))

    def _add(self, path: KeyPath, message: str, hint: str, severity: Severity) -> None:
        place = self.document.positions.find(path)
        line, column = (place.line, place.column) if place else (None, None)
        file = self.document.path
        self._problems.append(Problem(file, path_text(path), line, column, message, hint, severity))


class Table:
    """One table of the file, whose values are asked for by type.

    Each ``find_`` method returns None when the key is absent, and also when its value is of
    another type, which it has reported by then. ``label`` is the table's name in wrangler's
    messages, which leave out ``env.NAME``.
    """

    def __init__(
        self, report: Report, path: KeyPath, values: Mapping[str, object], label: str = ""
    ) -> None:
        self.report = report
        self.path = path
        self.values = values
        self.label = label

    def __contains__(self, key: str) -> bool:
        # What is null in JSON is as good as not there.
        return self.values.get(key) is not None

    def key(self, key: str) -> KeyPath:
        return (*self.path, key)

    def name(self, key: str) -> str:
        """Return the key as wrangler's messages call it."""
        return f"{self.label}.{key}" if self.label else key

    def find_string(self, key: str) -> str | None:
        value = self.values.get(key)
        if value is None or isinstance(value, str):
            return value
        self.wrong_type(key, "string")
        return None

    def find_strings(self, key: str) -> tuple[str, ...] | None:
        """Return an array of strings; items of other types are reported and left out."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, list):
            self.wrong_type(key, "string array")
            return None
        for index, item in enumerate(value):
            if not isinstance(item, str):
                path, name = (*self.key(key), index), f"{self.name(key)}.[{index}]"
                self.report.error(path, f"{expected(name, 'string')} but got {shown(item)}.")
        return tuple(item for item in value if isinstance(item, str))

    def find_number(self, key: str, *, whole: bool = False) -> int | float | None:
        value = self.values.get(key)
        types = (int,) if whole else (int, float)
        if value is None or (isinstance(value, types) and not isinstance(value, bool)):
            return value
        self.wrong_type(key, "integer" if whole else "number")
        return None

    def find_bool(self, key: str) -> bool | None:
        value = self.values.get(key)
        if value is None or isinstance(value, bool):
            return value
        self.wrong_type(key, "boolean")
        return None

    def find_choice(self, key: str, choices: Iterable[str]) -> str | None:
        value = self.find_string(key)
        if value is None or value in (choices := list(choices)):
            return value
        message = f'Expected "{self.name(key)}" field to be one of {shown(choices)}'
        hint = did_you_mean(value, choices)
        self.report.error(self.key(key), f"{message} but got {shown(value)}.", hint)
        return None

    def find_table(self, key: str) -> "Table | None":
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            message = f'The field "{self.name(key)}" should be an object but got {shown(value)}.'
            self.report.error(self.key(key), message)
            return None
        return Table(self.report, self.key(key), value, self.name(key))

    def find_tables(self, key: str, *, are_bindings: bool = False) -> "Iterator[Table]":
        """Yield the tables of an array of tables; the caller has checked that it is a list.

        Args:
            key: The array's.
            are_bindings: wrangler has other words for what is no table among them.
        """
        value = self.values.get(key)
        for index, item in enumerate(value if isinstance(value, list) else []):
            path, name = (*self.key(key), index), f"{self.name(key)}[{index}]"
            if isinstance(item, dict):
                yield Table(self.report, path, item, name)
            elif are_bindings:
                message = f'"{key}" bindings should be objects, but got {shown(item)}'
                self.report.error(path, message)
            else:
                self.report.error(path, f'"{name}" should be an object but got {shown(item)}.')

    def wrong_type(self, key: str, type_name: str) -> None:
        value = self.values[key]
        hint = ""
        if type_name == "string" and isinstance(value, dt.date):
            hint = f'Put it in quotes: {key} = "{value}"'
        message = f"{expected(self.name(key), type_name)} but got {shown(value)}."
        self.report.error(self.key(key), message, hint)

    def warn_of_unknown_keys(self, known: Iterable[str], label: str = "") -> None:
        """Warn, as wrangler does, of each key that is not in ``known``."""
        known = list(known)
        for key in self.values:
            if key not in known:
                text = f'Unexpected fields found in {label or self.label} field: "{key}"'
                self.report.warning(self.key(key), text, did_you_mean(key, known))


def expected(name: str, type_name: str) -> str:
    return f'Expected "{name}" to be of type {type_name}'


def shown(value: object) -> str:
    """Return a value as wrangler shows it, which is as JSON."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    if len(text) <= SHOWN_CHARACTERS_MAX:
        return text
    return text[: SHOWN_CHARACTERS_MAX - 1] + "…"
