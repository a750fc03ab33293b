"""``_headers``: what answers with files say besides, path by path.

# Pure: it is given the text.

A path, or ``https://host/path``, begins a rule; the lines after it are ``Name: value``, or
``! Name`` for one that is to be taken away. Lines that are neither are told of, and left out.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from multidict import CIMultiDict

from ...actors.headers import check_name, check_value
from ...actors.http_errors import InvalidHeader
from ..config.errors import Problem, Severity
from .lookup import decoded, encoded
from .rule_paths import RulePattern, RuleRefused, filled, source_url

HEADERS_FILE = "_headers"
RULES_MAX = 100
LINE_CHARACTERS_MAX = 2000
_PATH = re.compile(r"[^\s]+://|/")
_REMOVAL = "! "
# By these a client knows where an answer ends.
_SERVERS_OWN = frozenset({"connection", "content-length", "transfer-encoding", "upgrade"})
# The one that cannot be joined by a comma.
_SET_COOKIE = "set-cookie"


def _written(piece: str) -> str:
    """A piece of a path in the one spelling in which files are served."""
    return encoded(decoded(piece))


@dataclass(slots=True)
class _HeaderRule:
    source: str
    pattern: RulePattern
    line: int
    values: list[tuple[str, str]] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


class HeaderRules:
    """The rules of one file, in its order."""

    def __init__(self, rules: Sequence[_HeaderRule] = ()) -> None:
        self._rules = rules

    def __len__(self) -> int:
        return len(self._rules)

    def apply(self, fields: CIMultiDict[str], host: str, path: str) -> None:
        """Change the fields of an answer: all rules that fit, one after the other.

        What rules say of one field is joined by a comma, and replaces what it was before.

        Args:
            fields: Of the answer.
            host: That was asked, in small letters and without a port.
            path: That was asked for.
        """
        path = _written(path)
        told: set[str] = set()
        for rule in self._rules:
            values = rule.pattern.match(host, path)
            if values is None:
                continue
            for name in rule.removed:
                fields.popall(name, None)
            for name, text in rule.values:
                value, key = filled(text, values), name.lower()
                if key not in told:
                    told.add(key)
                    fields[name] = value
                elif key == _SET_COOKIE or name not in fields:
                    fields.add(name, value)
                else:
                    fields[name] = f"{fields[name]}, {value}"


def parse_headers(text: str, file: Path) -> tuple[HeaderRules, list[Problem]]:
    """Read the rules.

    Args:
        text: Of the file.
        file: Where it is, for the problems.

    Returns:
        The rules, and what was left out, as warnings.
    """
    rules = _Rules(file)
    lines = text.split("\n")
    for number, each in enumerate(lines, 1):
        line = each.strip()
        if not line or line.startswith("#"):
            continue
        if len(line) > LINE_CHARACTERS_MAX:
            message = (
                f"Ignoring line {number} as it exceeds the maximum allowed length of "
                f"{LINE_CHARACTERS_MAX}."
            )
            rules.refuse(number, message)
        elif not _PATH.match(line):
            rules.read_header(line, number)
        elif rules.is_full:
            message = (
                f"Maximum number of rules supported is {RULES_MAX}. Skipping remaining "
                f"{len(lines) - number + 1} lines of file."
            )
            rules.refuse(number, message)
            break
        else:
            rules.begin(line, number)
    rules.end()
    return HeaderRules(list(rules.rules.values())), rules.problems


@dataclass(slots=True)
class _Rules:
    """What was read so far; of two rules with one path the later one holds, in the first place."""

    file: Path
    rules: dict[str, _HeaderRule] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    _rule: _HeaderRule | None = None

    def refuse(self, line: int, message: str) -> None:
        severity = Severity.WARNING
        self.problems.append(Problem(self.file, "", line, None, message, severity=severity))

    @property
    def is_full(self) -> bool:
        self.end()
        return len(self.rules) >= RULES_MAX

    def begin(self, line: str, number: int) -> None:
        """Begin a rule by its path."""
        self.end()
        try:
            source = source_url(line, may_have_host=True)
            self._rule = _HeaderRule(source, RulePattern(source, _written), number)
        except RuleRefused as refused:
            self.refuse(number, str(refused))

    def end(self) -> None:
        """End the rule before, if there is one."""
        rule, self._rule = self._rule, None
        if rule is None:
            return
        if not rule.values and not rule.removed:
            self.refuse(rule.line, "No headers specified")
            return
        if (former := self.rules.get(rule.source)) is not None:
            message = f"The rule for {rule.source} in line {rule.line} takes the place of this one."
            self.refuse(former.line, message)
        self.rules[rule.source] = rule

    def read_header(self, line: str, number: int) -> None:
        """Read a line of a rule."""
        try:
            self._read_header(line)
        except (RuleRefused, InvalidHeader) as refused:
            self.refuse(number, str(refused))

    def _read_header(self, line: str) -> None:
        name, colon, value = (each.strip() for each in line.partition(":"))
        if not colon:
            self._read_removal(line)
            return
        for problem, is_so in (
            ("Header name cannot include spaces", " " in name),
            ("No header name specified", not name),
            ("No header value specified", not value),
            (f"Path should come before header ({name}: {value})", self._rule is None),
        ):
            if is_so:
                raise RuleRefused(problem)
        assert self._rule is not None, "just asked"
        self._rule.values.append((_checked_name(name), check_value(name, value)))

    def _read_removal(self, line: str) -> None:
        if self._rule is None:
            raise RuleRefused("Expected a path beginning with at least one forward-slash")
        if not line.startswith(_REMOVAL):
            raise RuleRefused("Expected a colon-separated header pair (e.g. name: value)")
        self._rule.removed.append(_checked_name(line.removeprefix(_REMOVAL).strip()))


def _checked_name(name: str) -> str:
    if check_name(name).lower() in _SERVERS_OWN:
        message = f'"{name}" is the server\'s own to say.'
        raise RuleRefused(message)
    return name
