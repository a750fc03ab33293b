"""Bindings to Workers."""

from collections.abc import Callable, Sequence

from perdure.runtime.config.errors import Problem
from perdure.runtime.config.model import LoadedConfig, ServiceBinding

HEAD = 'name = "chat"\nmain = "main.py"\n'


def test_a_service_is_read(load_text: Callable[..., LoadedConfig]) -> None:
    text = """\
[[services]]
binding = "AUTH"
service = "auth"
[[services]]
binding = "ADMIN"
service = "auth"
environment = "staging"
entrypoint = "Admin"
"""
    assert load_text(HEAD + text).config.services == (
        ServiceBinding("AUTH", "auth", None, None, 3),
        ServiceBinding("ADMIN", "auth", "staging", "Admin", 6),
    )
    plain, staging = load_text(HEAD + text).config.services
    assert (plain.worker, staging.worker) == ("auth", "auth-staging")


def test_wrong_services_are_told_in_wranglers_words(
    errors_of: Callable[..., Sequence[str]],
) -> None:
    assert errors_of(HEAD + "services = 1") == [
        '3:1 The field "services" should be an array but got 1.'
    ]
    assert errors_of(HEAD + 'services = ["auth"]') == [
        '3:13 "services" bindings should be objects, but got "auth"'
    ]
    assert errors_of(
        HEAD + 'services = [{ binding = "A" }, { service = "b", entrypoint = 1 }]'
    ) == [
        (
            '3:13 "services[0]" bindings should have a string "service" field but got '
            '{"binding":"A"}.'
        ),
        (
            '3:32 "services[1]" bindings should have a string "binding" field but got '
            '{"service":"b","entrypoint":1}.'
        ),
        (
            '3:49 "services[1]" bindings should have a string "entrypoint" field but got '
            '{"service":"b","entrypoint":1}.'
        ),
    ]


def test_props_are_a_table(
    load_text: Callable[..., LoadedConfig], errors_of: Callable[..., Sequence[str]]
) -> None:
    text = HEAD + 'services = [{ binding = "A", service = "b", props = %s }]'
    (service,) = load_text(text % '{ who = "me", deep = [{ a = 1 }] }').config.services
    assert service.props == {"who": "me", "deep": [{"a": 1}]}
    (error,) = errors_of(text % '"me"')
    assert error.endswith('The field "services[0].props" should be an object but got "me".')


def test_services_are_not_inherited(problems_of: Callable[..., Sequence[Problem]]) -> None:
    text = 'services = [{ binding = "A", service = "b" }]\n[env.prod]\n'
    (problem,) = problems_of(HEAD + text, "prod")
    assert problem.message == '"services" exists at the top level, but not on "env.prod".'
