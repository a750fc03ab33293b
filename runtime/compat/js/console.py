"""``console``: lines on the standard streams, which perdure's log hears."""

import math
import sys
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, TextIO

from .json_text import JSON
from .objects import text_of
from .proxies import JsException, JsProxy
from .pyproxies import unwrapped


def shown(value: Any) -> str:
    """A value as ``console.log`` writes it."""
    held = unwrapped(value)
    if isinstance(held, str):
        return held
    if isinstance(held, float) and math.isfinite(held):
        return text_of(held)
    if isinstance(held, bool | int | float):
        return text_of(held)
    if isinstance(held, JsException):
        return held.stack
    if isinstance(held, list | dict):
        try:
            return JSON.stringify(held) or "undefined"
        except JsException:
            return str(held)
    return text_of(held) if isinstance(held, JsProxy) or held is None else str(held)


class Console(JsProxy, js_name="console"):
    """What programs print with; errors and warnings go to the standard error."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._started_s: dict[str, float] = {}
        self._indent = ""

    def _write(self, stream: TextIO, values: tuple[Any, ...]) -> None:
        text = " ".join(map(shown, values))
        stream.write("".join(f"{self._indent}{line}\n" for line in text.split("\n")))
        stream.flush()

    def log(self, *values: Any) -> None:
        self._write(sys.stdout, values)

    info = debug = dir = log

    def error(self, *values: Any) -> None:
        self._write(sys.stderr, values)

    warn = error

    def trace(self, *values: Any) -> None:
        """As ``error``, with the word Trace before it."""
        self._write(sys.stderr, ("Trace:", *values))

    def table(self, rows: Any) -> None:
        """The rows, one on each line."""
        items = rows.values() if isinstance(rows, Mapping) else rows
        for item in items:
            self.log(item)

    def group(self, *values: Any) -> None:
        """Indent what follows."""
        if values:
            self.log(*values)
        self._indent += "  "

    groupCollapsed = group

    def groupEnd(self) -> None:
        self._indent = self._indent[:-2]

    def count(self, label: str = "default") -> None:
        self._counts[label] += 1
        self.log(f"{label}: {self._counts[label]}")

    def countReset(self, label: str = "default") -> None:
        del self._counts[label]

    def time(self, label: str = "default") -> None:
        """Start a clock."""
        self._started_s[label] = time.perf_counter()

    def timeLog(self, label: str = "default", *values: Any) -> None:
        """Say what the clock says."""
        if label in self._started_s:
            took_ms = (time.perf_counter() - self._started_s[label]) * 1000
            self.log(f"{label}: {took_ms:.0f}ms", *values)

    def timeEnd(self, label: str = "default") -> None:
        """Likewise, and stop it."""
        self.timeLog(label)
        self._started_s.pop(label, None)

    def assert_(self, condition: Any = False, *values: Any) -> None:
        """Write an error unless ``condition`` holds."""
        if not condition:
            self.error("Assertion failed", *values)


setattr(Console, "assert", Console.assert_)  # Python's keyword
console = Console()
