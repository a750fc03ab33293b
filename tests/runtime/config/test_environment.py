"""Environments: what is inherited, what is not, and what is said about it."""

from collections.abc import Callable, Sequence

import pytest

from perdure.runtime.config.errors import Problem, Severity
from perdure.runtime.config.model import LoadedConfig

HEAD = 'name = "chat"\nmain = "main.py"\n'
FULL = """\
name = "chat"
main = "main.py"
compatibility_date = "2026-05-01"
compatibility_flags = ["a"]
vars = { A = 1, B = 2 }
[[durable_objects.bindings]]
name = "ROOM"
class_name = "Room"
[[migrations]]
tag = "v1"
new_sqlite_classes = ["Room"]
"""


def test_an_environment_inherits(load_text: Callable[..., LoadedConfig]) -> None:
    top = load_text(FULL, "").config
    env = load_text(FULL + "[env.prod]", "prod").config
    assert (env.name, env.env_name, top.name, top.env_name) == ("chat-prod", "prod", "chat", None)
    assert env.main == top.main
    assert env.compatibility_date == "2026-05-01"
    assert env.compatibility_flags == ("a",)
    assert env.migrations == top.migrations


def test_what_is_not_inherited_is_empty_and_warned_of(
    load_text: Callable[..., LoadedConfig],
) -> None:
    loaded = load_text(FULL + "[env.prod]", "prod")
    assert (loaded.config.vars, loaded.config.bindings) == ({}, ())
    first, second = loaded.warnings
    assert first.message == '"vars" exists at the top level, but not on "env.prod".'
    assert first.hint == (
        'This is not what you probably want, since "vars" is not inherited by environments.\n'
        'Please add "vars" to "env.prod".'
    )
    assert (first.line, first.column, first.key_path) == (12, 6, "env.prod")
    assert first.severity is Severity.WARNING
    assert second.message == '"durable_objects" exists at the top level, but not on "env.prod".'


def test_parts_that_are_not_repeated_are_warned_of(
    load_text: Callable[..., LoadedConfig],
) -> None:
    text = """\
[env.prod]
vars = { A = 3 }
[[env.prod.durable_objects.bindings]]
name = "OTHER"
class_name = "Room"
"""
    loaded = load_text(FULL + text, "prod")
    assert loaded.config.vars == {"A": 3}
    assert [binding.name for binding in loaded.config.bindings] == ["OTHER"]
    first, second = loaded.warnings
    assert first.message == '"vars.B" exists at the top level, but not on "env.prod.vars".'
    assert first.line == 13
    assert second.message == (
        'The binding "ROOM" is at the top level, but not on "env.prod.durable_objects.bindings".'
    )
    assert 'since "durable_objects" is not inherited' in second.hint


def test_an_environment_replaces_whole_keys(load_text: Callable[..., LoadedConfig]) -> None:
    text = """\
[env.prod]
name = "talk"
main = "other.py"
compatibility_date = "2026-06-01"
compatibility_flags = []
[[env.prod.migrations]]
tag = "first"
new_classes = ["Hall"]
"""
    config = load_text(FULL + text, "prod").config
    assert (config.name, config.main.name) == ("talk", "other.py")
    assert (config.compatibility_date, config.compatibility_flags) == ("2026-06-01", ())
    assert [step.tag for step in config.migrations] == ["first"]


def test_mistakes_of_the_top_level_are_told_with_an_environment_too(
    errors_of: Callable[..., Sequence[str]],
) -> None:
    text = HEAD + "vars = 1\n[env.prod.vars]\nA = 1"
    assert errors_of(text, "prod") == ['3:1 The field "vars" should be an object but got 1.']


def test_mistakes_of_another_environment_are_not(load_text: Callable[..., LoadedConfig]) -> None:
    text = HEAD + "[env.prod]\n[env.test]\nvars = 1"
    assert load_text(text, "prod").config.name == "chat-prod"


def test_mistakes_of_the_environment_are_told(errors_of: Callable[..., Sequence[str]]) -> None:
    text = '[env.prod]\nname = "Loud"\nmain = 1\nvars = 2\ndurable_objects = 3\nmigrations = 4'
    assert errors_of(HEAD + text, "prod") == [
        (
            '4:1 Expected "name" to be of type string, alphanumeric and lowercase with dashes only '
            'but got "Loud".'
        ),
        '5:1 Expected "main" to be of type string but got 1.',
        '6:1 The field "env.prod.vars" should be an object but got 2.',
        '7:1 The field "env.prod.durable_objects" should be an object but got 3.',
        '8:1 The optional "migrations" field should be an array, but got 4',
    ]


def test_an_unknown_environment(problems_of: Callable[..., Sequence[Problem]]) -> None:
    (problem,) = problems_of(HEAD + "[env.prod]\n[env.test]", "prd")
    assert problem.message == 'No environment found in configuration with name "prd".'
    assert problem.severity is Severity.ERROR
    assert problem.hint == (
        'Did you mean "prod"?\n'
        'The available configured environment names are: ["prod","test"]\n'
        "Before using --env=prd, add a section for it:\n[env.prd]"
    )


def test_an_environment_where_there_are_none(problems_of: Callable[..., Sequence[Problem]]) -> None:
    (problem,) = problems_of(HEAD, "prod")
    assert problem.hint == "Before using --env=prod, add a section for it:\n[env.prod]"


