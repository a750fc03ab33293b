"""What user code prints, for those who read along; it is still printed where it was.

*Promise*: standard output and error get what they get without this, at the same time.
"""

import sys
import threading
from collections.abc import Callable
from typing import Any, TextIO

from ...actors.execution import CURRENT, Execution
from ...actors.ids import DurableObjectId

# A line that is longer is told in pieces: a program may never write a line break.
LINE_LENGTH_MAX = 8192
# Whose code printed, ``stdout`` or ``stderr``, and the line.
Hear = Callable[[DurableObjectId | None, str, str], None]


class _Unended(threading.local):
    """What print() has written of a line, which it writes in words, by whose code it was."""

    def __init__(self) -> None:
        self.texts: dict[Execution, str] = {}


class Ear:
    """Stands for one of the streams, and hears what code of actors and Workers writes there."""

    def __init__(self, stream: TextIO, name: str, hear: Hear) -> None:
        self._stream = stream
        self._name = name
        self._hear = hear
        self._unended = _Unended()

    def write(self, text: str) -> int:
        written = self._stream.write(text)
        execution = CURRENT.get()
        if execution is not None:
            texts = self._unended.texts
            *lines, rest = (texts.pop(execution, "") + text).split("\n")
            if len(rest) > LINE_LENGTH_MAX:
                lines, rest = [*lines, rest], ""
            if rest:
                texts[execution] = rest
            for line in lines:
                self._hear(execution.actor_id, self._name, line)
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Consoles:
    """Puts ears on both streams, and takes them off again."""

    def __init__(self, hear: Hear) -> None:
        self._hear = hear
        self._before: dict[str, tuple[TextIO, Ear]] = {}

    def open(self) -> None:
        """Hear what is printed from now on."""
        if self._before:
            return
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            ear = Ear(stream, name, self._hear)
            self._before[name] = (stream, ear)
            setattr(sys, name, ear)

    def close(self) -> None:
        """Hear nothing more; where somebody else has put his own stream, that stays."""
        for name, (stream, ear) in self._before.items():
            if getattr(sys, name) is ear:
                setattr(sys, name, stream)
        self._before.clear()
