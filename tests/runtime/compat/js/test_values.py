"""Plain objects, arrays, and the way to native values and back."""

import copy
import pickle
from array import array
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.compat.js.blobs import Blob
from perdure.runtime.compat.js.buffers import ArrayBuffer, Uint8Array
from perdure.runtime.compat.js.containers import Map, Set
from perdure.runtime.compat.js.dates import Date
from perdure.runtime.compat.js.headers import Headers
from perdure.runtime.compat.js.proxies import jsnull
from perdure.runtime.compat.js.pyproxies import PyProxy
from perdure.runtime.compat.js.values import (
    JsDict,
    JsIterator,
    JsList,
    from_native,
    to_native,
)
from perdure.storage.values import decode, encode


def test_an_object_is_a_dict_with_attributes() -> None:
    row = JsDict({"n": 1, "items": [2]})
    assert row.n == row["n"] == 1
    row.m = 3
    assert row == {"n": 1, "items": [2], "m": 3}
    del row.m
    assert "m" not in row
    assert not row.hasOwnProperty("m")
    assert callable(row.items), "a dict's method hides the key"
    assert row["items"] == [2]
    with pytest.raises(AttributeError):
        _ = row.missing
    with pytest.raises(AttributeError):
        del row.missing
    assert row.constructor.name == "Object"
    assert row.toString() == "[object Object]"
    assert row.as_object_map() is row


def test_an_array_has_the_methods_of_both_languages() -> None:
    items = JsList([1, 2, 3])
    assert (items.length, len(items), items.at(-1), items.at(9)) == (3, 3, 3, None)
    assert items.push(4, 5) == 5
    assert (items.pop(), items.shift(), items.unshift(0)) == (5, 1, 4)
    assert items == [0, 2, 3, 4]
    assert items.splice(1, 2, "x") == [2, 3]
    assert items.slice(1) == ["x", 4]
    assert items.splice(-1) == [4]
    assert items.concat([7], 8) == [0, "x", 7, 8]
    assert JsList().pop() is JsList().shift() is None
    assert JsList([1, None, jsnull]).toString() == "1,,"
    assert items.join("-") == "0-x"
    assert (items.includes("x"), items.indexOf("x"), items.indexOf("y")) == (True, 1, -1)
    assert items.constructor.name == "Array"
    assert items.object_entries() == [["0", 0], ["1", "x"]]


def test_an_array_calls_back() -> None:
    items, seen = JsList([1, 2, 3]), list[int]()
    items.forEach(seen.append)
    assert seen == [1, 2, 3]
    assert items.map(lambda item: item * 2) == [2, 4, 6]
    assert items.filter(lambda item: item > 1) == [2, 3]
    assert (items.find(lambda item: item > 1), items.find(lambda item: item > 9)) == (2, None)
    assert (items.some(lambda item: item > 2), items.every(lambda item: item > 2)) == (True, False)
    assert list(items.entries()) == [[0, 1], [1, 2], [2, 3]]
    assert list(items.keys()) == [0, 1, 2]
    assert items.values().toArray() == items


def test_an_iterator_is_javascripts_and_pythons() -> None:
    iterator = JsIterator([1, 2])
    first = iterator.next()
    assert (first.done, first.value) == (False, 1)
    assert next(iterator) == 2
    assert iterator.next() == {"done": True, "value": None}
    assert iter(iterator) is iterator.to_py()


def test_to_py_gives_plain_containers_all_the_way_down() -> None:
    value = from_native({"a": [{"b": b"x"}], "n": None})
    plain = value.to_py()
    assert plain == {"a": [{"b": b"x"}], "n": None}
    assert [type(plain), type(plain["a"]), type(plain["a"][0])] == [dict, list, dict]
    assert isinstance(plain["a"][0]["b"], memoryview)
    shallow = value.to_py(depth=1)
    assert type(shallow) is dict
    assert isinstance(shallow["a"], JsList)
    assert JsDict({"x": jsnull}).to_py() == {"x": None}


def test_to_py_keeps_what_stands_for_itself_or_asks_the_converter() -> None:
    date = Date.new(0)
    assert JsList([date]).to_py() == [date]
    converted = JsList([date]).to_py(default_converter=lambda value, convert, keep: value.getTime())
    assert converted == [0]


def test_to_py_survives_a_value_that_contains_itself() -> None:
    loop = JsList()
    loop.append(loop)
    plain = loop.to_py()
    assert type(plain) is list
    assert plain[0] is plain


def test_native_values_become_supersets() -> None:
    value = from_native({"a": [1, (2, b"x")], "s": {1}})
    assert type(value) is JsDict
    assert value.a[1][1].decode() == "x"
    assert value.a.length == 2
    assert type(value.s) is set
    assert from_native("text") == "text"


def test_what_a_program_gives_becomes_native() -> None:
    when = datetime(2026, 1, 2, tzinfo=UTC)
    headers = Headers({"A": "1"})

    class Wrapper:
        js_object = Date.new(when)

    assert to_native(Map([["a", JsList([1])]])) == {"a": [1]}
    assert to_native(JsList([Date.new(when), Wrapper()])) == [when, when]
    assert to_native(Set([1])) == {1}
    assert to_native(JsDict(x=jsnull, y=None, z=True)) == {"x": None, "y": None, "z": True}
    assert to_native((Uint8Array(b"a"), ArrayBuffer(b"b"))) == (b"a", b"b")
    assert to_native(array("B", [1])) == b"\x01"
    assert to_native(headers) is headers.native
    assert to_native(PyProxy(len)) is len
    assert isinstance(to_native(Blob(["x"])), Blob), "storage refuses it, and says so"
    assert type(to_native(JsDict())) is dict


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,  # more take long to make, and show no more
)


@given(PLAIN)
def test_what_storage_gives_back_is_what_was_put(value: Any) -> None:
    shown = from_native(value)
    assert to_native(shown) == value
    assert decode(encode(to_native(shown))) == value


@given(PLAIN)
def test_copies_are_of_the_same_kind(value: Any) -> None:
    shown = from_native([value])
    for again in (copy.deepcopy(shown), pickle.loads(pickle.dumps(shown))):
        assert again == shown
        assert type(again) is JsList
        assert type(again[0]) is type(shown[0])