def test_an_environment_must_be_a_table(errors_of: Callable[..., Sequence[str]]) -> None:
    assert errors_of(HEAD + "env.prod = 1", "prod") == [
        '3:5 The field "env.prod" should be an object but got 1.'
    ]
    assert errors_of(HEAD + "env = 1") == ['3:1 The field "env" should be an object but got 1.']


def test_nobody_chose_an_environment(load_text: Callable[..., LoadedConfig]) -> None:
    text = HEAD + "[env.prod]\n[env.test]"
    (problem,) = load_text(text).warnings
    assert problem.message == (
        "Multiple environments are defined, but no target environment was specified."
    )
    assert "-e: prod, test;" in problem.hint
    assert load_text(text, "").warnings == ()


@pytest.mark.parametrize("name", ["chat", "a", "0", "a-b_c", "_x"])
def test_names_that_wrangler_takes(load_text: Callable[..., LoadedConfig], name: str) -> None:
    assert load_text(f'name = "{name}"\nmain = "main.py"').config.name == name


@pytest.mark.parametrize("name", ['"Chat"', '"a b"', '"-a"', '""', '"é"', '"a\\n"', "1", "[]"])
def test_names_that_wrangler_refuses(errors_of: Callable[..., Sequence[str]], name: str) -> None:
    (error,) = errors_of(f'name = {name}\nmain = "main.py"')
    assert error == (
        '1:1 Expected "name" to be of type string, alphanumeric and lowercase with dashes only '
        f"but got {name}."
    )


@pytest.mark.parametrize("date", ["2026-13-01", "20260101", "2026-W01-1", "today", ""])
def test_dates_that_are_none(errors_of: Callable[..., Sequence[str]], date: str) -> None:
    assert errors_of(HEAD + f'compatibility_date = "{date}"') == [
        (
            '3:1 "compatibility_date" field should be a valid ISO-8601 date (YYYY-MM-DD), but got '
            f'"{date}".'
        )
    ]


def test_dates_with_long_dashes(errors_of: Callable[..., Sequence[str]]) -> None:
    assert errors_of(HEAD + 'compatibility_date = "2026\N{EN DASH}01-01"') == [
        (
            '3:1 "compatibility_date" field should use ISO-8601 accepted hyphens (-) rather than '
            "en-dashes (\N{EN DASH}) or em-dashes (\N{EM DASH})."
        )
    ]


def test_a_date_without_quotes(problems_of: Callable[..., Sequence[Problem]]) -> None:
    (problem,) = problems_of(HEAD + "compatibility_date = 2026-05-01")
    assert problem.message == (
        'Expected "compatibility_date" to be of type string but got "2026-05-01".'
    )
    assert problem.hint == 'Put it in quotes: compatibility_date = "2026-05-01"'


def test_flags_must_be_strings(errors_of: Callable[..., Sequence[str]]) -> None:
    assert errors_of(HEAD + "compatibility_flags = [1]") == [
        '3:24 Expected "compatibility_flags.[0]" to be of type string but got 1.'
    ]


def test_a_main_that_is_not_python(problems_of: Callable[..., Sequence[Problem]]) -> None:
    (problem,) = problems_of('name = "chat"\nmain = "src/index.ts"')
    assert problem.message == '"main" should be a Python file, but got "src/index.ts".'
    assert problem.line == 2


def test_what_perdure_does_not_provide_is_warned_of(
    load_text: Callable[..., LoadedConfig],
) -> None:
    text = """\
[[kv_namespaces]]
binding = "KV"
id = "x"
[observability]
enabled = true
[limits]
cpu_ms = 50
"""
    (problem,) = load_text(HEAD + text).warnings
    assert problem.message == '"kv_namespaces" is known to wrangler, but not provided by perdure.'
    assert problem.line == 3


def test_unknown_keys_of_an_environment(problems_of: Callable[..., Sequence[Problem]]) -> None:
    first, second = problems_of(HEAD + "[env.prod]\nvarz = 1\ndev = {}", "prod")
    assert first.message == 'Unexpected fields found in env.prod field: "varz"'
    assert first.hint == 'Did you mean "vars"?'
    assert second.message == 'Unexpected fields found in env.prod field: "dev"'


@pytest.mark.parametrize("key", ["firewall", "allowed_origins", "trusted_proxies"])
@pytest.mark.parametrize("where", ["", "env.a."])
def test_what_guards_nothing_where_it_stands_is_an_error(
    problems_of: Callable[..., Sequence[Problem]], where: str, key: str
) -> None:
    text = f'name = "chat"\nmain = "main.py"\n{where}{key} = []\n'
    (problem,) = problems_of(text, "a" if where else None)
    assert problem.severity is Severity.ERROR
    assert problem.message == f'"{where}{key}" stands in the wrong place, where it guards nothing.'
    assert problem.hint == f'It belongs under [{where}perdure], as "{where}perdure.{key}".'


def test_whatever_is_not_inherited_is_missed(problems_of: Callable[..., Sequence[Problem]]) -> None:
    text = """\
define = { A = "1" }
tail_consumers = [{ service = "x" }]
kv_namespaces = []
[env.prod]
"""
    assert [problem.message for problem in problems_of(HEAD + text, "prod")] == [
        '"define" exists at the top level, but not on "env.prod".',
        '"tail_consumers" exists at the top level, but not on "env.prod".',
    ]
