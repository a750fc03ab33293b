"""Bars on a terminal, and silence elsewhere."""

import io

from rich.console import Console

from perdure.cli.output import Output
from perdure.cli.progress import Bars


def output(*, is_terminal: bool) -> tuple[Output, io.StringIO]:
    written = io.StringIO()
    console = Console(file=written, force_terminal=is_terminal, color_system=None, width=100)
    return Output(err=console), written


def test_a_terminal_shows_how_far_it_is_in_ascii() -> None:
    shown, written = output(is_terminal=True)
    with Bars(shown) as bars:
        bars.show("Copying Room lobby", 1, 2)
        bars.show("Looking", 7, None)
        bars.show("Copying Room lobby", 2, 2)
    text = written.getvalue()
    assert "Copying Room lobby" in text
    assert f"[{'#' * 30}] 100%" in text
    assert "Looking" in text
    assert text.isascii()


def test_nothing_is_written_elsewhere() -> None:
    shown, written = output(is_terminal=False)
    with Bars(shown) as bars:
        bars.show("Copying", 1, 2)
    assert written.getvalue() == ""


def test_bars_can_be_taken_away_and_come_again() -> None:
    shown, written = output(is_terminal=True)
    with Bars(shown) as bars:
        bars.show("First", 1, 2)
        bars.hide()
        written.truncate(0)
        bars.show("Second", 0, 0)
    assert "Second" in written.getvalue()
    assert "First" not in written.getvalue()
