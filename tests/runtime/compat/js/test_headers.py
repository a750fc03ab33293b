"""``Headers``."""

import types

import pytest

from perdure.actors.headers import Headers as NativeHeaders
from perdure.actors.http import Request as NativeRequest
from perdure.runtime.compat.js.containers import Map
from perdure.runtime.compat.js.headers import Headers


def test_headers_are_made_of_all_forms(js: types.ModuleType) -> None:
    for init in (
        {"X-A": "1"},
        {"X-A": "1"}.items(),
        [("X-A", 1)],
        js.Array.new(js.Array.new("X-A", "1")),
        js.Object.fromEntries([["X-A", "1"]]),
        Map([["X-A", "1"]]),
        js.Headers.new({"X-A": "1"}),
        NativeHeaders({"X-A": "1"}),
    ):
        assert js.Headers.new(init).get("x-a") == "1"
    assert list(js.Headers.new()) == list(js.Headers.new(None)) == []
    assert js.Headers.new(Accept="x").get("accept") == "x"


def test_headers_are_changed_and_read() -> None:
    headers = Headers.new()
    headers.append("Accept", "a")
    headers.append("accept", "b")
    headers.set("X", 5)
    headers["Y"] = "6"
    assert (headers.get("ACCEPT"), headers.get("none"), headers["x"]) == ("a, b", None, "5")
    assert headers.get("none", "default") == "default"
    assert (headers.has("X"), "x" in headers, "z" in headers) == (True, True, False)
    assert list(headers) == [["accept", "a, b"], ["x", "5"], ["y", "6"]]
    assert list(headers.items()) == list(headers.entries()) == list(headers)
    assert (list(headers.keys()), list(headers.values())) == (
        ["accept", "x", "y"],
        ["a, b", "5", "6"],
    )
    headers.delete("accept")
    assert headers.getAll("accept") == []
    assert len(headers) == 2
    assert Headers.new(), "an object is true"
    with pytest.raises(KeyError):
        headers["none"]
    seen: list[tuple[str, str]] = []
    headers.forEach(lambda value, name, source: seen.append((name, value)))
    assert seen == [("x", "5"), ("y", "6")]
    assert repr(headers) == "Headers([('x', '5'), ('y', '6')])"


def test_cookies_are_kept_apart() -> None:
    headers = Headers.new([("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    assert headers.getSetCookie() == ["a=1", "b=2"]
    assert list(headers) == [["set-cookie", "a=1"], ["set-cookie", "b=2"]]


def test_what_cannot_be_sent_is_a_type_error(js: types.ModuleType) -> None:
    with pytest.raises(js.TypeError):
        js.Headers.new({"a b": "1"})
    with pytest.raises(js.TypeError):
        js.Headers.new().set("a", "x\ny")
    came = Headers.of(NativeRequest.incoming("GET", "http://a/", NativeHeaders().fields).headers)
    with pytest.raises(js.TypeError, match="Can't modify immutable headers"):
        came.set("a", "b")
    assert js.Headers.new(came).get("a") is None


def test_a_message_sees_the_changes() -> None:
    native = NativeHeaders()
    Headers.of(native).append("A", "1")
    assert native["a"] == "1"
