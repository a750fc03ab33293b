"""Which requests a rule is for."""

from typing import Any

import pytest

from perdure.runtime.config.firewall.model import Match
from perdure.runtime.edge.firewall.head import RequestHead
from perdure.runtime.edge.firewall.matching import Matcher

from .heads import head


def fits(match: Match, asked: RequestHead, *, is_strict: bool = False) -> bool:
    matcher = Matcher(match, is_strict=is_strict)
    assert matcher.fits(asked) == (matcher.objection(asked) is None)
    return matcher.fits(asked)


@pytest.mark.parametrize(
    ("match", "asked", "expected"),
    [
        (Match(), head(), True),
        (Match(path=("/a", "/b/**")), head("GET /b/c"), True),
        (Match(path=("/a", "/b/**")), head("GET /c"), False),
        (Match(path=("/a",)), head("GET /a/"), True),
        (Match(method=("POST", "PUT")), head("PUT /"), True),
        (Match(method=("POST",)), head("post /"), False),
        (Match(host=("*.example.com",)), head(host="a.example.com:80"), True),
        (Match(host=("example.com",)), head(host=""), False),
        (Match(address=("203.0.113.0/24", "::1")), head(), True),
        (Match(address=("203.0.113.0/24",)), head(address="::ffff:203.0.113.9"), True),
        (Match(address=("0.0.0.0/0",)), head(address=""), False),
        (Match(origin=("https://a.example",)), head("GET /", "Origin: https://a.example"), True),
        (Match(origin=("*",)), head(), False),
        (Match(origin=("*",)), head("GET /", "Origin: a", "Origin: b"), False),
        (Match(upgrade=True), head(is_upgrade=True), True),
        (Match(upgrade=True), head(), False),
        (Match(upgrade=False), head(), True),
        (Match(header={"x-a": ("B*",)}), head("GET /", "X-A: bc"), True),
        (Match(header={"x-a": ("b",)}), head("GET /", "X-A: bc"), False),
        (Match(header={"x-a": ("*",)}), head(), False),
        (Match(header={"x-a": True}), head("GET /", "X-A:"), True),
        (Match(header={"x-a": True}), head(), False),
        (Match(header={"x-a": False}), head(), True),
        (Match(header={"x-a": False}), head("GET /", "X-A: b"), False),
        (Match(query={"a": ("1", "2")}), head("GET /?a=2"), True),
        (Match(query={"a": ("x",)}), head("GET /?a=X"), False),
        (Match(query={"a": True}), head("GET /?a"), True),
        (Match(query={"a": False}), head("GET /?b"), True),
        (Match(path=("/a",), method=("GET",)), head("POST /a"), False),
    ],
)
def test_a_request_fits_all_that_is_said(match: Match, asked: RequestHead, expected: bool) -> None:
    assert fits(match, asked) == expected
    assert fits(match, asked, is_strict=True) == expected


@pytest.mark.parametrize(
    ("match", "asked"),
    [
        (Match(path=("/admin/**",)), head("GET //admin")),
        (Match(path=("/admin/**",)), head("GET /public/..%2fadmin")),
        (Match(path=("/public/**",)), head("GET /public/..%2fadmin")),
        (Match(header={"x-role": ("staff",)}), head("GET /", "X-Role: staff", "X-Role: guest")),
        (Match(query={"a": ("1",)}), head("GET /?a=2&a=1")),
    ],
)
def test_what_is_not_clear_is_to_nobodys_advantage(match: Match, asked: RequestHead) -> None:
    assert fits(match, asked)
    assert not fits(match, asked, is_strict=True)


@pytest.mark.parametrize(
    ("match", "asked", "shown"),
    [
        (Match(path=("/a", "/b")), head("GET /c"), ("path", "/a or /b", "/c")),
        (Match(path=("/a",)), head("GET /"), ("path", "/a", "/")),
        (Match(upgrade=True), head(), ("upgrade", "yes", "no")),
        (Match(upgrade=False), head(is_upgrade=True), ("upgrade", "no", "yes")),
        (Match(origin=("null",)), head(), ("origin", "null", "none")),
        (Match(address=("::1",)), head(address=""), ("address", "::1", "unknown")),
        (Match(host=("a",)), head(host=""), ("host", "a", "none")),
        (Match(header={"X-A": True}), head(), ("header.X-A", "any", "none")),
        (Match(header={"X-A": False}), head("GET /", "X-A:"), ("header.X-A", "none", "empty")),
        (Match(query={"a": ("1",)}), head("GET /?a=2&a=3"), ("query.a", "1", "2, 3")),
        (Match(method=("PUT",)), head("GET /"), ("method", "PUT", "GET")),
    ],
)
def test_an_objection_says_what_was_meant_and_what_was_found(
    match: Match, asked: RequestHead, shown: Any
) -> None:
    condition = Matcher(match, is_strict=False).objection(asked)
    assert condition is not None
    assert (condition.key, condition.meant, condition.found(asked)) == shown
