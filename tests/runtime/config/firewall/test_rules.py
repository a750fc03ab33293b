"""``[[perdure.firewall]]``: whatever is not clear is an error."""

from collections.abc import Callable, Sequence

import pytest

from perdure.runtime.config.errors import Problem, Severity
from perdure.runtime.config.firewall.model import Action, FirewallRule, Match
from perdure.runtime.config.model import LoadedConfig

HEAD = 'name = "chat"\nmain = "main.py"\n'
RULE = "[[perdure.firewall]]\n"


def test_rules_stand_in_their_order(load_text: Callable[..., LoadedConfig]) -> None:
    text = f"""\
{RULE}action = "allow"
path = "/healthz"
{RULE}name = "inside only"
action = "deny"
path = ["/admin/**"]
unless = {{ address = "10.0.0.0/8" }}
status = 404
body = "Not Found"
shadow = true
"""
    assert load_text(HEAD + text).config.perdure.firewall == (
        FirewallRule("rule 1", Action.ALLOW, Match(path=("/healthz",)), line=3),
        FirewallRule(
            "inside only",
            Action.DENY,
            Match(path=("/admin/**",)),
            Match(address=("10.0.0.0/8",)),
            is_shadow=True,
            status=404,
            body="Not Found",
            line=6,
        ),
    )


def test_without_rules_there_are_none(load_text: Callable[..., LoadedConfig]) -> None:
    assert load_text(HEAD).config.perdure.firewall == ()
    assert load_text(HEAD + "perdure.firewall = []").config.perdure.firewall == ()


def test_an_environment_has_rules_of_its_own(load_text: Callable[..., LoadedConfig]) -> None:
    text = f'{RULE}action = "deny"\n[[env.a.perdure.firewall]]\naction = "log"\n'
    rules = {env: load_text(HEAD + text, env).config.perdure.firewall for env in ("", "a")}
    assert [[rule.action.value for rule in found] for found in rules.values()] == [
        ["deny"],
        ["log"],
    ]
    text = f"{text}[env.b.perdure]\nidle_timeout_s = 1"
    assert load_text(HEAD + text, "b").config.perdure.firewall == rules[""], "nothing else said"


@pytest.mark.parametrize(
    ("text", "usual"),
    [
        ('action = "deny"', 403),
        ('action = "limit"\nrate = "1/s"', 429),
        ('action = "require"\ntoken = { key = { env = "A" } }', 401),
        ('action = "require"\nsignature = { key = { env = "A" } }', 403),
    ],
)
def test_an_answer_has_the_usual_status(
    load_text: Callable[..., LoadedConfig], text: str, usual: int
) -> None:
    (rule,) = load_text(HEAD + RULE + text).config.perdure.firewall
    assert rule.status == usual
    (rule,) = load_text(f"{HEAD}{RULE}{text}\nstatus = 418").config.perdure.firewall
    assert rule.status == 418


@pytest.mark.parametrize(
    ("text", "error", "hint"),
    [
        (
            'path = "/a"',
            '3:11 "perdure.firewall[0].action" is required.',
            "It is one of allow, deny, limit, require, log.",
        ),
        (
            'action = "denny"',
            (
                '4:1 Expected "perdure.firewall[0].action" field to be one of '
                '["allow","deny","limit","require","log"] but got "denny".'
            ),
            'Did you mean "deny"?',
        ),
        (
            'action = "deny"\npaht = "/a"',
            '5:1 There is no setting "perdure.firewall[0].paht".',
            'Did you mean "path"?',
        ),
        (
            'action = "deny"\nunless = { adress = "::1" }',
            '5:12 There is no setting "perdure.firewall[0].unless.adress".',
            'Did you mean "address"?',
        ),
        (
            'action = "deny"\nunless = {}',
            '5:1 "perdure.firewall[0].unless" is empty, which would except every request.',
            "Leave it out, or say what is excepted.",
        ),
        (
            'action = "allow"\nstatus = 403',
            '5:1 "perdure.firewall[0].status" means nothing with the action "allow".',
            'It goes with "deny" or "limit" or "require".',
        ),
        (
            'action = "deny"\nrate = "1/s"',
            '5:1 "perdure.firewall[0].rate" means nothing with the action "deny".',
            'It goes with "limit".',
        ),
        (
            'action = "deny"\nstatus = 200',
            '5:1 Expected "perdure.firewall[0].status" to be from 400 to 599 but got 200.',
            "",
        ),
        (
            'action = "deny"\nshadow = "yes"',
            '5:1 Expected "perdure.firewall[0].shadow" to be of type boolean but got "yes".',
            "",
        ),
        (
            f'action = "deny"\npath = "/a"\nname = "a"\n{RULE}name = "a"\naction = "log"',
            '8:1 Two rules are called "a".',
            "Logs and counters tell rules apart by their names.",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_to_do(
    problems_of: Callable[..., Sequence[Problem]], text: str, error: str, hint: str
) -> None:
    problems = [p for p in problems_of(HEAD + RULE + text) if p.severity is Severity.ERROR]
    assert [(f"{p.line}:{p.column} {p.message}", p.hint) for p in problems] == [(error, hint)]


def test_one_bracket_is_not_enough(problems_of: Callable[..., Sequence[Problem]]) -> None:
    (problem,) = problems_of(f'{HEAD}[perdure.firewall]\naction = "deny"')
    assert problem.message == '"perdure.firewall" should be an array of tables.'
    assert problem.hint == "Write [[perdure.firewall]], with two brackets, above each rule."


def test_a_rule_that_is_never_asked_is_told_of(
    problems_of: Callable[..., Sequence[Problem]],
) -> None:
    text = f'{RULE}action = "deny"\nname = "all"\n{RULE}action = "allow"\npath = "/a"'
    (problem,) = problems_of(HEAD + text)
    assert problem.severity is Severity.WARNING
    assert problem.message == 'The rule "rule 2" is never asked: "all" decides everything.'
    assert problems_of(HEAD + text.replace('"all"', '"all"\nshadow = true')) == ()
