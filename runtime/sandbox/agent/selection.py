"""Which of the paths below a folder somebody wants to hear of: patterns of names.

``*`` and ``?`` stand for what has no slash in it, ``**`` for anything. A pattern means a name, or
several that follow each other, anywhere in the path, and all that is below: ``node_modules``,
``*.py``, ``src/**/test``.
"""

from typing import Any

from ..streams import Refused

PATTERNS_MAX = 100
_PATTERN_SIZE_MAX = 1024


class Selection:
    """Patterns of what is included, or of what is excluded.

    Args:
        include: Only these; empty: all.
        exclude: But not these.
    """

    def __init__(self, include: list[str], exclude: list[str]) -> None:
        self.names = include, exclude
        self._include = _compiled(include)
        self._exclude = _compiled(exclude)

    def admits(self, path: str) -> bool:
        """Whether to tell of a path, which is relative."""
        if self._exclude is not None and self._exclude.search(path):
            return False
        return self._include is None or self._include.search(path) is not None

    def enters(self, path: str) -> bool:
        """Whether to look into a folder."""
        return self._exclude is None or self._exclude.search(path) is None


def selection_of(request: dict[str, Any]) -> Selection:
    """Return what a request selects.

    Raises:
        Refused: Its patterns are none.
    """
    include, exclude = (_patterns(request, name) for name in ("include", "exclude"))
    if include and exclude:
        raise Refused(
            "VALIDATION_FAILED",
            "include and exclude cannot be used together: name what is wanted, or what is not",
            field="include",
        )
    return Selection(include, exclude)


def _patterns(request: dict[str, Any], name: str) -> list[str]:
    given = request.get(name)
    if given is None:
        return []
    if type(given) is not list or len(given) > PATTERNS_MAX:
        text = f"{name} is a list of at most {PATTERNS_MAX} patterns"
        raise Refused("VALIDATION_FAILED", text, field=name)
    for each in given:
        if type(each) is not str or not each.strip() or len(each) > _PATTERN_SIZE_MAX:
            raise Refused("VALIDATION_FAILED", f"{name} has no pattern in {each!r}", field=name)
        if any(character in "[]{}\0" for character in each):
            text = f"{name} has {each!r}: a pattern knows *, **, ? and slashes, and nothing else"
            raise Refused("VALIDATION_FAILED", text, field=name, pattern=each)
    return sorted(set(given))


def _compiled(patterns: list[str]) -> Any:
    if not patterns:
        return None
    import re  # noqa: PLC0415  # takes as long to import as half of the agent's start

    def escaped(pattern: str) -> str:
        parts = [
            "[^/]*".join("[^/]".join(map(re.escape, word.split("?"))) for word in part.split("*"))
            for part in pattern.split("**")
        ]
        return ".*".join(parts)

    return re.compile("|".join(f"(?:^|/){escaped(each)}(?:/|$)" for each in patterns), re.DOTALL)
