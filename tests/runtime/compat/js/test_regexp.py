"""``RegExp``."""

import types

import pytest


def test_it_tests_and_finds(js: types.ModuleType) -> None:
    word = js.RegExp.new(r"(?<first>\w)(\d)?", "i")
    match = word.exec("-A")
    assert list(match) == ["A", "A", None]
    assert (match.index, match.input, match.groups.first) == (1, "-A", "A")
    assert match.to_py() == ["A", "A", None]
    assert word.test("b")
    assert word.exec("--") is None
    assert js.RegExp.new("a").exec("a").groups is None


def test_a_global_one_goes_on_where_it_was(js: types.ModuleType) -> None:
    each = js.RegExp.new("a", "g")
    assert [each.test("aa") for _ in range(4)] == [True, True, False, True]
    assert each.lastIndex == 1
    sticky = js.RegExp.new("a", "y")
    assert [sticky.test("ab") for _ in range(3)] == [True, False, True]
    assert [match[0] for match in js.RegExp.new("[ab]", "g").matchAll("abc")] == ["a", "b"]


def test_it_is_made_of_another_and_written(js: types.ModuleType) -> None:
    one = js.RegExp.new("a/b", "gi")
    assert str(js.RegExp.new(one)) == str(one) == one.toString() == "/a/b/gi"
    assert (one.source, one.flags, js.RegExp.new(one, "m").flags) == ("a/b", "gi", "m")


@pytest.mark.parametrize(("source", "flags"), [("(", ""), ("a", "x"), ("a", "gg")])
def test_what_is_none_is_a_syntax_error(source: str, flags: str, js: types.ModuleType) -> None:
    with pytest.raises(js.SyntaxError):
        js.RegExp.new(source, flags)
