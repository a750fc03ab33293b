"""Problems get the place of their key; values are asked for by type."""

import datetime as dt
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from perdure.runtime.config.document import Document
from perdure.runtime.config.errors import ConfigError, Severity
from perdure.runtime.config.positions import toml_positions
from perdure.runtime.config.report import SHOWN_CHARACTERS_MAX, Report, Table, shown

FILE = Path("wrangler.toml")


def table(text: str) -> Table:
    values: Mapping[str, object] = tomllib.loads(text)
    return Table(Report(Document(FILE, values, toml_positions(text))), (), values)


def told(read: Table) -> list[str]:
    return [problem.message for problem in read.report.problems()]


def test_a_problem_stands_where_its_key_does() -> None:
    read = table("a = 1\nb = 2\n")
    read.report.warning(("b",), "odd", "do")
    read.report.error(("a", "missing"), "bad")
    read.report.elsewhere(Path(".dev.vars"), "X", 1, "worse")
    bad, odd, worse = read.report.problems()
    assert (bad.line, bad.column, bad.key_path, bad.severity) == (1, 1, "a.missing", Severity.ERROR)
    assert (odd.line, odd.hint, odd.severity) == (2, "do", Severity.WARNING)
    assert (worse.file, worse.line, worse.key_path) == (Path(".dev.vars"), 1, "X")


def test_only_errors_are_raised() -> None:
    read = table("a = 1")
    read.report.note((), "by the way")
    read.report.raise_errors()
    read.report.elsewhere(None, "--var", None, "bad")
    with pytest.raises(ConfigError) as raised:
        read.report.raise_errors()
    assert raised.value.problems == read.report.problems()
    assert len(raised.value.problems) == 2


def test_an_error_makes_all_that_is_around_it_unsound() -> None:
    read = table("a.b = 1\nc = 1")
    read.report.error(("a", "b", 0), "bad")
    read.report.warning(("c",), "odd")
    assert not read.report.is_sound(("a",))
    assert not read.report.is_sound(())
    assert read.report.is_sound(("c",))
    assert read.report.is_sound(("a", "b", 1))


def test_an_absent_key_is_none_and_no_problem() -> None:
    read = table("")
    assert read.find_string("x") is None
    assert read.find_strings("x") is None
    assert read.find_number("x") is None
    assert read.find_bool("x") is None
    assert read.find_choice("x", ["a"]) is None
    assert read.find_table("x") is None
    assert list(read.find_tables("x")) == []
    assert "x" not in read
    assert told(read) == []


def test_values_of_the_right_type_are_returned() -> None:
    read = table('s = "t"\nl = ["a"]\ni = 1\nf = 1.5\nb = true\nt = {x = 1}\nts = [{y = 2}]')
    assert read.find_string("s") == "t"
    assert read.find_choice("s", ["t", "u"]) == "t"
    assert read.find_strings("l") == ("a",)
    assert read.find_number("i", whole=True) == 1
    assert read.find_number("f") == 1.5
    assert read.find_bool("b") is True
    inner = read.find_table("t")
    assert inner is not None
    assert (inner.values, inner.path, inner.label) == ({"x": 1}, ("t",), "t")
    (item,) = read.find_tables("ts")
    assert (item.values, item.path, item.name("y")) == ({"y": 2}, ("ts", 0), "ts[0].y")
    assert told(read) == []


def test_values_of_a_wrong_type_are_told_in_wranglers_words() -> None:
    read = table('s = 5\nl = "x"\nm = ["a", 2]\nn = true\nf = 1.5\nc = "dbug"\nt = "x"\nts = [1]')
    assert read.find_string("s") is None
    assert read.find_strings("l") is None
    assert read.find_strings("m") == ("a",)
    assert read.find_number("n") is None
    assert read.find_bool("s") is None
    assert read.find_number("f", whole=True) is None
    assert read.find_choice("c", ["debug", "info"]) is None
    assert read.find_table("t") is None
    assert list(read.find_tables("ts")) == []
    assert told(read) == [
        'Expected "s" to be of type string but got 5.',
        'Expected "s" to be of type boolean but got 5.',
        'Expected "l" to be of type string array but got "x".',
        'Expected "m.[1]" to be of type string but got 2.',
        'Expected "n" to be of type number but got true.',
        'Expected "f" to be of type integer but got 1.5.',
        'Expected "c" field to be one of ["debug","info"] but got "dbug".',
        'The field "t" should be an object but got "x".',
        '"ts[0]" should be an object but got 1.',
    ]
    assert read.report.problems()[6].hint == 'Did you mean "debug"?'


def test_a_date_where_text_belongs_is_shown_in_quotes() -> None:
    read = table("day = 2026-01-02")
    assert read.find_string("day") is None
    (problem,) = read.report.problems()
    assert problem.hint == 'Put it in quotes: day = "2026-01-02"'


def test_unknown_keys_are_warned_of_one_by_one() -> None:
    read = table("[x]\nknown = 1\nknwon = 2\nother = 3").find_table("x")
    assert read is not None
    read.warn_of_unknown_keys(["known"])
    first, second = read.report.problems()
    assert first.message == 'Unexpected fields found in x field: "knwon"'
    assert (first.line, first.hint, first.severity) == (
        3,
        'Did you mean "known"?',
        Severity.WARNING,
    )
    assert (second.line, second.hint) == (4, "")


def test_a_value_is_shown_as_json_and_not_without_end() -> None:
    assert shown({"é": [1, True, None]}) == '{"é":[1,true,null]}'
    assert shown(dt.date(2026, 1, 2)) == '"2026-01-02"'
    assert len(shown("x" * 1000)) == SHOWN_CHARACTERS_MAX
