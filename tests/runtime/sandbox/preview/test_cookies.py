import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.sandbox.preview.cookies import without_domain


@pytest.mark.parametrize(
    ("cookie", "expected"),
    [
        ("a=b", "a=b"),
        ("a=b; Path=/; Secure", "a=b; Path=/; Secure"),
        ("a=b; Domain=example.com", "a=b"),
        ("a=b;domain=example.com;Path=/", "a=b;Path=/"),
        ("a=b; DOMAIN = .example.com ; HttpOnly", "a=b; HttpOnly"),
        ("a=b;\tDoMaIn\t=\texample.com", "a=b"),
        ("a=b; Domain=x; Domain=y; Path=/", "a=b; Path=/"),
        ("a=b; Domain", "a=b"),
        ("a=b; Domain; Path=/", "a=b; Path=/"),
        ("a=b; Domain=", "a=b"),
        ("domain=example.com", "domain=example.com"),
        ("a=domain=b; Path=/domain=x", "a=domain=b; Path=/domain=x"),
        ("a=b; Domains=x; XDomain=y", "a=b; Domains=x; XDomain=y"),
        ('a="b; Domain=x"', 'a="b'),
    ],
)
def test_only_the_domain_goes(cookie: str, expected: str) -> None:
    assert without_domain(cookie) == expected


PIECES = ["Domain", "domain", "DOMAIN", "=", " ", "\t", ";", "; ", "a", "example.com", "Path=/"]


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_no_browser_finds_a_domain_in_what_is_left(text: str) -> None:
    left = without_domain(text)
    _, *attributes = left.split(";")  # as RFC 6265, section 5.2, reads it
    assert "domain" not in {part.partition("=")[0].strip(" \t").lower() for part in attributes}
    assert without_domain(left) == left
