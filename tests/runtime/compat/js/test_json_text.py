"""``JSON``."""

import json
import types
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.compat.js.containers import Map, Set
from perdure.runtime.compat.js.dates import Date
from perdure.runtime.compat.js.json_text import JSON
from perdure.runtime.compat.js.proxies import JsException, jsnull
from perdure.runtime.compat.js.pyproxies import PyProxy
from perdure.runtime.compat.js.values import JsDict, JsList


def test_text_has_no_spaces_and_no_escapes_it_does_not_need(js: types.ModuleType) -> None:
    value = js.Object.fromEntries([["type", "chat"], ["n", 1.0], ["é", [True, None, jsnull]]])
    assert js.JSON.stringify(value) == '{"type":"chat","n":1,"é":[true,null,null]}'
    assert js.JSON.stringify({"a": 1}) == js.JSON.stringify(PyProxy({"a": 1})) == '{"a":1}'
    assert js.JSON.stringify('a"\n\u2028') == '"a\\"\\n\u2028"'
    assert js.JSON.stringify("\ud800") == '"\\ud800"'
    assert js.JSON.stringify(float("nan")) == "null"
    assert js.JSON.stringify() is None


def test_what_has_no_form_is_left_out() -> None:
    assert JSON.stringify({"f": len, "a": 1}) == '{"a":1}'
    assert JSON.stringify([len]) == "[null]"
    assert JSON.stringify(len) is None
    assert JSON.stringify([Map({"a": 1}), Set([1])]) == "[{},{}]"
    assert JSON.stringify(JsException("x")) == "{}"
    assert JSON.stringify({"at": Date.new(0), "none": Date.new("x")}) == (
        '{"at":"1970-01-01T00:00:00.000Z","none":null}'
    )


def test_spaces_and_replacers() -> None:
    value = {"a": [1, {}], "b": []}
    assert JSON.stringify(value, None, 2) == ('{\n  "a": [\n    1,\n    {}\n  ],\n  "b": []\n}')
    assert JSON.stringify([1], None, "\t") == "[\n\t1\n]"
    assert JSON.stringify({"a": 1, "b": 2}, ["b"]) == '{"b":2}'
    doubled = JSON.stringify({"a": 1}, lambda key, item: item * 2 if key else item)
    assert doubled == '{"a":2}'


def test_a_value_that_contains_itself_is_refused() -> None:
    loop = JsList()
    loop.append(loop)
    with pytest.raises(JsException, match="TypeError: Converting circular structure to JSON"):
        JSON.stringify(loop)
    twice = JsDict()
    assert JSON.stringify([twice, twice]) == "[{},{}]"


def test_text_is_parsed_to_objects_with_attributes(js: types.ModuleType) -> None:
    value = js.JSON.parse('{"room":{"n":[1,{"x":null}]}}')
    assert value.room.n[1].x is None
    assert value.to_py() == {"room": {"n": [1, {"x": None}]}}
    assert js.JSON.parse("[1,2]", lambda key, item: item * 2 if key else item) == [2, 4]
    assert js.JSON.parse('{"a":1}', lambda key, item: item).a == 1


@pytest.mark.parametrize("text", ["", "{", "NaN", "{'a':1}", "undefined"])
def test_what_is_no_json_is_a_syntax_error(text: str, js: types.ModuleType) -> None:
    with pytest.raises(js.SyntaxError) as caught:
        js.JSON.parse(text)
    assert caught.value.name == "SyntaxError"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,  # more take long to make, and show no more
    )
)
def test_the_text_is_json(value: Any) -> None:
    text = JSON.stringify(value)
    assert text is not None
    assert json.loads(text) == value
    assert JSON.parse(text) == value
    assert json.loads(JSON.stringify(value, None, 3) or "") == value
