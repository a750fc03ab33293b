"""What rules see is what the Worker sees."""

import pytest

from perdure.actors.http import Request
from perdure.runtime.edge.firewall.head import host_of

from .heads import head


@pytest.mark.parametrize(
    ("target", "paths"),
    [
        ("/", ["/"]),
        ("/a/b", ["/a/b"]),
        ("/a/b/", ["/a/b"]),
        ("/a?b=/c", ["/a"]),
        ("/a#b", ["/a"]),
        ("/%61dmin", ["/admin"]),
        ("/a/../admin", ["/admin"]),
        ("/a/./b", ["/a/b"]),
        ("/.well-known/x", ["/.well-known/x"]),
        ("/a%20b", ["/a b"]),
        ("/%C3%A9", ["/é"]),
        ("//admin", ["//admin", "/admin"]),
        ("/x//admin/", ["/x//admin", "/x/admin"]),
        ("/x/..%2fadmin", ["/x/../admin", "/admin"]),
        ("/%2e%2e/admin", ["/admin"]),
        ("/x\\admin", ["/x\\admin", "/x/admin"]),
        ("/x%5C..%5Cadmin", ["/x\\..\\admin", "/admin"]),
        ("http://other.example/a?b", ["/a"]),
        ("http://other.example", ["/"]),
        ("/proxy/http://a.example/x", ["/proxy/http://a.example/x", "/proxy/http:/a.example/x"]),
        ("*", ["/*"]),
        ("http://[bad/x", ["http://[bad/x", "/http:/[bad/x"]),
    ],
)
def test_a_path_has_all_its_readings(target: str, paths: list[str]) -> None:
    assert [path or "/" for path in head(f"GET {target}").paths] == paths


@pytest.mark.parametrize("target", ["/a%2Fb/%61?c=%26&d", "//x", "/a/../b", "/x;y=1", "/[x]|{y}"])
def test_the_first_reading_is_the_workers(target: str) -> None:
    request = Request(f"http://h{target}")
    asked = head(f"GET {target}")
    assert asked.paths[0] == request.parsed_url.path.rstrip("/")
    assert asked.query == request.parsed_url.query


def test_a_query_is_decoded_and_may_repeat_itself() -> None:
    asked = head("GET /?a=1&b=%20x&a=2&c")
    assert asked.query.getall("a") == ["1", "2"]
    assert asked.query["b"] == " x"
    assert asked.query["c"] == ""
    assert list(head("GET /").query) == []
    assert list(head("GET http://[bad/x?a").query) == []


def test_cookies_may_repeat_themselves() -> None:
    asked = head("GET /", 'Cookie: a=1; b="x y"; flag; =; a=2', "Cookie: c=d=e")
    assert asked.cookies == {"a": ["1", "2"], "b": ["x y"], "": [""], "c": ["d=e"]}
    assert asked.cookies is asked.cookies
    assert head().cookies == {}


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("/", "h:1"),
        ("/http://x/", "h:1"),
        ("http://other.example:80/x", "other.example:80"),
        ("*", "h:1"),
        ("http://[bad/x", "h:1"),
    ],
)
def test_a_whole_url_says_itself_where_it_goes(target: str, host: str) -> None:
    assert host_of(target, "h:1") == host
