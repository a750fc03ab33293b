"""What can be wrong with a configuration, as values; and the error that holds all of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from pathlib import Path

from ...storage.errors import UsageError


class Severity(Enum):
    """How much a problem matters."""

    ERROR = "error"  # nothing is started
    WARNING = "warning"  # started, but probably not what was meant
    NOTE = "note"  # started, and worth knowing


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, where it stands, and what to do about it.

    Attributes:
        file: The file it stands in; None when it came from the command line.
        key_path: The key, for instance ``migrations[0].tag``; empty for the file as a whole.
        line: Line of the key, or of the closest table around it, from 1; None when unknown.
        column: Column of the same, in characters, from 1; None when unknown.
        message: What is wrong; wrangler's own text where wrangler has one.
        hint: What to do, possibly several lines to paste; may be empty.
        severity: Whether it keeps the project from starting.
        is_secret: The file holds secrets, and no line of it is for a screen.
    """

    file: Path | None
    key_path: str
    line: int | None
    column: int | None
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR
    is_secret: bool = False

    @property
    def where(self) -> str:
        """``file:line:column``, as far as it is known, in the form editors turn into a link."""
        parts = [self.file or "command line", self.line, self.column]
        return ":".join(str(part) for part in parts if part is not None)

    def __str__(self) -> str:
        text = f"{self.where}: {self.severity.value}: {self.message}"
        return f"{text}\n{indented(self.hint)}" if self.hint else text


class ConfigError(UsageError):
    """The configuration cannot be used; nothing was started and nothing on disk was touched.

    Attributes:
        problems: Everything that was found, warnings and notes included, in file order.
        errors: Those of them that must be mended.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: Sequence[Problem] = tuple(problems)
        super().__init__(self.problems)

    @property
    def errors(self) -> Sequence[Problem]:
        return tuple(p for p in self.problems if p.severity is Severity.ERROR)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def closest(name: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that ``name`` is most likely a slip of, or None.

    Case is no difference: ``Vars`` is a slip of ``vars``.
    """
    by_lower = {candidate.lower(): candidate for candidate in candidates}
    found = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.7)
    return by_lower[found[0]] if found else None


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Return ``Did you mean "x"?``, or an empty text when nothing comes close."""
    best = closest(name, candidates)
    return f'Did you mean "{best}"?' if best else ""


def indented(text: str) -> str:
    return "\n".join(f"  {line}" if line else "" for line in text.splitlines())
