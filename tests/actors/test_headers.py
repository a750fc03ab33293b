"""Headers: a mapping that ignores case, and keeps out what may not travel."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from perdure.actors.headers import Headers, HeadersInit
from perdure.actors.http_errors import ImmutableHeaders, InvalidHeader, InvalidInit
from perdure.storage.errors import UsageError

INITS: list[HeadersInit] = [
    {"X-One": "1", "Two": "2"},
    [("X-One", "1"), ("Two", "2")],
    (pair for pair in [("X-One", "1"), ("Two", "2")]),
    Headers({"X-One": "1", "Two": "2"}),
    CIMultiDict({"X-One": "1", "Two": "2"}),
]


@pytest.mark.parametrize("init", INITS, ids=lambda init: type(init).__name__)
def test_headers_are_made_of_what_holds_pairs(init: HeadersInit) -> None:
    headers = Headers(init)
    assert list(headers.items()) == [("X-One", "1"), ("Two", "2")]


def test_nothing_makes_no_headers() -> None:
    assert len(Headers()) == len(Headers(None)) == len(Headers({})) == 0
    assert not Headers()


def test_names_are_equal_whatever_their_case() -> None:
    headers = Headers({"Content-Type": "text/html"})
    assert headers["content-type"] == headers.get("CONTENT-TYPE") == "text/html"
    assert "cOnTent-tYpe" in headers
    assert "content" not in headers
    number: object = 5
    assert number not in headers


def test_a_missing_name_is_none_or_the_default_or_a_key_error() -> None:
    headers = Headers()
    assert headers.get("X") is None
    assert headers.get("X", "y") == "y"
    assert headers.get_all("X") == []
    assert headers.get_set_cookie() == []
    with pytest.raises(KeyError, match="X"):
        headers["X"]


def test_values_of_one_name_are_joined() -> None:
    headers = Headers([("Accept", "a"), ("X", "1"), ("accept", "b")])
    assert headers["Accept"] == headers.get("accept") == "a, b"
    assert headers.get_all("ACCEPT") == ["a", "b"]
    assert list(headers) == list(headers.keys()) == ["Accept", "X"]
    assert list(headers.values()) == ["a, b", "1"]
    assert len(headers) == 2
    assert dict(headers) == {"Accept": "a, b", "X": "1"}


def test_cookies_stay_apart_so_that_copying_keeps_them() -> None:
    headers = Headers([("Set-Cookie", "a=1"), ("X", "1"), ("set-cookie", "b=2; Path=/")])
    assert headers.get_set_cookie() == ["a=1", "b=2; Path=/"]
    items = headers.items()
    assert list(items) == [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2; Path=/"), ("X", "1")]
    assert len(items) == 3
    assert Headers(headers.items()).get_set_cookie() == headers.get_set_cookie()
    assert Headers(headers).get_set_cookie() == headers.get_set_cookie()


def test_set_replaces_append_adds_delete_removes() -> None:
    headers = Headers({"X": "1"})
    headers.append("x", "2")
    assert headers["X"] == "1, 2"
    headers.set("X", "3")
    assert headers.get_all("X") == ["3"]
    headers["x"] = "4"
    assert headers.get_all("X") == ["4"]
    headers.delete("x")
    headers.delete("x")
    assert "X" not in headers
    with pytest.raises(KeyError):
        del headers["x"]
    headers["y"] = "5"
    del headers["Y"]
    assert len(headers) == 0


def test_a_copy_is_a_copy() -> None:
    first = Headers({"X": "1"})
    second = Headers(first)
    second.set("X", "2")
    assert first["X"] == "1"


def test_whitespace_around_a_value_is_dropped() -> None:
    assert Headers({"X": " \t a b\r\n"})["X"] == "a b"


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\nb", "é", "a\0", "(x)"])
def test_a_name_is_a_token(name: str) -> None:
    with pytest.raises(InvalidHeader, match="a name has letters, digits and") as caught:
        Headers({name: "1"})
    assert caught.value.name == name
    with pytest.raises(InvalidHeader):
        Headers().set(name, "1")
    with pytest.raises(InvalidHeader):
        Headers().append(name, "1")


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b", "a\ud800b"])
def test_a_value_cannot_smuggle_a_second_field(value: str) -> None:
    with pytest.raises(InvalidHeader, match=r"^header 'X': the value holds '.+', which cannot be"):
        Headers({"X": value})
    with pytest.raises(InvalidHeader):
        Headers().append("X", value)
    with pytest.raises(InvalidHeader):
        Headers()["X"] = value


def test_bytes_of_the_network_that_are_no_utf8_may_leave_again() -> None:
    assert Headers({"X": b"caf\xe9".decode("utf-8", "surrogateescape")})["X"] == "caf\udce9"


def test_other_characters_are_kept() -> None:
    assert Headers({"X": "naïve — ☃"})["X"] == "naïve — ☃"


def test_errors_are_usage_errors_of_the_expected_kind() -> None:
    with pytest.raises(UsageError) as caught:
        Headers({"a b": "1"})
    assert isinstance(caught.value, ValueError)
    with pytest.raises(UsageError) as caught:
        Headers({"X": 5})  # type: ignore[arg-type]
    assert isinstance(caught.value, TypeError)


def test_what_is_no_text_is_refused_with_what_to_write() -> None:
    with pytest.raises(
        InvalidInit, match=r"the value of header 'X' is a str, not int; write str\(5\)"
    ):
        Headers({"X": 5})  # type: ignore[arg-type]
    with pytest.raises(InvalidInit, match="a header's name is a str, not int"):
        Headers({5: "x"})  # type: ignore[arg-type]


@pytest.mark.parametrize("init", ["X: 1", b"X: 1", 5, ["X: 1"], [("a", "b", "c")], ["ab"], [5]])
def test_what_holds_no_pairs_is_refused(init: HeadersInit) -> None:
    with pytest.raises(InvalidInit, match="headers are"):
        Headers(init)


def test_headers_from_the_network_cannot_be_changed() -> None:
    incoming = Headers.wrap(CIMultiDict({"X": "1"}), immutable=True)
    with pytest.raises(ImmutableHeaders, match=r"Headers\(request\.headers\)"):
        incoming.set("X", "2")
    with pytest.raises(ImmutableHeaders):
        incoming.append("X", "2")
    with pytest.raises(ImmutableHeaders):
        incoming.delete("X")
    with pytest.raises(ImmutableHeaders):
        incoming["X"] = "2"
    with pytest.raises(ImmutableHeaders):
        del incoming["X"]
    own = Headers(incoming)
    own.set("X", "2")
    assert (incoming["X"], own["X"]) == ("1", "2")


def test_headers_around_a_proxy_cannot_be_changed() -> None:
    incoming = Headers.wrap(CIMultiDictProxy(CIMultiDict({"X": "1"})))
    with pytest.raises(ImmutableHeaders):
        incoming.set("X", "2")
    own = Headers(incoming)
    own.set("X", "2")
    assert own["X"] == "2"


def test_wrapping_copies_nothing() -> None:
    fields = CIMultiDict({"X": "1"})
    headers = Headers.wrap(fields)
    assert headers.fields is fields
    headers.set("Y", "2")
    assert fields["y"] == "2"


def test_equality_ignores_the_case_and_order_of_names() -> None:
    assert Headers({"A": "1", "B": "2"}) == Headers({"b": "2", "a": "1"})
    assert Headers({"A": "1"}) == {"a": "1"}
    assert Headers({"A": "1"}) != Headers({"A": "2"})
    assert Headers({"A": "1"}) != {"a b": "1"}
    assert Headers({"A": "1"}) != {"a": 1}
    assert Headers([("A", "1"), ("A", "2")]) != Headers([("A", "2"), ("A", "1")])
    other: object = 5
    assert Headers() != other


def test_headers_are_a_mapping_that_cannot_be_hashed() -> None:
    assert isinstance(Headers(), Mapping)
    with pytest.raises(TypeError):
        hash(Headers())


def test_headers_show_their_fields() -> None:
    assert repr(Headers({"A": "1"})) == "Headers([('A', '1')])"


NAMES = st.from_regex(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,8}", fullmatch=True)
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0")).map(
    lambda text: text.strip(" \t")
)


@given(st.lists(st.tuples(NAMES, VALUES)))
def test_headers_agree_with_a_list_of_fields(fields: list[tuple[str, str]]) -> None:
    headers = Headers(fields)
    for name, _ in fields:
        values = [value for other, value in fields if other.lower() == name.lower()]
        assert headers.get_all(name.swapcase()) == values
        assert headers[name] == ", ".join(values)
    assert len(headers) == len({name.lower() for name, _ in fields}) == len(list(headers))
    assert Headers(headers.items()) == headers or len(headers.fields) > len(headers)
