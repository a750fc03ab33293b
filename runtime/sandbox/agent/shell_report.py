"""What a command leaves to the next one of its session: its folder, and the variables it exports.

*Promise*: the command does not notice. bash runs the file that ``BASH_ENV`` names before a command,
and what is trapped as EXIT after it; both times it tells of folder and variables, into a file
without a name, and what differs is what the command has left. A shell that is killed, that becomes
another program (``exec``), or whose command traps EXIT itself has left nothing.
*Assumes*: the program may write there what it likes. All that this leads to is another folder and
other variables for programs of the same sandbox.
"""

import contextlib
import fcntl
import os
from collections.abc import Callable

from ..streams import Json

TOLD_BYTES_MAX = 256 * 1024  # both times together; what is more is left to nobody
# Shells number their own descriptors from below, and programs have those to themselves.
_DESCRIPTOR_MIN = 100
_TELL = '{ builtin declare -px; builtin printf "\\0"; builtin pwd; builtin printf "\\0"; }'
# The shell's own affairs; PWD is told as the folder.
_NOT_LEFT = {"PWD", "SHLVL", "_", "BASH_ENV", "SHELLOPTS", "BASHOPTS"}
_ESCAPES = {"a": 7, "b": 8, "E": 27, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}


class ShellReport:
    """What one command leaves.

    Args:
        environment: The variables that it is to have.
        folder: Where it begins.
        shown: What requests call a folder.

    Attributes:
        environment: The variables that it has to be started with.
        descriptors: What it has to inherit.
    """

    def __init__(
        self, environment: dict[str, str], folder: str, shown: Callable[[str], str]
    ) -> None:
        self._shown = shown
        self._report = _nameless()
        try:
            self._script = _nameless()
        except OSError:
            os.close(self._report)
            raise
        self.descriptors = (self._report, self._script)
        # The folder as it was called: bash believes PWD if it leads there.
        begins = {"PWD": folder, "BASH_ENV": f"/proc/self/fd/{self._script}"}
        self.environment = {**environment, **begins}
        os.write(self._script, self._program(environment.get("BASH_ENV", "")).encode())

    def _program(self, own: str) -> str:
        """What runs before the command; ``own`` is what would have run without us."""
        tell = f"{_TELL} 2>/dev/null >&{self._report}"
        quoted = "'" + own.replace("'", "'\\''") + "'"
        begin = (
            f'BASH_ENV={quoted}; [ -r "$BASH_ENV" ] && . "$BASH_ENV"' if own else "unset BASH_ENV"
        )
        return f"exec {self._script}<&-\ntrap '{tell}' EXIT\n{begin}\n{tell}\n"

    def left(self) -> Json:
        """Return what the command has changed: ``cwd``, and in ``env`` names and values, or None.

        It has ended by now.
        """
        told = os.pread(self._report, TOLD_BYTES_MAX + 1, 0)
        parts = told.split(b"\0")
        # Twice two, and what is behind the last.
        if len(told) > TOLD_BYTES_MAX or len(parts) != 5 or parts[:2] == parts[2:4]:
            return {}
        try:
            before, after = declared(parts[0]), declared(parts[2])
            folder = parts[3].decode().removesuffix("\n")
        except (ValueError, IndexError):  # bash has written none of this
            return {}
        changes: dict[str, str | None] = {
            name: value for name, value in after.items() if before.get(name) != value
        }
        changes |= dict.fromkeys(before.keys() - after.keys())
        left: Json = {"env": changes} if changes else {}
        if parts[1] != parts[3] and folder.startswith("/"):
            left["cwd"] = self._shown(folder)
        return left

    def close(self) -> None:
        """Let go of the files."""
        for descriptor in self.descriptors:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def declared(told: bytes) -> dict[str, str]:
    """Return the variables of ``declare -px`` that have a value, which is text.

    Raises:
        ValueError, IndexError: That is not how bash writes it.
    """
    text, at = told.decode("latin-1"), 0
    found: dict[str, str] = {}
    while at < len(text):
        if not text.startswith("declare -", at):
            raise ValueError(text[at : at + 20])
        begin = text.index(" ", at + 9) + 1
        line_end = text.index("\n", begin)
        name, equals, _ = text[begin:line_end].partition("=")
        at = begin + len(name) + 1
        if not equals:  # exported, but never set
            continue
        if text[at] == '"':
            value, at = _between_double(text, at + 1)
        elif text.startswith("$'", at):
            value, at = _between_single(text, at + 2)
        else:  # an array, which no environment has
            at = (text.find("\ndeclare -", at) + 1) or len(text)
            continue
        if text[at] != "\n":
            raise ValueError(name)
        at += 1
        if name not in _NOT_LEFT:
            with contextlib.suppress(UnicodeDecodeError):
                found[name] = value.encode("latin-1").decode()
    return found


def _between_double(text: str, at: int) -> tuple[str, int]:
    """Read what is between ``"`` and ``"``, and return it and where it has ended."""
    value = ""
    while (char := text[at]) != '"':
        if char == "\\":
            at += 1
        value += text[at]
        at += 1
    return value, at + 1


def _between_single(text: str, at: int) -> tuple[str, int]:
    """Read what is between ``$'`` and ``'``, likewise."""
    value = ""
    while (char := text[at]) != "'":
        if char != "\\":
            value += char
            at += 1
        elif text[at + 1].isdigit():
            value += chr(int(text[at + 1 : at + 4], 8))
            at += 4
        else:
            value += chr(_ESCAPES[text[at + 1]]) if text[at + 1] in _ESCAPES else text[at + 1]
            at += 2
    return value, at + 1


def _nameless() -> int:
    low = os.memfd_create("perdure-shell")
    try:
        return fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, _DESCRIPTOR_MIN)
    finally:
        os.close(low)
