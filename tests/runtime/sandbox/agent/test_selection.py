import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.sandbox.agent.selection import PATTERNS_MAX, Selection, selection_of
from perdure.runtime.sandbox.streams import Refused


@pytest.mark.parametrize(
    ("pattern", "path", "is_meant"),
    [
        ("*.py", "a.py", True),
        ("*.py", "deep/below/a.py", True),
        ("*.py", "a.pyc", False),
        ("*.py", "apy", False),
        ("*.py", "package.py/data", True),
        ("node_modules", "node_modules/x/y", True),
        ("node_modules", "a/node_modules", True),
        ("node_modules", "my_node_modules", False),
        ("src/*.ts", "src/a.ts", True),
        ("src/*.ts", "src/below/a.ts", False),
        ("src/**/a.ts", "src/b/c/a.ts", True),
        ("?.txt", "a.txt", True),
        ("?.txt", "ab.txt", False),
        ("a+b(c)", "a+b(c)", True),
        ("a+b(c)", "aab(c)", False),
        ("x", "a\nb/x", True),
    ],
)
def test_a_pattern_means_names_anywhere_and_what_is_below(
    pattern: str, path: str, is_meant: bool
) -> None:
    assert Selection([pattern], []).admits(path) is is_meant
    assert Selection([], [pattern]).admits(path) is not is_meant
    assert Selection([], [pattern]).enters(path) is not is_meant
    assert Selection([pattern], []).enters(path)


def test_without_patterns_all_is_meant() -> None:
    assert selection_of({}).admits("anything")
    assert selection_of({"include": [], "exclude": None}).enters("any/where")


@pytest.mark.parametrize(
    "request_",
    [
        {"include": "*.py"},
        {"include": [5]},
        {"include": [" "]},
        {"include": ["a\0b"]},
        {"exclude": ["[ab]"]},
        {"exclude": ["{a,b}"]},
        {"exclude": ["x" * 1025]},
        {"exclude": ["x"] * (PATTERNS_MAX + 1)},
        {"include": ["a"], "exclude": ["b"]},
    ],
)
def test_what_is_no_pattern_is_refused(request_: dict[str, object]) -> None:
    with pytest.raises(Refused) as caught:
        selection_of(request_)
    assert caught.value.code == "VALIDATION_FAILED"


@given(st.text("ab.+^$()|\\", min_size=1), st.lists(st.text("abc", min_size=1)))
def test_a_name_without_stars_means_exactly_itself(name: str, folders: list[str]) -> None:
    selection = Selection([name], [])
    assert selection.admits("/".join([*folders, name]))
    assert selection.admits(f"x{name}/y") is False


def as_expression(pattern: str) -> str:
    """The same, as a regular expression."""
    words = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    found = re.split(r"(\*\*+|\*|\?)", pattern)
    return "".join(words.get(each[:2], re.escape(each)) for each in found)


@given(st.text("ab/*?", min_size=1, max_size=8), st.text("ab/", max_size=12))
def test_it_is_what_a_regular_expression_would_find(pattern: str, path: str) -> None:
    expected = re.search(f"(?:^|/){as_expression(pattern)}(?:/|$)", path) is not None
    assert Selection([pattern], []).admits(path) is expected


def test_no_pattern_takes_long() -> None:
    assert not Selection(["**a" * 300 + "b"], []).admits("a" * 3000)
