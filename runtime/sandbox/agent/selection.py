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
        self._include = [_Pattern(each) for each in include]
        self._exclude = [_Pattern(each) for each in exclude]

    def admits(self, path: str) -> bool:
        """Whether to tell of a path, which is relative."""
        is_wanted = not self._include or any(each.means(path) for each in self._include)
        return is_wanted and self.enters(path)

    def enters(self, path: str) -> bool:
        """Whether to look into a folder."""
        return not any(each.means(path) for each in self._exclude)


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


class _Pattern:
    """One pattern. (No regular expression: the agent starts without ``re``.)"""

    def __init__(self, text: str) -> None:
        self._text = text
        self._is_plain = not any(character in text for character in "*?")
        self._parts: list[str] = []
        for character in text:
            if character == "*" and self._parts and self._parts[-1] == "*":
                self._parts[-1] = "**"
            elif character != "*" or not self._parts or self._parts[-1] != "**":
                self._parts.append(character)

    def means(self, path: str) -> bool:
        """Whether a path has it, as names that follow each other."""
        if self._is_plain:
            return f"/{self._text}/" in f"/{path}/"
        starts = [0, *(at + 1 for at, character in enumerate(path) if character == "/")]
        return any(self._matches(path, start) for start in starts)

    def _matches(self, path: str, start: int) -> bool:
        """Try all ways at once: none of them can take more than the path's length."""
        parts, states = self._parts, self._closure({0})
        for at in range(start, len(path) + 1):
            is_end = at == len(path) or path[at] == "/"
            if is_end and len(parts) in states:
                return True
            if at == len(path) or not states:
                return False
            character, following = path[at], set[int]()
            for state in states - {len(parts)}:
                part = parts[state]
                if part == "**" or (part == "*" and character != "/"):
                    following.add(state)
                elif part == character or (part == "?" and character != "/"):
                    following.add(state + 1)
            states = self._closure(following)
        return False

    def _closure(self, states: set[int]) -> set[int]:
        """Also what is behind a star, which may stand for nothing."""
        waiting = list(states)
        while waiting:
            state = waiting.pop()
            is_star = state < len(self._parts) and self._parts[state] in {"*", "**"}
            if is_star and state + 1 not in states:
                states.add(state + 1)
                waiting.append(state + 1)
        return states
