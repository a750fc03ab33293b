# Pure: no clock, no files.
"""``RegExp``, with Python's engine: the common syntax of both languages is what works."""

import re
from typing import Any

from .errors import SyntaxError_
from .proxies import JsProxy
from .values import JsDict, JsIterator, JsList

_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}
_KNOWN = frozenset("dgimsuvy")
_GROUP = re.compile(r"\(\?<(?![=!])")


class RegExp(JsProxy):
    """``RegExp.new("a+", "g").test("caat")``.

    Raises:
        JsException: A SyntaxError: the pattern or a flag is none of JavaScript's.
    """

    source: str
    flags: str

    def __init__(self, source: Any, flags: str = "") -> None:
        if isinstance(source, RegExp):
            flags = flags or source.flags
            source = str(source)[1:].rpartition("/")[0]
        if set(flags) - _KNOWN or len(set(flags)) < len(flags):
            raise SyntaxError_(f"Invalid flags supplied to RegExp constructor '{flags}'")
        self.source = str(source)
        self.flags = "".join(sorted(flags))
        self.lastIndex = 0
        options = re.RegexFlag(0)
        for flag in flags:
            options |= _FLAGS.get(flag, re.RegexFlag(0))
        try:
            self.native = re.compile(_GROUP.sub("(?P<", self.source), options | re.ASCII)
        except re.error as error:
            text = f"Invalid regular expression: /{self.source}/: {error}"
            raise SyntaxError_(text) from error

    @property
    def globally(self) -> bool:
        """Whether it goes on where it was: flag g or y."""
        return bool(set(self.flags) & {"g", "y"})

    def exec(self, text: Any) -> "Match | None":
        """The next match; None when there is none."""
        text = str(text)
        start = self.lastIndex if self.globally else 0
        find = self.native.match if "y" in self.flags else self.native.search
        match = find(text, start) if start <= len(text) else None
        if self.globally:
            self.lastIndex = 0 if match is None else match.end()
        return None if match is None else Match(match)

    def test(self, text: Any) -> bool:
        """Whether it matches somewhere."""
        return self.exec(text) is not None

    def matchAll(self, text: str) -> JsIterator:
        """All matches, as a text's ``matchAll`` gives them."""
        return JsIterator(Match(match) for match in self.native.finditer(text))

    def toString(self) -> str:
        return f"/{self.source}/{self.flags}"

    def __str__(self) -> str:
        return self.toString()


class Match(JsList, js_name="Array"):
    """The whole match and its groups, with ``index`` and ``groups``."""

    def __init__(self, match: "re.Match[str]") -> None:
        super().__init__((match[0], *match.groups()))
        self.index = match.start()  # type: ignore[assignment]  # in place of a list's method
        self.input = match.string
        names = match.groupdict()
        self.groups = JsDict(names) if names else None
