"""``Object``, ``Array``, ``String``, ``Boolean``."""

import types
from typing import Any

import pytest

from perdure.runtime.compat.js.containers import Map
from perdure.runtime.compat.js.objects import entries_of, text_of
from perdure.runtime.compat.js.proxies import jsnull
from perdure.runtime.compat.js.pyproxies import PyProxy
from perdure.runtime.compat.js.values import JsDict, JsList


def test_from_entries_and_back(js: types.ModuleType) -> None:
    made = js.Object.fromEntries(js.Array.new(js.Array.new("a", 1), ["b", 2]))
    assert made == {"a": 1, "b": 2}
    assert made.a == 1
    assert js.Object.fromEntries({"x": 1}.items()) == js.Object.fromEntries({"x": 1}) == {"x": 1}
    assert js.Object.fromEntries(Map([[1, 2]])) == {"1": 2}
    assert js.Object.entries(made) == [["a", 1], ["b", 2]]
    assert js.Object.keys(made) == js.Object.getOwnPropertyNames(made) == ["a", "b"]
    assert js.Object.values(made) == [1, 2]
    assert isinstance(js.Object.values(made), JsList)


def test_an_object_is_filled(js: types.ModuleType) -> None:
    made = js.Object.new()
    made.room = "a"
    assert js.Object.assign(made, {"b": 1}, None, JsDict(c=2)) is made
    assert made == {"room": "a", "b": 1, "c": 2}
    assert js.Object.assign(types.SimpleNamespace(), {"x": 1}).x == 1
    assert js.Object.new(a=1) == {"a": 1}
    assert js.Object.hasOwn(made, "b")
    assert not js.Object.hasOwn(made, "z")
    assert js.Object.freeze(made) is made
    assert js.Object.create(None) == {}
    assert getattr(js.Object, "is")(1, 1)
    assert js.Object.getPrototypeOf(made) is JsDict
    assert js.Object.groupBy([1, 2, 3], lambda item, index: item % 2) == {"1": [1, 3], "0": [2]}


def test_entries_of_all_that_has_properties() -> None:
    class Point:
        def __init__(self) -> None:
            self.x = 1

    assert entries_of([5]) == [("0", 5)]
    assert entries_of("ab") == [("0", "a"), ("1", "b")]
    assert entries_of(PyProxy({"a": 1})) == [("a", 1)]
    assert entries_of(Point()) == [("x", 1)]
    assert entries_of(Map({"a": 1})) == entries_of(None) == entries_of(5) == []


def test_arrays_are_made(js: types.ModuleType) -> None:
    make = getattr(js.Array, "from")
    assert make({"a": 1}.keys()) == ["a"]
    assert make(Map({"a": 1})) == [["a", 1]]
    assert make("ab") == ["a", "b"]
    assert make({1}) == [1]
    assert make(None) == []
    assert make(JsDict({"length": 2, "0": "x"})) == ["x", None]
    assert make([1, 2], lambda item, index: item * index) == [0, 2]
    assert js.Array.new(1, 2) == js.Array.of(1, 2) == [1, 2]
    assert js.Array.new(2).length == 2
    assert js.Array.new().push(1) == 1
    assert (js.Array.isArray([]), js.Array.isArray("a"), js.Array.isArray(PyProxy([]))) == (
        True,
        False,
        True,
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (1.0, "1"),
        (None, "undefined"),
        (jsnull, "null"),
        ([1, [2, None]], "1,2,undefined"),
        ({"a": 1}, "[object Object]"),
        (JsDict(), "[object Object]"),
        ("x", "x"),
    ],
)
def test_text_of_values(value: Any, text: str, js: types.ModuleType) -> None:
    assert text_of(value) == js.String(value) == text


def test_text_of_codes(js: types.ModuleType) -> None:
    assert js.String.fromCharCode(104, 105, 0xD83D, 0xDE00) == "hi😀"
    assert js.String.fromCodePoint(128512) == "😀"


def test_truth_is_javascripts(js: types.ModuleType) -> None:
    values: list[Any] = [[], {}, "", 0, None, jsnull, float("nan"), "x"]
    assert [js.Boolean(value) for value in values] == [
        True,
        True,
        False,
        False,
        False,
        False,
        False,
        True,
    ]
