"""How much is too much, and which proof is wanted."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from perdure.runtime.config.errors import Problem
from perdure.runtime.config.firewall.actions import WHERE_TO_KEEP_IT
from perdure.runtime.config.firewall.model import (
    FirewallRule,
    JwtProof,
    Limit,
    Per,
    Place,
    Rate,
    Secret,
    SignatureProof,
    TokenProof,
)
from perdure.runtime.config.model import LoadedConfig

HEAD = 'name = "chat"\nmain = "main.py"\n[[perdure.firewall]]\n'
LIMIT = HEAD + 'action = "limit"\n'
REQUIRE = HEAD + 'action = "require"\n'
A = 'key = { env = "A" }'


def rule_of(load_text: Callable[..., LoadedConfig], text: str) -> FirewallRule:
    (rule,) = load_text(text).config.perdure.firewall
    return rule


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ('rate = "10/s"', Limit(Rate(10, 1, 10), None)),
        ('rate = " 100 / min "\nburst = 5', Limit(Rate(100, 60, 5), None)),
        ('rate = "1/h"\nconnections = 3', Limit(Rate(1, 3600, 1), 3)),
        ('connections = 3\nper = "cookie:session"', Limit(None, 3, Per("cookie", "session"))),
        ('rate = "9/d"\nper = "everyone"', Limit(Rate(9, 86_400, 9), None, Per("everyone"))),
        ('rate = "9/m"\nper = "header:X-Key"', Limit(Rate(9, 60, 9), None, Per("header", "X-Key"))),
    ],
)
def test_a_limit(load_text: Callable[..., LoadedConfig], text: str, limit: Limit) -> None:
    assert rule_of(load_text, LIMIT + text).limit == limit


def test_a_rate_and_a_key_are_shown_as_they_are_written() -> None:
    assert str(Rate(100, 60, 5)) == "100/min"
    assert [str(per) for per in (Per(), Per("cookie", "a"))] == ["address", "cookie:a"]


def test_a_web_token(load_text: Callable[..., LoadedConfig], tmp_path: Path) -> None:
    text = """\
