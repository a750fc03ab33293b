"""The terminal: where data and messages go, and how they look.

Colour only on a terminal, and not with ``NO_COLOR``; rich finds out. No text is ever taken for
markup, and nothing but ASCII is drawn, so that every terminal and every log shows the same.
"""

import os
import sys
from dataclasses import dataclass, field
from io import TextIOWrapper

from rich.console import Console, RenderableType
from rich.text import Text
from rich.theme import Theme

STYLES = {
    "error": "bold red",
    "warning": "bold yellow",
    "note": "bold cyan",
    "good": "green",
    "name": "bold",
    "place": "cyan",
    "dim": "bright_black",
    "url": "bold cyan",
}


class OutputClosed(Exception):
    """Whoever read what is written has had enough: head, or less when it is left."""

    def __init__(self) -> None:
        super().__init__("nobody reads the output any more")


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise OutputClosed


def make_console(*, stderr: bool) -> Console:
    # With NO_COLOR rich still makes text bold; without a colour system it leaves it alone.
    plain = bool(os.environ.get("NO_COLOR"))
    return _Console(
        stderr=stderr,
        color_system=None if plain else "auto",
        theme=Theme(STYLES),
        markup=False,
        emoji=False,
        highlight=False,
    )


@dataclass(frozen=True, slots=True)
class Output:
    """Standard output for data, standard error for messages.

    Each way to write raises ``OutputClosed`` when nobody reads any more.
    """

    out: Console = field(default_factory=lambda: make_console(stderr=False))
    err: Console = field(default_factory=lambda: make_console(stderr=True))

    @property
    def has_colour(self) -> bool:
        """Whether messages may be coloured."""
        return self.err.color_system is not None

    def data(self, content: RenderableType = "") -> None:
        """Write to standard output; a long line is left to the terminal."""
        self.out.print(content, soft_wrap=isinstance(content, str | Text))

    def line(self, text: str | Text) -> None:
        """Write one line to standard output as it is; quick, for lists of very many."""
        if isinstance(text, Text):
            if self.out.color_system is not None:
                self.out.print(text, soft_wrap=True)
                return
            text = text.plain
        try:
            self.out.file.write(f"{text}\n")
        except BrokenPipeError:
            raise OutputClosed from None

    def clear(self) -> None:
        """Clear the screen, if there is one."""
        self.out.clear()

    def message(self, text: str | Text = "", *, indent: int = 0) -> None:
        """Write to standard error, folded between words when a person is looking."""
        text = Text(text) if isinstance(text, str) else text
        width = self.err.width if self.err.is_terminal else None
        self.err.print(folded(text, width, indent, self.err), soft_wrap=True)


def folded(text: Text, width: int | None, indent: int, console: Console) -> Text:
    """Return ``text`` indented, with its lines no longer than ``width`` (None: as they are)."""
    if width is None:
        lines = list(text.split(allow_blank=True))
    else:
        lines = list(text.wrap(console, max(width - indent, 20)))
    for line in lines:
        line.rstrip()
        if line:
            line.pad_left(indent)
    return Text("\n").join(lines)


def prepare_streams() -> None:
    """Let lines leave at once, and let no character stop the program.

    Into a pipe Python writes in blocks, so that a log would lag behind; and a terminal that is
    not UTF-8 refuses what it cannot show.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")


def drop_output() -> None:
    """Let what is still to be written go nowhere: nobody reads it, and Python would complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
