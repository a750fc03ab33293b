"""Problems of a configuration or a program, as a person reads them.

The first line has the form that editors and terminals turn into a link; below it the source,
and what to do:

    wrangler.toml:7:1: error: The binding "ROOM" names the class "Rom", which no migration creates.
      7 | class_name = "Rom"
        | ^^^^^^^^^^ durable_objects.bindings[0].class_name
      Did you mean "Room"?
"""

import re
from collections.abc import Sequence
from pathlib import Path

from rich.cells import cell_len
from rich.text import Text

from ..runtime.config.errors import Problem, Severity
from ..runtime.observe.printable import printable
from .output import Output

KEY = re.compile(r"""[A-Za-z0-9_.-]+|"[^"]*"|'[^']*'""")
INDENT = 2
EXCERPT_CHARACTERS_MAX = 160


def show_problems(output: Output, problems: Sequence[Problem], *, with_source: bool = True) -> None:
    """Write each problem, with an empty line behind it."""
    for problem in problems:
        output.message(_headline(problem))
        for line in _excerpt(problem) if with_source else ():
            output.err.print(line, soft_wrap=True)
        if problem.hint:
            output.message(problem.hint, indent=INDENT)
        output.message()


def counted(problems: Sequence[Problem]) -> str:
    """Return for instance ``2 errors, 1 warning``."""
    parts = []
    for severity in Severity:
        count = sum(problem.severity is severity for problem in problems)
        if count:
            parts.append(f"{count} {severity.value}{'s' if count > 1 else ''}")
    return ", ".join(parts)


def shown_path(path: Path) -> str:
    """Return a path as seen from the current directory, if it lies below it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _headline(problem: Problem) -> Text:
    severity = problem.severity.value
    return Text.assemble(
        (f"{_where(problem)}: ", "place"), (f"{severity}: ", severity), problem.message
    )


def _where(problem: Problem) -> str:
    file = "command line" if problem.file is None else shown_path(problem.file)
    return ":".join(str(p) for p in (file, problem.line, problem.column) if p is not None)


def _excerpt(problem: Problem) -> Sequence[Text]:
    """Return the line a problem stands on with a mark below the key; nothing if not known."""
    source = _source_line(problem)
    if source is None:
        return [Text(f"{' ' * INDENT}at {problem.key_path}", "dim")] if problem.key_path else []
    number = f"{' ' * INDENT}{problem.line} | "
    gutter = f"{' ' * (len(number) - 2)}| "
    # A tab is one column to whoever counted; shown as one blank it stays one.
    source = source.replace("\t", " ")
    line = Text.assemble((number, "dim"), printable(source))
    if problem.column is None:
        below = Text.assemble((gutter, "dim"), problem.key_path)
    else:
        start = problem.column - 1
        key = _key_at(source, start)
        before = " " * cell_len(printable(source[:start]))
        rest = "" if key == problem.key_path else f" {problem.key_path}"
        mark = "^" * max(cell_len(key), 1)
        below = Text.assemble((gutter, "dim"), before, (mark, problem.severity.value), rest)
    below.rstrip()
    return [line, below] if problem.key_path or problem.column else [line]


def _source_line(problem: Problem) -> str | None:
    """Return the line; None for a file of secrets, which are not for the screen."""
    if problem.file is None or problem.line is None or problem.is_secret:
        return None
    try:
        lines = problem.file.read_text(encoding="utf-8-sig", errors="replace").split("\n")
    except OSError:  # the message says what is wrong; the excerpt is an extra
        return None
    line = lines[problem.line - 1].rstrip("\r") if problem.line <= len(lines) else ""
    return line if line.strip() and len(line) <= EXCERPT_CHARACTERS_MAX else None


def _key_at(source: str, start: int) -> str:
    found = KEY.match(source, start)
    return found[0] if found else ""
