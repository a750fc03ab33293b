"""Tables that are written while their rows come in."""

import io

import pytest
from rich.console import Console
from rich.text import Text

from perdure.cli import columns as module
from perdure.cli.columns import Column, Columns
from perdure.cli.output import Output


@pytest.fixture
def written() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def output(written: io.StringIO) -> Output:
    return Output(out=Console(file=written, color_system=None, width=20))


def test_columns_are_as_wide_as_they_must_be_and_numbers_stand_to_the_right(
    output: Output, written: io.StringIO
) -> None:
    table = Columns(output, [Column("Name"), Column("N", is_number=True), Column("Last")], indent=2)
    table.row(["a long name", "1", "x"])
    table.row(["b", Text("1000"), ""])
    assert written.getvalue() == ""
    table.end()
    assert written.getvalue().splitlines() == [
        "  Name            N  Last",
        "  a long name     1  x",
        "  b            1000",
    ]


def test_rows_after_the_first_ones_are_written_at_once(
    output: Output, written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROWS_MEASURED", 2)
    monkeypatch.setattr(module, "WIDTH_MAX", 5)
    table = Columns(output, [Column("A"), Column("B")])
    table.row(["1", "2"])
    table.row(["x" * 30, "2"])
    assert len(written.getvalue().splitlines()) == 3
    table.row(["3", "4"])
    table.end()
    assert written.getvalue().splitlines() == ["A      B", "1      2", f"{'x' * 30}  2", "3      4"]


def test_without_rows_there_is_no_table(output: Output, written: io.StringIO) -> None:
    Columns(output, [Column("A")]).end()
    assert written.getvalue() == ""
