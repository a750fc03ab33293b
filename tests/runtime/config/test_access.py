"""``trusted_proxies`` and ``allowed_origins``."""

from collections.abc import Callable, Sequence

import pytest

from perdure.runtime.config.errors import Problem
from perdure.runtime.config.model import LoadedConfig

HEAD = 'name = "chat"\nmain = "main.py"\n[perdure]\n'


def test_networks_and_origins_are_lists(load_text: Callable[..., LoadedConfig]) -> None:
    text = 'trusted_proxies = ["127.0.0.1", "10.0.0.0/8"]\nallowed_origins = ["https://a.example"]'
    found = load_text(HEAD + text).config.perdure
    assert found.trusted_proxies == ("127.0.0.1", "10.0.0.0/8")
    assert found.allowed_origins == ("https://a.example",)


def test_one_of_them_needs_no_brackets(load_text: Callable[..., LoadedConfig]) -> None:
    found = load_text(HEAD + 'trusted_proxies = "::1"\nallowed_origins = "*"').config.perdure
    assert (found.trusted_proxies, found.allowed_origins) == (("::1",), ("*",))


def test_an_environment_has_lists_of_its_own(load_text: Callable[..., LoadedConfig]) -> None:
    text = 'trusted_proxies = "::1"\nallowed_origins = "*"\n[env.a.perdure]\nallowed_origins = []'
    found = load_text(HEAD + text, "a").config.perdure
    assert (found.trusted_proxies, found.allowed_origins) == (("::1",), ())


@pytest.mark.parametrize(
    ("text", "error", "hint"),
    [
        (
            'trusted_proxies = "10.0.0.1/8"',
            '4:1 "perdure.trusted_proxies" cannot hold "10.0.0.1/8".',
            'It has bits set behind its prefix. Did you mean "10.0.0.0/8", or one address?',
        ),
        (
            'trusted_proxies = ["::1", "proxy"]',
            '4:27 "perdure.trusted_proxies" cannot hold "proxy".',
            'Write an address or a CIDR block, such as "192.0.2.7", "10.0.0.0/8", "2001:db8::/32".',
        ),
        (
            'allowed_origins = ["example.com"]',
            '4:20 "perdure.allowed_origins" cannot hold "example.com".',
            'An origin begins with its scheme: "https://example.com"',
        ),
        (
            "allowed_origins = true",
            '4:1 Expected "perdure.allowed_origins" to be of type string array but got true.',
            "",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_to_write(
    problems_of: Callable[..., Sequence[Problem]], text: str, error: str, hint: str
) -> None:
    (problem,) = problems_of(HEAD + text)
    assert f"{problem.line}:{problem.column} {problem.message}" == error
    assert problem.hint == hint
