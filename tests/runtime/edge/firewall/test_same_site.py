"""Which pages may open WebSockets here."""

from dataclasses import replace

import pytest

from perdure.runtime.config.firewall.model import Action, FirewallRule, Match
from perdure.runtime.edge.firewall.head import RequestHead
from perdure.runtime.edge.firewall.rules import Judgement, Rule
from perdure.runtime.edge.firewall.same_site import (
    SHOWN_CHARACTERS_MAX,
    OriginCheck,
    refusal_text,
)

from .heads import head

ALLOWED = ["https://app.example.net", "https://*.example.org"]
ALLOW = FirewallRule("allow", Action.ALLOW)


def upgrade(*headers: str, host: str = "example.com") -> RequestHead:
    return head("GET /", *headers, host=host, is_upgrade=True)


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        (upgrade(), None),
        (upgrade("Origin: https://example.com"), None),
        (upgrade("Origin: http://example.com:8787", host="example.com:8787"), None),
        (upgrade("Origin: https://app.example.net"), None),
        (upgrade("Origin: https://a.b.example.org"), None),
        (upgrade("Origin: https://evil.example"), "https://evil.example"),
        (upgrade("Origin: https://example.com.evil.example"), "https://example.com.evil.example"),
        (upgrade("Origin: null"), "null"),
        (upgrade("Origin:"), ""),
        (upgrade("Origin: https://example.com", "Origin: x"), "https://example.com, x"),
        (head("GET /", "Origin: https://evil.example"), None),
    ],
)
def test_pages_of_other_sites_are_refused(asked: RequestHead, refused: str | None) -> None:
    assert OriginCheck(ALLOWED).refused_origin(asked, Judgement()) == refused


def test_a_rule_that_says_for_which_origins_has_decided_it() -> None:
    asked = upgrade("Origin: https://evil.example")
    named = replace(ALLOW, match=Match(origin=("*",)))
    check = OriginCheck([])
    assert check.refused_origin(asked, Judgement(allowed_by=Rule(named))) is None
    assert check.refused_origin(asked, Judgement(allowed_by=Rule(ALLOW))) is not None


def test_an_answer_names_the_key_to_set_and_is_not_endless() -> None:
    long = "https://" + "a" * 10_000
    refused = OriginCheck([]).refused_origin(upgrade(f"Origin: {long}"), Judgement())
    assert refused is not None
    assert len(refused) == SHOWN_CHARACTERS_MAX
    assert '[perdure]\nallowed_origins = ["https://a.example"]' in refusal_text("https://a.example")
