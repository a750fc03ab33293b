"""Keys that do something as soon as they are pressed, while a command runs.

*Promise*: the terminal has its settings back when this is closed, and when the process ends in any
way that lets Python know.
*Assumes*: nothing else reads standard input meanwhile.
"""

import asyncio
import atexit
import os
import re
import signal
import sys
import termios
import tty
from collections.abc import Callable
from types import TracebackType
from typing import Any

_READ_SIZE_BYTES = 64
# An arrow, or another key that is several characters (ECMA-48, section 5.4).
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O?.)?", re.DOTALL)


class Keys:
    """Keys of the terminal, for as long as this is entered; without a terminal there are none.

    Args:
        on_key: Told of each, as a string of one character.
        loop: Where it is told.
    """

    def __init__(self, on_key: Callable[[str], None], loop: asyncio.AbstractEventLoop) -> None:
        self._on_key = on_key
        self._loop = loop
        self._descriptor = -1
        self._before: list[Any] | None = None

    def __enter__(self) -> "Keys":
        if sys.stdin is not None and sys.stdin.isatty() and _is_in_foreground(sys.stdin.fileno()):
            self._descriptor = sys.stdin.fileno()
            self._before = termios.tcgetattr(self._descriptor)
            atexit.register(self.close)
            self._take_over()
            self._loop.add_reader(self._descriptor, self._read)
            # Who stops a program with Ctrl-Z gets the shell's settings back, and so does it.
            self._loop.add_signal_handler(signal.SIGCONT, self._take_over)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        """Whether there is a terminal whose keys are read."""
        return self._before is not None

    def close(self) -> None:
        """Give the terminal back; closing twice does nothing."""
        before, self._before = self._before, None
        if before is None:
            return
        atexit.unregister(self.close)
        if not self._loop.is_closed():
            self._loop.remove_reader(self._descriptor)
            self._loop.remove_signal_handler(signal.SIGCONT)
        if _is_in_foreground(self._descriptor):
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, before)

    def _take_over(self) -> None:
        """Have keys at once, without their echo; Ctrl-C and Ctrl-Z stay what they are."""
        if _is_in_foreground(self._descriptor):
            tty.setcbreak(self._descriptor, termios.TCSADRAIN)

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, _READ_SIZE_BYTES)
        except OSError:  # the terminal has gone
            data = b""
        if not data:
            self._loop.remove_reader(self._descriptor)
            return
        for key in _SEQUENCE.sub("", data.decode(errors="ignore")):
            self._on_key(key)


def _is_in_foreground(descriptor: int) -> bool:
    """Say whether the terminal is ours: whoever sets it from the background is stopped."""
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return False
