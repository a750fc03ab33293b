"""What every JavaScript-like object is."""

import copy
import pickle
from typing import Any

import pytest

from perdure.runtime.compat.js.proxies import JsException, JsProxy, is_nullish, jsnull, undefined
from perdure.runtime.compat.js.values import JsDict, JsList


class Room(JsProxy, js_name="DurableObjectRoom"):
    def own_entries(self) -> Any:
        return [("a", 1), ("b", 2)]


def test_a_class_has_new_and_the_name_that_javascript_gives_it() -> None:
    room = Room.new()
    assert isinstance(room, Room)
    assert (Room.name, room.constructor.name) == ("DurableObjectRoom", "DurableObjectRoom")
    assert type("Plain", (JsProxy,), {}).name == "Plain"  # type: ignore[attr-defined]  # of its class
    assert not hasattr(room, "new")
    assert not hasattr(room, "name")


def test_an_object_shows_its_properties() -> None:
    room = Room()
    assert room.object_keys() == ["a", "b"]
    assert room.object_values().to_py() == [1, 2]
    assert room.object_entries() == [["a", 1], ["b", 2]]
    assert isinstance(room.object_entries()[0], JsList)
    assert room.as_object_map() == {"a": 1, "b": 2}
    first, second = room.object_values()
    assert (first, second) == (1, 2)


def test_an_object_stands_for_itself() -> None:
    room = Room()
    assert room.to_py() is room
    assert room.to_py(default_converter=lambda value, convert, keep: "converted") == "converted"
    assert room.as_py_json() is room
    assert room.valueOf() is room
    assert room.to_string() == room.toString() == str(room)
    assert room.js_id == room.js_id != Room().js_id
    assert {room: 1}[room] == 1
    assert room.typeof == "object"
    assert (type(room).name, type(room).prototype) == ("DurableObjectRoom", Room)


def test_null_is_false_and_one() -> None:
    assert not jsnull
    assert JsList([jsnull]).to_py() == [None]
    assert repr(jsnull) == "jsnull"
    assert copy.deepcopy(jsnull) is jsnull
    assert (is_nullish(jsnull), is_nullish(undefined), is_nullish(0)) == (True, True, False)
    assert jsnull.typeof == "object"


def test_an_error_has_a_name_and_a_message() -> None:
    error = JsException.named("InvalidAccessError", "no")
    assert (error.name, error.message, str(error)) == (
        "InvalidAccessError",
        "no",
        "InvalidAccessError: no",
    )
    assert error.js_error is error
    assert error.stack == str(error)
    assert str(JsException(jsnull)) == "Error"
    again = pickle.loads(pickle.dumps(error))
    assert (again.name, again.message) == ("InvalidAccessError", "no")
    with pytest.raises(JsException, match="InvalidAccessError: no"):
        raise error


def test_an_error_has_a_cause() -> None:
    assert JsException.new("x", cause=5).cause == 5
    assert JsException("x", JsDict(cause=6)).cause == 6
