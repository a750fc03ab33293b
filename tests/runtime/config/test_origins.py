"""Origins: what is the same host, and which patterns fit."""

import pytest

from perdure.runtime.config.origins import (
    LOCAL_ORIGINS,
    HostPatterns,
    Origin,
    OriginPatterns,
    _parse,
    is_same_host,
    parse_origin,
)

FITTING = [
    ("https://example.com", "https://example.com"),
    ("https://example.com", "https://example.com:443"),
    ("https://example.com:443", "HTTPS://Example.COM"),
    ("https://example.com.", "https://example.com"),
    ("https://*.example.com", "https://a.example.com"),
    ("https://*.example.com", "https://a.b.example.com"),
    ("https://*.example.com:*", "https://a.example.com:8443"),
    ("https://*", "https://anything.at.all"),
    ("http://localhost:*", "http://localhost:5173"),
    ("http://localhost:*", "http://localhost"),
    ("http://[::1]:*", "http://[::1]:3000"),
    ("app+x://frame", "app+x://frame"),
    ("null", "null"),
    ("*", "null"),
    ("*", "what is no origin"),
]
UNFITTING = [
    ("https://example.com", "http://example.com"),
    ("https://example.com", "https://example.com:8443"),
    ("https://example.com", "https://example.com.evil.example"),
    ("https://example.com", "https://evil.example/https://example.com"),
    ("https://example.com", "https://example.com/"),
    ("https://example.com", "https://user@example.com"),
    ("https://example.com", "https://example.com\n"),
    ("https://*.example.com", "https://example.com"),
    ("https://*.example.com", "https://.example.com"),
    ("https://*.example.com", "https://evilexample.com"),
    ("https://*.example.com", "https://a.example.com.evil.example"),
    ("https://*.example.com", "https://evil.example/.example.com"),
    ("https://*.example.com", "https://evil.example#.example.com"),
    ("https://*", "null"),
    ("null", ""),
    ("http://localhost:*", "http://localhost.evil.example"),
]


@pytest.mark.parametrize(("pattern", "origin"), FITTING)
def test_a_pattern_fits(pattern: str, origin: str) -> None:
    assert OriginPatterns(["https://other.example", pattern]).matches(origin)


@pytest.mark.parametrize(("pattern", "origin"), UNFITTING)
def test_a_pattern_does_not_fit(pattern: str, origin: str) -> None:
    assert not OriginPatterns(["https://other.example", pattern]).matches(origin)


def test_without_patterns_nothing_fits() -> None:
    assert not OriginPatterns()
    assert not OriginPatterns().matches("https://example.com")


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("example.com", 'An origin begins with its scheme: "https://example.com"'),
        ("*.example.com", 'An origin begins with its scheme: "https://*.example.com"'),
        ("https://example.com/", 'An origin has no path: "https://example.com"'),
        ("https://a.*.com", "Write an origin such as"),
        ("https://a*.com", "Write an origin such as"),
        ("https://", "Write an origin such as"),
        ("https://example.com:port", "Write an origin such as"),
        ("", "Write an origin such as"),
    ],
)
def test_what_is_no_pattern_is_refused_with_what_to_write(pattern: str, hint: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        OriginPatterns([pattern])
    assert str(refused.value).startswith(hint)


@pytest.mark.parametrize("origin", ["http://localhost:5173", "https://127.0.0.1", "http://[::1]:1"])
def test_origins_of_this_machine(origin: str) -> None:
    assert OriginPatterns(LOCAL_ORIGINS).matches(origin)


@pytest.mark.parametrize(
    ("origin", "host", "is_same"),
    [
        ("http://example.com", "example.com", True),
        ("http://example.com", "EXAMPLE.com:80", True),
        ("https://example.com", "example.com", True),
        ("https://example.com", "example.com:443", True),
        ("http://localhost:8787", "localhost:8787", True),
        ("http://[::1]:8787", "[::1]:8787", True),
        ("http://example.com.", "example.com", True),
        ("http://localhost:5173", "localhost:8787", False),
        ("https://example.com", "example.com:8443", False),
        ("https://example.com:8443", "example.com", False),
        ("https://evil.example", "example.com", False),
        ("https://a.example.com", "example.com", False),
        ("https://example.com", "", False),
        ("https://example.com", "a b", False),
    ],
)
def test_a_page_of_the_same_host(origin: str, host: str, is_same: bool) -> None:
    parsed = parse_origin(origin)
    assert parsed is not None
    assert is_same_host(parsed, host) == is_same


def test_an_origin_is_scheme_host_and_port() -> None:
    assert parse_origin("HTTPS://Example.com") == Origin("https", "example.com", "443")
    assert parse_origin("null") is None
    assert parse_origin("file://") is None


@pytest.mark.parametrize(
    ("pattern", "host", "fits"),
    [
        ("example.com", "example.com", True),
        ("example.com", "Example.com:8080", True),
        ("example.com:8080", "example.com:8080", True),
        ("example.com:8080", "example.com", False),
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "example.com", False),
        ("*", "[::1]:80", True),
        ("[::1]", "[::1]:80", True),
        ("example.com", "example.com.evil", False),
        ("*", "", False),
    ],
)
def test_a_host_fits(pattern: str, host: str, fits: bool) -> None:
    assert HostPatterns([pattern]).matches(host) == fits


@pytest.mark.parametrize("pattern", ["https://example.com", "a*b", "", "example.com/x", "a b"])
def test_what_is_no_host_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="Write a host such as"):
        HostPatterns([pattern])


def test_what_is_remembered_of_clients_is_short() -> None:
    _parse.cache_clear()
    assert parse_origin(f"https://{'a' * 60_000}.example") is None
    assert _parse.cache_info().currsize == 0
