"""``URL`` and ``URLSearchParams``."""

import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.compat.js.urls import URL, URLSearchParams


def test_a_url_has_parts(js: types.ModuleType) -> None:
    url = js.URL.new("HTTPS://Ada:pw@Example.COM:8443/rooms/lobby?name=a%20b&x=1#top")
    assert (url.protocol, url.host, url.hostname, url.port) == (
        "https:",
        "example.com:8443",
        "example.com",
        "8443",
    )
    assert (url.pathname, url.search, url.hash) == ("/rooms/lobby", "?name=a%20b&x=1", "#top")
    assert (url.username, url.password, url.origin) == ("Ada", "pw", "https://example.com:8443")
    assert url.searchParams.get("name") == "a b"
    assert url.searchParams is url.searchParams
    assert str(url) == url.toString() == url.toJSON() == url.href
    assert url.href == "https://Ada:pw@example.com:8443/rooms/lobby?name=a%20b&x=1#top"


@pytest.mark.parametrize(
    ("text", "href"),
    [
        ("http://a.b", "http://a.b/"),
        ("https://a.b:443/", "https://a.b/"),
        ("ws://a.b:80/x", "ws://a.b/x"),
        ("http://a.b/x/../y/./z/..", "http://a.b/y/"),
        ("http://a.b/%2e%2E/x", "http://a.b/x"),
        ("http://a.b/a b\u00e9", "http://a.b/a%20b%C3%A9"),
        ("http://a.b?q", "http://a.b/?q"),
        ("http://a.b/?q='x'", "http://a.b/?q=%27x%27"),
        ("  http://a.b/x\n", "http://a.b/x"),
        ("http://[::1]:8787/", "http://[::1]:8787/"),
        ("http://b\u00fccher.example/", "http://xn--bcher-kva.example/"),
        ("mailto:a@b.c", "mailto:a@b.c"),
    ],
)
def test_a_url_is_normalised(text: str, href: str) -> None:
    assert URL.new(text).href == href


@pytest.mark.parametrize(
    ("text", "href"),
    [
        ("/x?y", "http://a.b/x?y"),
        ("z", "http://a.b/c/z"),
        ("../z", "http://a.b/z"),
        ("//h/p", "http://h/p"),
        ("?q", "http://a.b/c/d?q"),
        ("https://o/", "https://o/"),
    ],
)
def test_a_relative_url_needs_a_base(text: str, href: str) -> None:
    assert URL.new(text, "http://a.b/c/d").href == URL.new(text, URL.new("http://a.b/c/d")).href
    assert URL.new(text, "http://a.b/c/d").href == href


@pytest.mark.parametrize("text", ["/relative", "", "http://", "http://a b/", "http://a:99999/"])
def test_what_is_no_url_is_a_type_error(text: str, js: types.ModuleType) -> None:
    with pytest.raises(js.TypeError, match="Invalid URL"):
        js.URL.new(text)
    assert not js.URL.canParse(text)
    assert js.URL.parse(text) is None


def test_parts_can_be_set() -> None:
    url = URL.new("http://a.b/x?y#z")
    url.pathname, url.search, url.hash = "p q", "?n=1", "h"
    assert url.href == "http://a.b/p%20q?n=1#h"
    url.protocol, url.hostname, url.port = "https:", "C.d", "8443"
    assert url.href == "https://c.d:8443/p%20q?n=1#h"
    url.port = "443"
    url.username, url.password = "u", "p"
    assert url.href == "https://u:p@c.d/p%20q?n=1#h"
    url.host = "e.f:1"
    assert url.host == "e.f:1"
    url.href = "http://x.y"
    assert url.href == "http://x.y/"


def test_what_is_done_to_the_names_is_done_to_the_url() -> None:
    url = URL.new("http://a.b/?x=1")
    url.searchParams.append("name", "a&b c")
    url.searchParams.delete("x")
    assert url.href == "http://a.b/?name=a%26b+c"
    url.search = "?z=1"
    assert url.searchParams.get("z") == "1"
    url.searchParams.delete("z")
    assert url.href == "http://a.b/"


def test_names_and_values_in_order(js: types.ModuleType) -> None:
    params = js.URLSearchParams.new("?b=1&a=2&b=3&plus=x+y&%C3%A9")
    assert params.get("b") == "1"
    assert params.getAll("b") == ["1", "3"]
    assert (params.get("plus"), params.get("é"), params.get("none")) == ("x y", "", None)
    assert (params.has("a"), params.has("a", "9"), "a" in params, params.size) == (
        True,
        False,
        True,
        5,
    )
    params.set("b", 9)
    params.set("new", True)
    params.delete("plus")
    params.sort()
    assert list(params) == [["a", "2"], ["b", "9"], ["new", "true"], ["é", ""]]
    assert str(params) == params.toString() == "a=2&b=9&new=true&%C3%A9="
    assert list(params.keys()) == ["a", "b", "new", "é"]
    assert list(params.values()) == ["2", "9", "true", ""]
    seen: list[str] = []
    params.forEach(lambda value, name, source: seen.append(name))
    assert seen == list(params.keys())
    params.delete("b", "8")
    assert params.has("b")


def test_names_are_made_of_all_forms() -> None:
    expected = [["a", "1"]]
    for init in ("a=1", "?a=1", {"a": 1}, [("a", "1")], URLSearchParams.new("a=1")):
        assert list(URLSearchParams.new(init)) == expected
    assert list(URLSearchParams.new(a="1")) == expected
    assert list(URLSearchParams.new()) == []


@given(st.lists(st.tuples(st.text(), st.text())))
def test_pairs_survive_being_written(pairs: list[tuple[str, str]]) -> None:
    params = URLSearchParams.new(pairs)
    again = URLSearchParams.new(params.toString())
    assert list(again) == [list(pair) for pair in pairs]


@given(st.text(alphabet="ab/.%2e ?#é\\", max_size=20))
def test_a_normalised_url_stays_as_it_is(text: str) -> None:
    url = URL.new("http://a.b/" + text)
    assert URL.new(url.href).href == url.href
    assert url.href.isascii()
