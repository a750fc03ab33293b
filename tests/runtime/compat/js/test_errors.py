"""JavaScript's errors, and what perdure's own are called there."""

import types

import pytest

from perdure.actors.errors import InvalidClose, SocketLimitExceeded, SocketStateError
from perdure.actors.http_errors import (
    BodyAlreadyUsed,
    ImmutableHeaders,
    InvalidInit,
    InvalidJson,
    InvalidStatus,
    InvalidUrl,
)
from perdure.runtime.compat.js.errors import NotAvailable, error_named, js_error, platform_errors
from perdure.runtime.compat.js.proxies import JsException
from perdure.storage.errors import ValueNotSerializable


def test_a_program_makes_and_raises_errors(js: types.ModuleType) -> None:
    error = js.TypeError.new("bad")
    assert (error.name, error.message, error.constructor.name) == ("TypeError", "bad", "TypeError")
    assert isinstance(error, js.Error)
    assert isinstance(error, JsException)
    with pytest.raises(js.Error, match="RangeError: far"):
        raise js.RangeError.new("far")
    assert js.DOMException.new("x", "AbortError").name == "AbortError"
    assert js.SyntaxError.new("x").name == "SyntaxError"
    assert js.ReferenceError.new("x").name == "ReferenceError"


@pytest.mark.parametrize(
    ("native", "name", "message"),
    [
        (InvalidClose("Invalid WebSocket close code: 5."), "InvalidAccessError", "close code: 5."),
        (
            InvalidClose("WebSocket close reason must not be longer than 123 bytes"),
            "SyntaxError",
            "123",
        ),
        (
            SocketStateError("You must call one of accept() or ctx.accept_web_socket() on this"),
            "TypeError",
            "You must call one of accept() or state.acceptWebSocket() on this",
        ),
        (
            SocketLimitExceeded("Request cannot be larger than 2048", "x", 1, 2),
            "RangeError",
            "2048",
        ),
        (SocketLimitExceeded("A WebSocket 'attachment' cannot", "x", 1, 2), "Error", "attachment"),
        (InvalidStatus("status code 101"), "RangeError", "status code 101"),
        (BodyAlreadyUsed("request"), "TypeError", "Body has already been used."),
        (ImmutableHeaders(), "TypeError", "Can't modify immutable headers."),
        (InvalidJson("request", "Expecting", "x", 0), "SyntaxError", "is not JSON"),
        (InvalidInit("cannot have a body"), "TypeError", "cannot have a body"),
        (InvalidUrl("/x"), "TypeError", "Invalid URL: /x"),
        (ValueNotSerializable("X", "value", "why"), "DataCloneError", "X"),
        (OSError("gone"), "Error", "gone"),
        (ValueError("far"), "RangeError", "far"),
    ],
)
def test_native_errors_have_the_platforms_names(native: Exception, name: str, message: str) -> None:
    error = js_error(native)
    assert error.name == name
    assert message in error.message
    assert error.__cause__ is native


def test_what_is_not_perdures_is_a_python_error_with_its_traceback() -> None:
    try:
        dict[str, int]()["missing"]
    except KeyError as failure:
        error = js_error(failure)
    assert error.name == "PythonError"
    assert error.message.startswith("Traceback")
    assert error.message.rstrip().endswith("KeyError: 'missing'")


def test_errors_inside_are_told_in_the_platforms_words() -> None:
    mine = error_named("AbortError", "stop")
    with pytest.raises(JsException) as caught, platform_errors():
        raise mine
    assert caught.value is mine
    with pytest.raises(JsException, match="RangeError: bad"), platform_errors():
        raise InvalidStatus("bad")


def test_what_is_not_there_says_what_to_use_instead() -> None:
    error = NotAvailable("caches", "use storage")
    assert (error.what, error.instead) == ("caches", "use storage")
    assert error.message == "caches is not available on perdure: use storage"
