"""The order of the rules."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from perdure.runtime.config.firewall.model import (
    Action,
    FirewallRule,
    Limit,
    Match,
    Place,
    Rate,
    TokenProof,
)
from perdure.runtime.edge.firewall.head import RequestHead
from perdure.runtime.edge.firewall.limiting import Lease
from perdure.runtime.edge.firewall.requiring import token_check
from perdure.runtime.edge.firewall.rules import Judgement, Now, Rule, Step, hold, judge

from .heads import head

NOW = Now(0, 0.0)
PROOF = TokenProof((), (Place("bearer"),))
ALLOW = FirewallRule("allow", Action.ALLOW)
DENY = FirewallRule("deny", Action.DENY)
LIMIT = FirewallRule("limit", Action.LIMIT, status=429, limit=Limit(Rate(1, 60, 1), None))
PLACES = FirewallRule("places", Action.LIMIT, status=429, limit=Limit(None, 1))
REQUIRE = FirewallRule("require", Action.REQUIRE, status=401, proof=PROOF)
LOG = FirewallRule("log", Action.LOG)
KNOWN = head("GET /a", "Authorization: Bearer key")


def rules(*declared: FirewallRule) -> Sequence[Rule]:
    return [
        Rule(one, token_check(PROOF, [b"key"]) if one.proof is not None else None)
        for one in declared
    ]


def by(judgement: Judgement) -> str | None:
    return None if judgement.refusal is None else judgement.refusal.rule.declared.name


def only(path: str, rule: FirewallRule) -> FirewallRule:
    return replace(rule, match=Match(path=(path,)), name=f"{rule.name} {path}")


@pytest.mark.parametrize(
    ("declared", "refused_by"),
    [
        ([], None),
        ([ALLOW, DENY], None),
        ([DENY, ALLOW], "deny"),
        ([only("/b", DENY)], None),
        ([only("/b", ALLOW), DENY], "deny"),
        ([REQUIRE, DENY], "deny"),
        ([LIMIT, DENY], "deny"),
        ([LOG, DENY], "deny"),
        ([replace(ALLOW, is_shadow=True), DENY], "deny"),
        ([replace(DENY, is_shadow=True)], None),
        ([LIMIT, REQUIRE, LOG], None),
    ],
)
def test_the_first_rule_that_decides_wins(
    declared: list[FirewallRule], refused_by: str | None
) -> None:
    assert by(judge(rules(*declared), KNOWN, NOW)) == refused_by


def test_a_rule_may_have_exceptions() -> None:
    inside = replace(DENY, unless=Match(address=("10.0.0.0/8",)))
    assert by(judge(rules(inside), head(address="203.0.113.7"), NOW)) == "deny"
    assert by(judge(rules(inside), head(address="10.1.1.1"), NOW)) is None


def test_what_a_rule_allows_has_to_be_clear() -> None:
    public = rules(only("/public/**", ALLOW), DENY)
    assert by(judge(public, head("GET /public/a"), NOW)) is None
    assert by(judge(public, head("GET /public/..%2fadmin"), NOW)) == "deny"


def test_an_exception_of_a_rule_that_refuses_has_to_be_clear() -> None:
    twice = head("GET /?a=1&a=2")
    match = Match(query={"a": ("1",)})
    assert by(judge(rules(replace(DENY, unless=match)), twice, NOW)) == "deny"
    assert by(judge(rules(replace(ALLOW, unless=match), DENY), twice, NOW)) == "deny"


def test_what_each_answers() -> None:
    for declared, asked, status, body in [
        (DENY, KNOWN, 403, "Forbidden"),
        (replace(DENY, status=404), KNOWN, 404, "Not Found"),
        (replace(DENY, status=499), KNOWN, 499, "Refused"),
        (replace(DENY, status=404, body="x"), KNOWN, 404, "x"),
        (REQUIRE, head(), 401, "A token is required"),
        (replace(REQUIRE, body="Log in"), head(), 401, "Log in"),
    ]:
        refusal = judge(rules(declared), asked, NOW).refusal
        assert refusal is not None
        assert (refusal.status, refusal.body) == (status, body)


def test_too_much_is_told_when_to_come_again() -> None:
    limited = rules(LIMIT)
    assert judge(limited, KNOWN, NOW).refusal is None
    refusal = judge(limited, KNOWN, Now(1, 0.0)).refusal
    assert refusal is not None
    assert (refusal.status, refusal.body) == (429, "Too Many Requests")
    assert refusal.headers == {"Retry-After": "60"}
    assert refusal.why == "more than 1/min per address"
    assert judge(limited, KNOWN, Now(60_000_000_000, 0.0)).refusal is None


def test_places_are_given_back_when_a_later_rule_refuses() -> None:
    both = rules(PLACES, REQUIRE)
    assert by(judge(both, head(), NOW)) == "require"
    passed = judge(both, KNOWN, NOW)
    assert [type(lease) for lease in passed.leases] == [Lease]
    assert by(judge(both, KNOWN, NOW)) == "places"
    passed.release()
    assert by(judge(both, KNOWN, NOW)) is None


def test_a_rule_in_shadow_mode_only_tells() -> None:
    shadow = rules(replace(LIMIT, is_shadow=True), replace(REQUIRE, is_shadow=True), LOG)
    first, second = judge(shadow, head(), NOW), judge(shadow, head(), NOW)
    assert [refusal.rule.declared.name for refusal in first.shadows] == ["require", "log"]
    assert [refusal.rule.declared.name for refusal in second.shadows] == ["limit", "require", "log"]
    assert (first.refusal, second.refusal) == (None, None)
    assert [(r.matched, r.refused, r.would_have) for r in shadow] == [
        (2, 0, 1),
        (2, 0, 2),
        (2, 0, 2),
    ]


def test_rules_count_what_they_did() -> None:
    counted = rules(only("/a", ALLOW), only("/b", DENY), DENY)
    for path in ("/a", "/a", "/b", "/c"):
        judge(counted, head(f"GET {path}"), NOW)
    assert [(r.matched, r.refused) for r in counted] == [(2, 0), (1, 1), (1, 1)]


def test_each_step_says_why() -> None:
    steps: list[Step] = []
    excepted = replace(DENY, unless=Match(path=("/a",)))
    asked = rules(only("/b", DENY), excepted, REQUIRE, LOG, ALLOW, DENY)
    judgement = judge(asked, KNOWN, NOW, steps)
    assert judgement.allowed_by is asked[4]
    assert [step.rule for step in steps] == list(asked[:5]), "the last one was not asked"
    assert [step.is_for_it for step in steps] == [False, False, True, True, True]
    objection = steps[0].objection
    assert objection is not None
    assert objection.key == "path"
    assert steps[1].is_excepted
    assert [step.refusal is not None for step in steps] == [False, False, False, True, False]


def test_a_request_that_no_rule_is_for_costs_no_memory() -> None:
    none: Sequence[RequestHead] = [head(), head("GET /b")]
    found = {id(judge(rules(only("/a", DENY)), one, NOW)) for one in none}
    assert len(found) == 1


def test_who_has_passed_elsewhere_holds_what_it_would_hold_here_and_is_not_judged() -> None:
    asked = rules(
        DENY, REQUIRE, LIMIT, only("/b", PLACES), PLACES, ALLOW, replace(PLACES, name="c")
    )
    leases = [hold(asked, KNOWN).leases, hold(asked, KNOWN).leases]
    assert [len(held) for held in leases] == [1, 1], "those behind what lets it pass do not count"
    *_, places, _, other = asked
    assert not places.matched
    assert by(judge([places], KNOWN, NOW)) == "places"
    assert by(judge([other], KNOWN, NOW)) is None
    for lease in (*leases[0], *leases[1]):
        lease.release()
    assert by(judge([places], KNOWN, NOW)) is None
