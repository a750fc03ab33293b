"""``to_js``."""

import types
from array import array
from datetime import UTC, datetime
from typing import Any

import pytest

from perdure.runtime.compat.js.containers import Map, Set
from perdure.runtime.compat.js.pyproxies import PyProxy
from perdure.runtime.compat.js.values import JsDict, JsList
from perdure.runtime.compat.pyodide.conversion import ConversionError, to_js


def test_a_dict_is_a_map_unless_it_is_converted(js: types.ModuleType) -> None:
    value = {"a": 1, "b": [{"c": 2}]}
    as_map = to_js(value)
    assert isinstance(as_map, Map)
    assert as_map["b"][0].get("c") == 2
    assert as_map.to_py() == value
    as_object = to_js(value, dict_converter=js.Object.fromEntries)
    assert isinstance(as_object, JsDict)
    assert as_object.b[0].c == 2
    assert as_object.to_py() == value


def test_everything_that_has_a_counterpart(js: types.ModuleType) -> None:
    assert to_js([1, ("x", None)]) == [1, ["x", None]]
    assert isinstance(to_js([(1,)])[0], JsList)
    assert isinstance(to_js({1}), Set)
    for value in (b"ab", bytearray(b"ab"), memoryview(b"ab")):
        assert to_js(value).to_bytes() == b"ab"
        assert isinstance(to_js(value), js.Uint8Array)
    assert isinstance(to_js(array("h", [1, -2])), js.Int16Array)
    assert to_js(array("h", [1, -2])).tolist() == [1, -2]
    assert to_js(array("d", [0.5])).tolist() == [0.5]
    response = js.Response.new("x")
    assert to_js(response) is response
    assert to_js([response])[0] is response
    for scalar in ("text", 5, 1.5, True, None):
        assert to_js(scalar) is scalar


def test_what_has_none_becomes_a_proxy_or_an_error() -> None:
    made: list[Any] = []
    proxy = to_js([len], pyproxies=made)[0]
    assert isinstance(proxy, PyProxy)
    assert made == [proxy]
    assert proxy("abc") == 3
    with pytest.raises(ConversionError, match="No conversion known for <built-in function len>"):
        to_js([len], create_pyproxies=False)


def test_a_converter_is_asked_for_what_has_none() -> None:
    when = datetime(2026, 1, 1, tzinfo=UTC)

    def convert(value: Any, inner: Any, keep: Any) -> Any:
        if isinstance(value, datetime):
            return value.isoformat()
        return keep(value, inner([value.number]))

    class Room:
        number = 5

    room = Room()
    assert to_js([when, room, room], default_converter=convert) == [when.isoformat(), [5], [5]]
    result = to_js([room, room], default_converter=convert)
    assert result[0] is result[1]


def test_an_eager_converter_is_asked_first() -> None:
    assert to_js("x", eager_converter=lambda value, convert, keep: convert(value) + "y") == "xy"


def test_only_so_deep_as_said() -> None:
    shallow = to_js([[1]], depth=1)
    assert isinstance(shallow[0], PyProxy)
    assert shallow[0].unwrap() == [1]


def test_a_value_that_contains_itself() -> None:
    loop: list[Any] = []
    loop.append(loop)
    converted = to_js(loop)
    assert converted[0] is converted
