"""What applications are told of a request."""

from types import SimpleNamespace

import pytest

from perdure import Request
from perdure.runtime.compat.gateway.incoming import (
    Target,
    header_pairs,
    native_request,
    offered_subprotocols,
    text_of,
)


def test_a_view_is_as_good_as_the_request() -> None:
    request = Request("http://do/")
    view = SimpleNamespace(native=request)
    assert native_request(request) is request
    assert native_request(view) is request
    assert native_request(SimpleNamespace(js_object=view)) is request
    with pytest.raises(TypeError, match="not SimpleNamespace"):
        native_request(SimpleNamespace(native="http://do/"))


@pytest.mark.parametrize(
    ("url", "scheme", "raw_path", "path", "query", "server"),
    [
        ("http://a/b%2Fc?d=%20", "http", b"/b%2Fc", b"/b/c", b"d=%20", ("a", 80)),
        ("wss://a:8/", "https", b"/", b"/", b"", ("a", 8)),
        ("https://[::1]/%FF", "https", b"/%FF", b"/\xff", b"", ("::1", 443)),
    ],
)
def test_where_a_request_goes(
    url: str, scheme: str, raw_path: bytes, path: bytes, query: bytes, server: tuple[str, int]
) -> None:
    target = Target(url)
    assert (target.scheme, target.raw_path, target.path) == (scheme, raw_path, path)
    assert (target.query, target.server) == (query, server)


def test_headers_keep_the_bytes_that_came() -> None:
    request = Request("http://do/", headers=[("X-A", "caf\udce9"), ("X-A", "ü")])
    assert list(header_pairs(request)) == [(b"x-a", b"caf\xe9"), (b"x-a", b"\xc3\xbc")]
    assert text_of(b"caf\xe9") == "caf\udce9"
    assert text_of("text") == "text"


def test_subprotocols_are_offered_in_one_header_or_several() -> None:
    headers = [("Sec-WebSocket-Protocol", "a, b"), ("Sec-WebSocket-Protocol", "c")]
    assert offered_subprotocols(Request("http://do/", headers=headers)) == ["a", "b", "c"]
    assert offered_subprotocols(Request("http://do/")) == []
