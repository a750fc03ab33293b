# Pure: patterns to regular expressions.
"""Patterns with ``*``, for paths and for values.

Clients choose the text, so no pattern may be slow on any of it: what has matched up to a literal
is never tried again (atomic groups), which for these patterns loses nothing.
"""

import re
from collections.abc import Iterator

_WHOLE = "**"


def path_regex(pattern: str) -> re.Pattern[str]:
    """Return what matches the paths meant, which have no slash at their end.

    ``*`` stands for any characters of one segment and ``?`` for one; ``**``, as a segment of its
    own and once, stands for any number of segments, none included: ``/room/**`` matches
    ``/room`` too.

    Raises:
        ValueError: It is no such pattern; its text says what to write.
    """
    if not pattern.startswith("/"):
        advice = f'"/{pattern}"' if pattern and pattern != _WHOLE else '"/**"'
        raise ValueError(f"A path begins with a slash: {advice}")
    if "?" in pattern and "=" in pattern:
        raise ValueError('What stands behind "?" is matched by the key "query".')
    segments = pattern.rstrip("/").split("/")[1:]
    if any(_WHOLE in segment and segment != _WHOLE for segment in segments):
        raise ValueError('"**" is a segment of its own, as in "/room/**"; within one write "*".')
    if segments.count(_WHOLE) > 1:
        raise ValueError('"**" may stand once in a path; write two patterns, or "*" for a segment.')
    text = "".join("(?:/.*)?" if s == _WHOLE else f"/{_glob(s, '[^/]')}" for s in segments)
    return re.compile(text, re.DOTALL)


def value_regex(pattern: str, *, ignore_case: bool) -> re.Pattern[str]:
    """Return what matches the values meant; ``*`` stands for any characters, ``?`` for one."""
    return re.compile(_glob(pattern, "."), re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def _glob(pattern: str, one: str) -> str:
    """The regular expression of a pattern; ``one`` is that of a character it may mean."""
    first, *others = (_literal(part, one) for part in re.split(r"\*+", pattern))
    if not others:
        return first
    *middle, last = others
    return "".join([first, *_found_first(middle, one), f"{one}*", last])


def _found_first(parts: list[str], one: str) -> Iterator[str]:
    for part in parts:
        yield f"(?>{one}*?{part})"


def _literal(text: str, one: str) -> str:
    return one.join(re.escape(part) for part in text.split("?"))
