"""What the firewall would do, and why."""

from pathlib import Path
from typing import Any

import pytest

from perdure.runtime.config.load import load
from perdure.runtime.config.model import WorkerConfig
from perdure.runtime.edge.firewall.trial import (
    Trial,
    TriedRequest,
    described,
    does,
    try_request,
)

RULES = """\
name = "chat"
main = "main.py"
[perdure]
trusted_proxies = "10.0.0.0/8"
allowed_origins = "https://app.example.net"
[[perdure.firewall]]
name = "health"
path = "/healthz"
action = "allow"
[[perdure.firewall]]
name = "staff"
path = "/admin/**"
unless = { address = "192.0.2.0/24" }
action = "deny"
[[perdure.firewall]]
name = "watched"
action = "log"
path = "/room/**"
[[perdure.firewall]]
name = "soon"
action = "require"
shadow = true
path = "/room/**"
token = { key = { env = "A" }, from = "query:key" }
[[perdure.firewall]]
name = "slowly"
action = "limit"
rate = "1/s"
connections = 2
[[perdure.firewall]]
name = "signed"
action = "require"
path = "/files/**"
signature = { key = { env = "URLS" } }
"""


@pytest.fixture
def config(tmp_path: Path) -> WorkerConfig:
    path = tmp_path / "wrangler.toml"
    path.write_text(RULES)
    return load(path).config


def ask(config: WorkerConfig, request: str, *headers: tuple[str, str], **options: Any) -> Trial:
    method, target = request.split()
    values = {"peer": "203.0.113.1", "is_upgrade": False, **options}
    asked = TriedRequest(method, target, headers, values["peer"], values["is_upgrade"])
    return try_request(config, {"A": "secret"}, asked)


def outcomes(trial: Trial) -> list[str]:
    return [rule.outcome for rule in trial.rules]


def test_a_rule_that_allows_ends_it(config: WorkerConfig) -> None:
    trial = ask(config, "GET /healthz")
    assert (trial.verdict, trial.decided_by, trial.status) == ("allowed", "health", None)
    assert outcomes(trial) == ["allows", *["not asked"] * 5]
    assert [rule.line for rule in trial.rules] == [6, 10, 15, 19, 25, 30]


def test_a_rule_that_refuses_says_why(config: WorkerConfig) -> None:
    trial = ask(config, "GET /admin/x")
    assert (trial.verdict, trial.decided_by, trial.status) == ("refused", "staff", 403)
    assert trial.body == "Forbidden"
    assert outcomes(trial)[:2] == ["not for it", "refuses"]
    assert trial.rules[0].why == "path is /admin/x, not /healthz"


def test_an_exception_is_told(config: WorkerConfig) -> None:
    trial = ask(config, "GET /admin/x", peer="192.0.2.7")
    assert (trial.verdict, trial.decided_by, trial.why) == ("allowed", None, "no rule refuses it")
    assert outcomes(trial)[1] == "excepted"
    assert outcomes(trial)[4] == "passes"


def test_rules_that_only_tell_are_told_of(config: WorkerConfig) -> None:
    trial = ask(config, "GET /room/1")
    assert trial.verdict == "allowed"
    assert outcomes(trial)[2:4] == ["logs", "would refuse"]
    assert trial.rules[3].why == "a token is required: there is none in query:key"
    assert outcomes(ask(config, "GET /room/1?key=secret"))[3] == "passes"


def test_without_the_secret_nobody_can_tell(config: WorkerConfig) -> None:
    trial = ask(config, "GET /files/a")
    assert (trial.verdict, trial.decided_by) == ("unknown", "signed")
    assert trial.why == 'The environment variable "URLS" is not set.'
    assert outcomes(trial)[-1] == "cannot tell"


@pytest.mark.parametrize(
    ("origin", "verdict"),
    [
        ("https://evil.example", "refused"),
        ("https://app.example.net", "allowed"),
        ("http://localhost", "allowed"),
    ],
)
def test_an_origin_is_looked_at_last(config: WorkerConfig, origin: str, verdict: str) -> None:
    trial = ask(config, "GET /", ("Origin", origin), is_upgrade=True)
    assert trial.verdict == verdict
    assert trial.status == (403 if verdict == "refused" else None)
    if verdict == "refused":
        assert "allowed_origins" in str(trial.body)
        assert "perdure.allowed_origins" in trial.why


def test_a_proxy_tells_address_and_host(config: WorkerConfig) -> None:
    told = ("X-Forwarded-For", "1.1.1.1, 192.0.2.9"), ("X-Forwarded-Host", "chat.example.com")
    trial = ask(config, "GET /admin", *told, peer="10.1.2.3")
    assert (trial.address, trial.host, outcomes(trial)[1]) == (
        "192.0.2.9",
        "chat.example.com",
        "excepted",
    )
    trial = ask(config, "GET /admin", *told)
    assert (trial.address, trial.host, trial.verdict) == ("203.0.113.1", "localhost", "refused")


def test_rules_are_described(config: WorkerConfig) -> None:
    rules = config.perdure.firewall
    assert described(rules[1]) == "path /admin/**, unless address 192.0.2.0/24"
    assert described(rules[4]) == "every request"
    assert [does(rule) for rule in rules] == [
        "allow",
        "deny with 403",
        "log",
        "require a token in query:key",
        "limit to 1/s and 2 connections per address",
        "require a signed URL",
    ]
