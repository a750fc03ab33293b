"""A table that is written while its rows come in, for lists that do not fit into memory.

The first rows decide how wide the columns are. Nothing is cut and nothing is folded: a wide line
is left to the terminal, and to whatever reads a pipe.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from .output import Output

# So many rows are waited for; so wide a column becomes at most, and a wider cell sticks out.
ROWS_MEASURED = 100
WIDTH_MAX = 60
_GAP = 2


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        title: Its heading.
        is_number: It is aligned to the right.
        style: Of its cells.
    """

    title: str
    is_number: bool = False
    style: str = ""


class Columns:
    """Writes rows under headings."""

    def __init__(self, output: Output, columns: Sequence[Column], *, indent: int = 0) -> None:
        self._output = output
        self._columns = columns
        self._indent = indent
        self._waiting: list[list[Text]] = []
        self._widths: list[int] | None = None

    def row(self, cells: Sequence[str | Text]) -> None:
        """Write a row, or keep it until the widths are known."""
        styled = [
            Text(cell, column.style) if isinstance(cell, str) else cell
            for cell, column in zip(cells, self._columns, strict=True)
        ]
        if self._widths is not None:
            self._write(styled, self._widths)
            return
        self._waiting.append(styled)
        if len(self._waiting) >= ROWS_MEASURED:
            self.end()

    def end(self) -> None:
        """Write what was kept; without any row nothing is written at all."""
        if self._widths is not None or not self._waiting:
            return
        titles = [Text(column.title, "dim") for column in self._columns]
        widths = [
            max(min(max(row[place].cell_len for row in self._waiting), WIDTH_MAX), title.cell_len)
            for place, title in enumerate(titles)
        ]
        self._widths = widths
        for row in [titles, *self._waiting]:
            self._write(row, widths)
        self._waiting.clear()

    def _write(self, cells: Sequence[Text], widths: Sequence[int]) -> None:
        line = Text(" " * self._indent)
        for cell, column, width in zip(cells, self._columns, widths, strict=True):
            blanks = " " * max(width - cell.cell_len, 0)
            line.append_text(Text.assemble(blanks, cell) if column.is_number else cell + blanks)
            line.append(" " * _GAP)
        line.rstrip()
        self._output.line(line)
