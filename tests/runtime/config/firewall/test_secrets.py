"""Secrets are found when the server starts, and named when they are not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from perdure.runtime.config.errors import ConfigError, Problem
from perdure.runtime.config.firewall.secrets import MAKE_ONE, refused_key, resolve_secrets
from perdure.runtime.config.model import LoadedConfig, WorkerConfig

HEAD = 'name = "chat"\nmain = "main.py"\nvars = { NUMBER = 5 }\n'
LONG = "a secret of more than thirty-two bytes"


def config_of(
    load_text: Callable[..., LoadedConfig], *proofs: str, **options: object
) -> WorkerConfig:
    rules = [f'[[perdure.firewall]]\naction = "require"\n{proof}' for proof in proofs]
    return load_text(HEAD + "\n".join(rules), **options).config


def refused(config: WorkerConfig, environment: dict[str, str] | None = None) -> list[Problem]:
    with pytest.raises(ConfigError) as error:
        resolve_secrets(config, environment or {})
    return list(error.value.problems)


def test_secrets_come_from_vars_environment_and_files(
    load_text: Callable[..., LoadedConfig], tmp_path: Path
) -> None:
    (tmp_path / "key.pem").write_bytes(b"from a file\n")
    config = config_of(
        load_text,
        'token = { key = [{ env = "A" }, { var = "B" }] }',
        'token = { key = { file = "key.pem" } }',
        var_overrides={"B": "from --var"},
    )
    found = resolve_secrets(config, {"A": " from the environment "})
    assert list(found.values()) == [b"from the environment", b"from --var", b"from a file"]


def test_a_configuration_loads_without_its_secrets(load_text: Callable[..., LoadedConfig]) -> None:
    config = config_of(load_text, 'token = { key = { env = "A" } }')
    assert len(config.perdure.firewall) == 1
    assert resolve_secrets(load_text(HEAD).config, {}) == {}


@pytest.mark.parametrize(
    ("key", "message", "hint"),
    [
        (
            '{ env = "A" }',
            'The environment variable "A" is not set.',
            "Set it where perdure is started.",
        ),
        (
            '{ var = "A" }',
            'The var "A" is not set.',
            "Set it in .dev.vars, with --var, or in [vars].",
        ),
        ('{ var = "NUMBER" }', 'The var "NUMBER" is no text.', "Put its value in quotes."),
        ('{ file = "a.pem" }', "cannot be read: No such file or directory.", ""),
        (
            '{ env = "EMPTY" }',
            'The environment variable "EMPTY" is empty, so anybody would know it.',
            MAKE_ONE,
        ),
    ],
)
def test_a_secret_that_is_not_there_is_named(
    load_text: Callable[..., LoadedConfig], key: str, message: str, hint: str
) -> None:
    config = config_of(load_text, f"token = {{ key = {key} }}")
    (problem,) = refused(config, {"EMPTY": " "})
    assert problem.message.endswith(message)
    assert (problem.line, problem.column) == (6, 11)
    assert (problem.key_path, problem.hint) == ("perdure.firewall[0].token.key", hint)


@pytest.mark.parametrize(
    ("proof", "least"),
    [
        ('jwt = { algorithms = "HS256", key = { env = "A" } }', 32),
        ('jwt = { algorithms = ["HS256", "HS512"], key = { env = "A" } }', 64),
        ('signature = { key = { env = "A" } }', 16),
        ('token = { key = { env = "A" } }', 1),
    ],
)
def test_a_secret_that_is_too_short_is_refused(
    load_text: Callable[..., LoadedConfig], proof: str, least: int
) -> None:
    config = config_of(load_text, proof)
    assert len(resolve_secrets(config, {"A": "s" * least})) == 1
    (problem,) = refused(config, {"A": "s" * (least - 1)})
    assert "ss" not in str(problem)
    assert f"needs {least} at least." in problem.message or "is empty" in problem.message


def test_all_that_is_missing_is_told_at_once(load_text: Callable[..., LoadedConfig]) -> None:
    config = config_of(load_text, *(f'token = {{ key = {{ env = "{n}" }} }}' for n in "ABC"))
    assert len(refused(config, {"B": LONG})) == 2


def test_a_key_that_is_of_no_use_is_told_in_the_same_way(
    load_text: Callable[..., LoadedConfig],
) -> None:
    config = config_of(load_text, 'token = { key = { env = "A" } }')
    (secret,) = config.perdure.firewall[0].secrets
    (problem,) = refused_key(config, secret, f"{secret} is no key").problems
    assert problem.message == 'The environment variable "A" is no key'
    assert problem.line == 6
