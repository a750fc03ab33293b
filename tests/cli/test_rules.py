"""``perdure rules``: what the firewall would do, on a terminal and for scripts."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Invoke = Callable[..., Result]

RULES = """
[perdure]
allowed_origins = ["https://app.example.net"]
trusted_proxies = ["10.0.0.0/8"]

[[perdure.firewall]]
name = "staff only"
path = "/admin/**"
action = "deny"
status = 404
body = "Nothing here"

[[perdure.firewall]]
path = "/room/**"
action = "require"
shadow = true
token = { key = { var = "KEY" } }
"""


@pytest.fixture
def config(project: Path) -> Path:
    path = project / "wrangler.toml"
    path.write_text(path.read_text() + RULES)
    return path


def words(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if line.strip()]


def test_rules_are_listed_in_their_order(invoke: Invoke, config: Path) -> None:
    result = invoke("rules", "list", "-c", config)
    assert result.exit_code == 0, result.output
    assert words(result.stdout) == [
        ["Rule", "Does", "For", "Line"],
        ["staff", "only", "deny", "with", "404", "path", "/admin/**", "16"],
        *words("rule 2 require a token in bearer (shadow) path /room/** 23"),
        *words("WebSockets for pages of the server's own, https://app.example.net"),
        *words("Trusted proxies 10.0.0.0/8"),
    ]
    first = json.loads(invoke("rules", "list", "-c", config, "--json").stdout.splitlines()[0])
    assert first == {
        "name": "staff only",
        "action": "deny",
        "does": "deny with 404",
        "shadow": False,
        "for": "path /admin/**",
        "line": 16,
    }


def test_without_rules_the_list_says_so(invoke: Invoke, project: Path) -> None:
    text = invoke("rules", "list", "-c", project / "wrangler.toml").stdout
    assert text.startswith("No rules: every request may pass.\n")
    assert "Trusted proxies          nobody" in text


def test_a_request_is_tried_and_the_deciding_rule_named(invoke: Invoke, config: Path) -> None:
    result = invoke("rules", "test", "GET /admin/x", "-c", config)
    assert result.exit_code == 0, result.output
    lines = [line.rstrip() for line in result.stdout.splitlines()]
    assert lines[0] == "GET /admin/x  from 203.0.113.1 to localhost"
    assert words(result.stdout)[2:4] == [
        ["staff", "only", "deny", "refuses", "it", "is", "for", "this", "request"],
        ["rule", "2", "require", "not", "asked"],
    ]
    where = f"{config}:16"
    assert lines[-2] == f"Refused with 404 by staff only ({where}): it is for this request."
    assert lines[-1] == "  Nothing here"


def test_a_rule_whose_secret_is_missing_cannot_tell(invoke: Invoke, config: Path) -> None:
    result = invoke("rules", "test", "/room/1", "-c", config)
    assert result.stdout.splitlines()[-1].startswith("Unknown, because of rule 2 (")
    assert result.stdout.rstrip().endswith('The var "KEY" is not set.')
    result = invoke("rules", "test", "/room/1", "-c", config, "--var", "KEY:x")
    assert "would refuse" in result.stdout
    assert result.stdout.splitlines()[-1] == "Allowed: no rule refuses it."


def test_json_has_all_of_it(invoke: Invoke, config: Path) -> None:
    url, header = "wss://chat.example.com/x", "Origin: https://evil.example"
    result = invoke("rules", "test", url, "-H", header, "-c", config, "--json")
    trial = json.loads(result.stdout)
    assert (trial["verdict"], trial["status"], trial["decided_by"]) == ("refused", 403, None)
    assert (trial["host"], trial["upgrade"]) == ("chat.example.com", True)
    assert [rule["outcome"] for rule in trial["rules"]] == ["not for it", "not for it"]


@pytest.mark.parametrize(
    ("arguments", "verdict"),
    [
        (["/x", "--upgrade", "-H", "Origin: https://app.example.net"], "allowed"),
        (["/x", "--upgrade", "-H", "Origin: http://localhost:5173"], "refused"),
        (["/x", "--upgrade", "-H", "Origin: http://localhost:5173", "--dev"], "allowed"),
        (["/x", "-H", "Upgrade: websocket", "-H", "Origin: null"], "refused"),
        (["POST http://localhost/admin", "--from", "::1"], "refused"),
        (["get /", "--from", "10.0.0.1", "-H", "X-Forwarded-For: 192.0.2.1"], "allowed"),
    ],
)
def test_a_script_can_expect_a_verdict(
    invoke: Invoke, config: Path, arguments: list[str], verdict: str
) -> None:
    other = {"allowed": "refused", "refused": "allowed"}[verdict]
    for expected, code in ((verdict, 0), (other, 1)):
        result = invoke("rules", "test", *arguments, "-c", config, "--expect", expected)
        assert result.exit_code == code, result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["GET room"], 'A path begins with a slash: "/room".'),
        (["GET /a b"], '"GET /a b" is no request; write for instance "GET /room/1".'),
        (["ftp://a/b"], '"ftp://a/b" is no URL of http, https, ws or wss.'),
        (["http:///b"], '"http:///b" is no URL of http, https, ws or wss.'),
        (["/", "-H", "Origin"], '"Origin" is no header'),
        (["/", "--from", "localhost"], '"localhost" is no address.'),
    ],
)
def test_what_is_no_request_is_the_command_lines_fault(
    invoke: Invoke, config: Path, arguments: list[str], message: str
) -> None:
    result = invoke("rules", "test", *arguments, "-c", config)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_request_cannot_play_with_the_terminal(invoke: Invoke, config: Path) -> None:
    header = "Origin: \x1b[2J"
    result = invoke("rules", "test", "/\x1b[2J", "--upgrade", "-H", header, "-c", config)
    assert result.exit_code == 0
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize("command", ["list", "test"])
def test_help_has_examples(invoke: Invoke, command: str) -> None:
    text = invoke("rules", command, "--help").stdout
    assert f"perdure rules {command}" in text.partition("Examples:")[2]
    assert max(map(len, text.splitlines())) <= 80
