"""JSON with comments: what it says, where, and what is wrong with it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.config.json_text import JsonError, parse_json
from perdure.runtime.config.positions import KeyPath, Position

TEXT = """\
{
  // "no": 1,
  "name": "x//y", /* "nor": this */ "vars": {"é": [1, {"k": 2},], "a/*b*/": ", ]",},
  "esc\\u0061ped": null, "twice": {"deep": 1},
  "twice": {"other": 1}
}
"""
PLACES: dict[KeyPath, tuple[int, int]] = {
    ("name",): (3, 3),
    ("vars",): (3, 37),
    ("vars", "é"): (3, 46),
    ("vars", "é", 0): (3, 52),
    ("vars", "é", 1, "k"): (3, 56),
    ("vars", "a/*b*/"): (3, 67),
    ("escaped",): (4, 3),
    ("twice",): (5, 3),
    ("twice", "deep"): (5, 3),
    ("twice", "other"): (5, 13),
}
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,  # more take long to make, and show no more
)
BLANKS = st.sampled_from(["", " ", "\n", "// [,]\n", '/* {"}, */', "/**/ /* , */"])


def test_comments_and_last_commas_are_not_there() -> None:
    values, _ = parse_json(TEXT)
    assert values == {
        "name": "x//y",
        "vars": {"é": [1, {"k": 2}], "a/*b*/": ", ]"},
        "escaped": None,
        "twice": {"other": 1},
    }


@pytest.mark.parametrize("path", PLACES)
def test_each_key_has_its_place(path: KeyPath) -> None:
    _, positions = parse_json(TEXT)
    assert positions.find(path) == Position(*PLACES[path])


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("", (1, 1), "Expecting value"),
        ("[1]", (1, 1), "The file should hold an object."),
        ("{'a': 1}", (1, 2), "Expecting property name enclosed in double quotes"),
        ("{a: 1}", (1, 2), "Expecting property name enclosed in double quotes"),
        ('{"a" 1}', (1, 6), "Expecting ':' delimiter"),
        ('{"a": 1\n "b": 2}', (2, 2), "Expecting ',' delimiter"),
        ('{"a": [,]}', (1, 8), "Expecting value"),
        ('{"a": [1,,]}', (1, 10), "Expecting value"),
        ("{,}", (1, 2), "Expecting property name enclosed in double quotes"),
        ('{"a": 01}', (1, 8), "Expecting ',' delimiter"),
        ('{"a": "x}', (1, 7), "Unterminated string starting at"),
        ('{"a": "x\ny"}', (1, 9), "Invalid control character at"),
        ("{} {}", (1, 4), "Extra data"),
        ('{\n "a": NaN}', (2, 7), "JSON has no NaN."),
        ('{"a": -Infinity}', (1, 8), "JSON has no Infinity."),
        ("{} /* open", (1, 4), "A comment is opened with /* that is never closed."),
        ("{} /*/", (1, 4), "A comment is opened with /* that is never closed."),
        ('{"a": 1, # no\n}', (1, 10), "Expecting property name enclosed in double quotes"),
    ],
)  # fmt: skip
def test_what_is_no_json_is_told_with_its_place(
    text: str, place: tuple[int, int], message: str
) -> None:
    with pytest.raises(JsonError) as raised:
        parse_json(text)
    assert (raised.value.place, raised.value.message) == (Position(*place), message)
    assert raised.value.hint


def test_a_number_without_end_is_refused() -> None:
    with pytest.raises(JsonError, match="too many digits"):
        parse_json('{"a": ' + "1" * 5000 + "}")


def test_many_comments_behind_a_comma_take_no_time() -> None:
    comments = "/* */ " * 10_000
    with pytest.raises(JsonError) as raised:
        parse_json('{"a": 1, ' + comments + "1}")
    assert raised.value.place == Position(1, 10 + len(comments))


@given(st.dictionaries(st.text(), VALUES), BLANKS, BLANKS)
def test_any_object_is_read_as_json_reads_it(
    values: dict[str, object], before: str, behind: str
) -> None:
    text = json.dumps(values, indent=1).replace(",\n", f"{before},{behind}\n")
    commas = text.replace("\n}", f",{before}{behind}\n}}") if values else text
    assert parse_json(text)[0] == values
    if text.count("\n}") == 1:
        assert parse_json(commas)[0] == values
