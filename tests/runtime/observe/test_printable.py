"""Nothing that a client sends may move the cursor or forge a line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.observe.printable import printable, printable_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢", "plain é 漢"),
        ("a\nb", r"a\nb"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202ereversed", r"\u202ereversed"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_does_not_print_is_spelled_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_lines_and_tabs_may_stay() -> None:
    assert printable_lines("a\r\n\tb\nc\x1b\rd") == "a\n    b\nc\\x1b\\rd"


@given(st.text())
def test_all_that_comes_out_prints(text: str) -> None:
    assert printable(text).isprintable()
    assert all(line.isprintable() for line in printable_lines(text).split("\n"))


@given(st.text(st.characters(categories=["L", "N", "P"])))
def test_what_prints_stays_as_it_is(text: str) -> None:
    assert printable(text) == printable_lines(text) == text
