"""``_redirects``: which paths lead elsewhere, or to the file of another path.

# Pure: it is given the text.

A line is ``source destination [status]``. Lines that are none are told of, and left out.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..config.errors import Problem, Severity
from .rule_paths import (
    RulePattern,
    RuleRefused,
    destination_url,
    filled_destination,
    has_host,
    is_dynamic,
    source_url,
    standard,
)

REDIRECTS_FILE = "_redirects"
STATIC_RULES_MAX = 2000
DYNAMIC_RULES_MAX = 100
LINE_CHARACTERS_MAX = 1000
# 200 serves the file of the other path.
PROXY = 200
_STATUSES = {str(status): status for status in (PROXY, 301, 302, 303, 307, 308)}
_INDEX = re.compile(r"/index(\.html)?$")
_LOOP = (
    "Infinite loop detected in this rule and has been ignored. This will cause a redirect to strip "
    "`.html` or `/index` and end up triggering this rule again. Please fix or remove this rule to "
    "silence this warning."
)


@dataclass(frozen=True, slots=True)
class Redirected:
    """Where a path leads.

    Attributes:
        to: A path or an ``https://`` URL, maybe with query and fragment.
        status: Of the answer; ``PROXY`` for the file that is at ``to``, without a redirect.
    """

    to: str
    status: int

    @property
    def path(self) -> str:
        """The path alone; that of another site is none of ours."""
        return re.split("[?#]", self.to, maxsplit=1)[0]

    def location(self, query: str) -> str:
        """Where the client is sent.

        Args:
            query: Of its request, which is kept where the rule has none.
        """
        address, hash_, fragment = self.to.partition("#")
        path, _, own = address.partition("?")
        query = own or query
        return path + (f"?{query}" if query else "") + hash_ + fragment


class Redirects:
    """The rules of one file.

    Args:
        static: Those of a path alone, before all others.
        dynamic: The others; the first that fits holds.
    """

    def __init__(
        self,
        static: Mapping[str, Redirected] | None = None,
        dynamic: Sequence[tuple[RulePattern, Redirected]] = (),
    ) -> None:
        self._static = static or {}
        self._dynamic = dynamic

    def __len__(self) -> int:
        return len(self._static) + len(self._dynamic)

    def find(self, path: str) -> Redirected | None:
        """Where ``path`` leads, encoded as the client wrote it; None for nowhere else."""
        if not self._static and not self._dynamic:
            return None
        path = standard(path)
        if found := self._static.get(path):
            return Redirected(filled_destination(found.to, {}), found.status)
        for pattern, rule in self._dynamic:
            if (values := pattern.match("", path)) is not None:
                return Redirected(filled_destination(rule.to, values), rule.status)
        return None


def parse_redirects(text: str, file: Path, html_handling: str) -> tuple[Redirects, list[Problem]]:
    """Read the rules.

    Args:
        text: Of the file.
        file: Where it is, for the problems.
        html_handling: See ``AssetsConfig``: some rules would lead in a circle with it.

    Returns:
        The rules, and what was left out, as warnings.
    """
    rules = _Rules(file, html_handling)
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        rule = line.strip()
        if rule and not rule.startswith("#"):
            try:
                rules.read(rule, number)
            except RuleRefused as refused:
                rules.refuse(number, str(refused))
            except _Full:
                message = f"Maximum number of dynamic rules supported is {DYNAMIC_RULES_MAX}."
                rest = len(lines) - number + 1
                rules.refuse(number, f"{message} Skipping remaining {rest} lines of file.")
                break
    return Redirects(rules.static, rules.dynamic), rules.problems


class _Full(Exception):
    """No further line is read."""


@dataclass(slots=True)
class _Rules:
    """What was read so far."""

    file: Path
    html_handling: str
    static: dict[str, Redirected] = field(default_factory=dict)
    dynamic: list[tuple[RulePattern, Redirected]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    _sources: set[str] = field(default_factory=set)
    _static_count: int = 0
    _dynamic_count: int = 0

    def refuse(self, line: int, message: str) -> None:
        severity = Severity.WARNING
        self.problems.append(Problem(self.file, "", line, None, message, severity=severity))

    def read(self, rule: str, line: int) -> None:
        """Read one line, without the space around it."""
        tokens = rule.split()
        comment = next((i for i, each in enumerate(tokens) if i > 1 and each[0] == "#"), None)
        if comment is not None:
            tokens = tokens[:comment]
            rule = " ".join(tokens)
        if len(rule) > LINE_CHARACTERS_MAX:
            message = (
                f"Ignoring line {line} as it exceeds the maximum allowed length of "
                f"{LINE_CHARACTERS_MAX}."
            )
            raise RuleRefused(message)
        if len(tokens) not in {2, 3}:
            message = f"Expected exactly 2 or 3 whitespace-separated tokens. Got {len(tokens)}."
            raise RuleRefused(message)
        source = standard(source_url(tokens[0], may_have_host=False))
        is_static = not self._dynamic_count and not is_dynamic(source)
        self._count(is_static=is_static)
        pattern = RulePattern(source, standard)
        to = self._checked(source, tokens[1], tokens[2] if len(tokens) > 2 else "302")
        self._sources.add(source)
        if is_static:
            self.static[source] = to
        else:
            self.dynamic.append((pattern, to))

    def _count(self, *, is_static: bool) -> None:
        if is_static:
            self._static_count += 1
            if self._static_count > STATIC_RULES_MAX:
                message = f"Maximum number of static rules supported is {STATIC_RULES_MAX}."
                raise RuleRefused(f"{message} Skipping line.")
        else:
            self._dynamic_count += 1
            if self._dynamic_count > DYNAMIC_RULES_MAX:
                raise _Full

    def _checked(self, source: str, destination: str, status: str) -> Redirected:
        to = destination_url(destination)
        if status not in _STATUSES:
            message = (
                f"Valid status codes are 200, 301, 302 (default), 303, 307, or 308. Got {status}."
            )
            raise RuleRefused(message)
        if not has_host(to) and _INDEX.search(to):
            is_root = source.endswith("/") and self.html_handling != "none"
            if is_root or source.endswith("/*"):
                raise RuleRefused(_LOOP)
        if source in self._sources:
            message = f"Ignoring duplicate rule for path {source}."
            raise RuleRefused(message)
        if has_host(to) and _STATUSES[status] == PROXY:
            message = f"Proxy (200) redirects can only point to relative paths. Got {to}"
            raise RuleRefused(message)
        return Redirected(to, _STATUSES[status])
