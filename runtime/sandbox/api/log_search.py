"""Looks for a line in what a process writes."""

import re

from ..errors import SandboxInvalid
from ..results import WaitForLogResult
from .output import Decoder

# Of one line: what is longer is looked at in pieces.
LINE_CHARACTERS_MAX = 64 * 1024


class LogSearch:
    """Finds the first line that has a text in it, or that a pattern matches.

    Args:
        pattern: A text, or, with ``flags``, a pattern of ``re``.
        flags: Its flags; None for a text.

    Raises:
        SandboxInvalid: It is no pattern.
    """

    def __init__(self, pattern: str, flags: int | None) -> None:
        self._text = pattern
        self._pattern: re.Pattern[str] | None = None
        if flags is not None:
            try:
                self._pattern = re.compile(pattern, flags)
            except (re.error, ValueError) as error:
                text = f"wait_for_log: {pattern!r} is no pattern: {error}"
                raise SandboxInvalid("VALIDATION_FAILED", text) from None
        self._decoder = Decoder()
        self._lines = {"stdout": "", "stderr": ""}

    def add(self, name: str, data: bytes) -> WaitForLogResult | None:
        """Take what comes next; return the line if it is in it.

        A line that has not ended is looked at as well: prompts do not end.
        """
        text = self._lines[name] + self._decoder.decode(name, data)
        *whole, rest = text.split("\n")
        for line in whole:
            if (found := self._look(line.removesuffix("\r"))) is not None:
                return found
        self._lines[name] = rest[-LINE_CHARACTERS_MAX:]
        return self._look(rest)

    def _look(self, line: str) -> WaitForLogResult | None:
        if self._pattern is None:
            return WaitForLogResult(line=line, match=[]) if self._text in line else None
        found = self._pattern.search(line)
        if found is None:
            return None
        return WaitForLogResult(line=line, match=[found[0], *found.groups()])