[perdure.firewall.jwt]
algorithms = ["RS256", "PS256"]
key = [{ file = "login.pem" }, { var = "OLD" }]
from = ["bearer", "cookie:session", "query:token", "protocol:bearer."]
audience = "chat"
issuer = ["https://a.example", "https://b.example"]
claims = ["exp", "sub"]
leeway_s = 30
"""
    path = ("perdure", "firewall", 0, "jwt", "key")
    assert rule_of(load_text, REQUIRE + text).proof == JwtProof(
        algorithms=("RS256", "PS256"),
        keys=(
            Secret("file", str(tmp_path / "login.pem"), (*path, 0), 7, 8),
            Secret("var", "OLD", (*path, 1), 7, 32),
        ),
        places=(
            Place("bearer"),
            Place("cookie", "session"),
            Place("query", "token"),
            Place("protocol", "bearer."),
        ),
        audience=("chat",),
        issuer=("https://a.example", "https://b.example"),
        claims=("exp", "sub"),
        leeway_s=30,
    )


def test_what_a_web_token_needs_not_say(load_text: Callable[..., LoadedConfig]) -> None:
    rule = rule_of(load_text, f'{REQUIRE}jwt = {{ algorithms = "HS256", {A} }}')
    assert isinstance(rule.proof, JwtProof)
    assert rule.proof.places == (Place("bearer"),)
    assert rule.proof.claims == ("exp",)
    assert rule.secrets == rule.proof.keys


def test_a_signature_and_a_token(load_text: Callable[..., LoadedConfig]) -> None:
    rule = rule_of(load_text, f'{REQUIRE}signature = {{ {A}, expires = "until" }}')
    assert isinstance(rule.proof, SignatureProof)
    assert (rule.proof.signature, rule.proof.expires) == ("signature", "until")
    rule = rule_of(load_text, f'{REQUIRE}token = {{ {A}, from = "header:X-Key" }}')
    assert isinstance(rule.proof, TokenProof)
    assert rule.proof.places == (Place("header", "X-Key"),)
    assert str(rule.proof.places[0]) == "header:X-Key"
    assert str(rule.proof.keys[0]) == 'the environment variable "A"'


@pytest.mark.parametrize(
    ("text", "error", "hint"),
    [
        (
            "",
            '3:11 "{}" limits, but says neither "rate" nor "connections".',
            "For instance: rate = ",
        ),
        ('rate = "10"', '5:1 "{}.rate" cannot be "10".', "Write a number and a time"),
        ('rate = "10/week"', '5:1 "{}.rate" cannot be "10/week".', "Write a number and a time"),
        ('rate = "0/s"', '5:1 "{}.rate" cannot be "0/s".', "Write a number and a time"),
        ("rate = 10", '5:1 Expected "{}.rate" to be of type string but got 10.', ""),
        (
            'rate = "1/s"\nburst = 0',
            '6:1 Expected "{}.burst" to be more than 0 but got 0.',
            "",
        ),
        ("connections = 1\nburst = 2", '6:1 "{}.burst" needs "rate".', ""),
        (
            "connections = 1.5",
            '5:1 Expected "{}.connections" to be of type integer but got 1.5.',
            "",
        ),
        (
            'rate = "1/s"\nper = "ip"',
            '6:1 "{}.per" cannot be "ip".',
            "It is one of address, header:NAME, cookie:NAME, everyone.",
        ),
        (
            'rate = "1/s"\nper = "header"',
            '6:1 "{}.per" cannot be "header".',
            "It is one of address, header:NAME, cookie:NAME, everyone.",
        ),
        (
            'rate = "1/s"\nper = "address:"',
            '6:1 "{}.per" cannot be "address:".',
            "It is one of address, header:NAME, cookie:NAME, everyone.",
        ),
    ],
)
def test_a_mistake_in_a_limit(
    problems_of: Callable[..., Sequence[Problem]], text: str, error: str, hint: str
) -> None:
    (problem,) = problems_of(LIMIT + text)
    shown = f"{problem.line}:{problem.column} {problem.message}"
    assert shown == error.format("perdure.firewall[0]")
    assert problem.hint.startswith(hint)


@pytest.mark.parametrize(
    ("text", "error", "hint"),
    [
        ("", '3:11 "{}" requires something, but names no proof.', "Write one of these"),
        (
            f"token = {{ {A} }}\nsignature = {{ {A} }}",
            '3:11 "{}" requires something, but names signature and token.',
            "Write one of these; two proofs are two rules",
        ),
        ("token = 1", '5:1 The field "{}.token" should be an object but got 1.', ""),
        (
            "token = {}",
            '5:1 "{}.token.key" is required.',
            'Say where it is: key = { env = "NAME" }',
        ),
        (
            'token = { key = "hunter2" }',
            '5:11 "{}.token.key" should say where the secret is.',
            WHERE_TO_KEEP_IT,
        ),
        (
            'token = { key = { env = "A", var = "B" } }',
            '5:11 "{}.token.key" should say where the secret is.',
            WHERE_TO_KEEP_IT,
        ),
        (
            'token = { key = [{ env = "A" }, { environment = "B" }] }',
            '5:33 "{}.token.key" should say where the secret is.',
            WHERE_TO_KEEP_IT,
        ),
        ("token = { key = [] }", '5:11 "{}.token.key" is empty.', ""),
        (
            f'token = {{ {A}, form = "bearer" }}',
            '5:32 There is no setting "{}.token.form".',
            'Did you mean "from"?',
        ),
        (
            f'token = {{ {A}, from = ["cookie"] }}',
            '5:32 "{}.token.from" cannot be "cookie".',
            "It is one of bearer, header:NAME, cookie:NAME, query:NAME, protocol:NAME.",
        ),
        (
            f"token = {{ {A}, from = 1 }}",
            '5:32 Expected "{}.token.from" to be of type string array but got 1.',
            "",
        ),
        (
            f"jwt = {{ {A} }}",
            '5:1 "{}.jwt.algorithms" is required.',
            "Say which your tokens are signed with",
        ),
        (
            f'jwt = {{ {A}, algorithms = ["none"] }}',
            '5:30 "{}.jwt.algorithms" cannot hold "none".',
            "A token that nobody has signed proves nothing.",
        ),
        (
            f'jwt = {{ {A}, algorithms = "HS265" }}',
            '5:30 "{}.jwt.algorithms" cannot hold "HS265".',
            'Did you mean "HS256"?',
        ),
        (
            f'jwt = {{ {A}, algorithms = ["HS256", "RS256"] }}',
            '5:30 "{}.jwt.algorithms" holds algorithms that do not share their keys.',
            "Keep those of one kind; two kinds are two rules.",
        ),
        (
            f'jwt = {{ {A}, algorithms = "HS256", leeway_s = -1 }}',
            '5:52 Expected "{}.jwt.leeway_s" to be from 0 to 3600 but got -1.',
            "",
        ),
        (
            f'signature = {{ {A}, signature = "a=b" }}',
            '5:36 "{}.signature.signature" cannot be "a=b".',
            "It is the name of a parameter: letters, digits and -._~",
        ),
        (
            f'signature = {{ {A}, signature = "expires" }}',
            '5:1 "{}.signature" has two parameters of one name.',
            "",
        ),
    ],
)
def test_a_mistake_in_a_proof(
    problems_of: Callable[..., Sequence[Problem]], text: str, error: str, hint: str
) -> None:
    (problem,) = problems_of(REQUIRE + text)
    shown = f"{problem.line}:{problem.column} {problem.message}"
    assert shown == error.format("perdure.firewall[0]")
    assert problem.hint.startswith(hint)
    assert "hunter2" not in str(problem)
