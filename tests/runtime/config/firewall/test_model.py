"""What rules say of themselves."""

from dataclasses import replace

import pytest

from perdure.runtime.config.firewall.model import (
    Action,
    FirewallRule,
    Match,
    Secret,
    TokenProof,
)

ALL = FirewallRule("all", Action.DENY)


@pytest.mark.parametrize(
    ("rule", "ends"),
    [
        (ALL, True),
        (replace(ALL, action=Action.ALLOW), True),
        (replace(ALL, action=Action.LOG), False),
        (replace(ALL, action=Action.REQUIRE), False),
        (replace(ALL, is_shadow=True), False),
        (replace(ALL, match=Match(upgrade=True)), False),
        (replace(ALL, unless=Match(upgrade=True)), False),
    ],
)
def test_a_rule_that_nobody_gets_past(rule: FirewallRule, ends: bool) -> None:
    assert rule.ends_everything == ends


def test_only_proofs_need_secrets() -> None:
    secret = Secret("env", "A")
    assert ALL.secrets == ()
    assert replace(ALL, proof=TokenProof((secret,), ())).secrets == (secret,)


@pytest.mark.parametrize(
    ("source", "shown"),
    [("var", 'the var "A"'), ("env", 'the environment variable "A"'), ("file", 'the file "A"')],
)
def test_a_secret_says_where_it_is(source: str, shown: str) -> None:
    assert str(Secret(source, "A")) == shown
