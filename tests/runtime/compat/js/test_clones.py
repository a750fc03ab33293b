"""``structuredClone``."""

import types

import pytest

from perdure.runtime.compat.js.containers import Map, Set
from perdure.runtime.compat.js.values import JsDict


def test_a_copy_goes_all_the_way_down(js: types.ModuleType) -> None:
    value = js.Object.new(
        at=js.Date.new(5),
        data=js.Uint8Array.new(b"x"),
        buffer=js.ArrayBuffer.new(1),
        map=Map({"a": [1]}),
        set=Set([1]),
        error=js.TypeError.new("bad"),
        pattern=js.RegExp.new("a", "g"),
        plain={"x": (None, True)},
    )
    copy = js.structuredClone(value)
    assert copy.at == value.at
    assert copy.at is not value.at
    copy.data[0] = 0
    assert value.data[0] == 120
    assert copy.buffer == value.buffer
    assert copy.map == value.map
    assert copy.map["a"] is not value.map["a"]
    assert copy.set == {1}
    assert (copy.error.name, copy.error.message) == ("TypeError", "bad")
    assert str(copy.pattern) == "/a/g"
    assert copy.plain.x == [None, True]
    assert type(copy.plain) is JsDict


def test_one_object_stays_one_object(js: types.ModuleType) -> None:
    loop = js.Object.new()
    loop.me = loop
    copy = js.structuredClone(loop)
    assert copy.me is copy
    assert copy is not loop


def test_what_cannot_be_copied_is_a_data_clone_error(js: types.ModuleType, ffi: object) -> None:
    for value in (len, js.Response.new("x"), object(), [lambda: 1]):
        with pytest.raises(js.Error, match="could not be cloned") as caught:
            js.structuredClone(value)
        assert caught.value.name == "DataCloneError"
