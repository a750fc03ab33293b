"""``env``'s values: the file, ``.dev.vars``, the command line; later ones win."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from perdure.runtime.config.errors import ConfigError
from perdure.runtime.config.model import LoadedConfig
from perdure.runtime.config.variables import parse_var_options

HEAD = 'name = "chat"\nmain = "main.py"\n'


def test_any_value_of_toml_is_a_variable(load_text: Callable[..., LoadedConfig]) -> None:
    text = """\
[vars]
TEXT = "t"
NUMBER = 1
RATE = 0.5
ON = true
DAY = 2026-01-02
LIST = [1, "a", { b = 2 }]
[vars.TABLE]
deep.down = 3
"""
    config = load_text(HEAD + text).config
    assert config.vars == {
        "TEXT": "t",
        "NUMBER": 1,
        "RATE": 0.5,
        "ON": True,
        "DAY": dt.date(2026, 1, 2),
        "LIST": [1, "a", {"b": 2}],
        "TABLE": {"deep": {"down": 3}},
    }
    assert set(config.var_sources.values()) == {"wrangler.toml"}


def test_vars_must_be_a_table(errors_of: Callable[..., list[str]]) -> None:
    assert errors_of(HEAD + "vars = 1") == ['3:1 The field "vars" should be an object but got 1.']


def test_later_sources_win(load_text: Callable[..., LoadedConfig], tmp_path: Path) -> None:
    (tmp_path / ".dev.vars").write_text(
        "# secrets\nB=dev\nC='dev $X ${Y}'\nexport D=\"two\\nlines\"\nEMPTY=\n"
    )
    text = HEAD + '[vars]\nA = "file"\nB = "file"\nC = "file"\n'
    config = load_text(text, var_overrides={"C": "option"}).config
    assert config.vars == {"A": "file", "B": "dev", "C": "option", "D": "two\nlines", "EMPTY": ""}
    assert config.var_sources == {
        "A": "wrangler.toml",
        "B": ".dev.vars",
        "C": "--var",
        "D": ".dev.vars",
        "EMPTY": ".dev.vars",
    }


def test_a_secret_is_taken_as_it_stands(
    load_text: Callable[..., LoadedConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME_SWEET", "no")
    (tmp_path / ".dev.vars").write_text("KEY=a${HOME_SWEET}b\n")
    assert load_text(HEAD).config.vars == {"KEY": "a${HOME_SWEET}b"}


def test_the_environments_own_file_replaces_the_common_one(
    load_text: Callable[..., LoadedConfig], tmp_path: Path
) -> None:
    (tmp_path / ".dev.vars").write_text("A=common\nB=common\n")
    text = HEAD + "[env.prod]\n[env.test]\n"
    (tmp_path / ".dev.vars.prod").write_text("A=prod\n")
    assert load_text(text, "prod").config.vars == {"A": "prod"}
    assert load_text(text, "prod").config.var_sources == {"A": ".dev.vars.prod"}
    assert load_text(text, "test").config.vars == {"A": "common", "B": "common"}


def test_a_malformed_line_is_told_without_its_secret(
    load_text: Callable[..., LoadedConfig], tmp_path: Path
) -> None:
    (tmp_path / ".dev.vars").write_text("A=1\nB C=hush\nNAKED\n")
    with pytest.raises(ConfigError) as raised:
        load_text(HEAD)
    assert "hush" not in str(raised.value)
    first, second = raised.value.problems
    assert (first.file, first.line) == (tmp_path / ".dev.vars", 2)
    assert first.message == "The line is not of the form NAME=value."
    assert (second.line, second.key_path) == (3, "NAKED")


def test_a_file_that_is_not_text(load_text: Callable[..., LoadedConfig], tmp_path: Path) -> None:
    (tmp_path / ".dev.vars").write_bytes(b"A=\xff\n")
    with pytest.raises(ConfigError, match="The file cannot be read: 'utf-8' codec"):
        load_text(HEAD)


def dot_env(directory: Path, **files: str) -> None:
    for name, text in files.items():
        (directory / f".env{name.replace('_', '.').removesuffix('.')}").write_text(text)


def test_env_files_are_laid_over_each_other(
    load_text: Callable[..., LoadedConfig], tmp_path: Path
) -> None:
    dot_env(tmp_path, _="A=1\nB=1\nC=1\nD=1", _local="B=2\nC=2\nD=2", _prod="C=3\nD=3")
    dot_env(tmp_path, _prod_local="D=4", _test="C=no")
    text = HEAD + '[vars]\nA = "file"\n[env.prod]\n'
    assert load_text(text, "").config.vars == {"A": "1", "B": "2", "C": "2", "D": "2"}
    config = load_text(text, "prod").config
    assert config.vars == {"A": "1", "B": "2", "C": "3", "D": "4"}
    assert config.var_sources == {
        "A": ".env",
        "B": ".env.local",
        "C": ".env.prod",
        "D": ".env.prod.local",
    }


def test_dev_vars_stand_in_for_all_env_files(
    load_text: Callable[..., LoadedConfig], tmp_path: Path
) -> None:
    dot_env(tmp_path, _="A=1", _prod="A=2")
    (tmp_path / ".dev.vars").write_text("B=1")
    assert load_text(HEAD + "[env.prod]\n", "prod").config.vars == {"B": "1"}


def test_env_files_can_be_switched_off(
    load_text: Callable[..., LoadedConfig], tmp_path: Path
) -> None:
    dot_env(tmp_path, _="A=1")
    environ = {"CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV": "false"}
    assert load_text(HEAD, environ=environ).config.vars == {}
    environ = {"CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV": "true"}
    assert load_text(HEAD, environ=environ).config.vars == {"A": "1"}


def test_the_processs_environment_counts_when_it_is_asked_for(
    load_text: Callable[..., LoadedConfig], tmp_path: Path
) -> None:
    dot_env(tmp_path, _="A=file\nB=file")
    environ = {"A": "process", "CLOUDFLARE_INCLUDE_PROCESS_ENV": "true"}
    config = load_text(HEAD, environ=environ).config
    assert config.vars == {**environ, "B": "file"}
    assert config.var_sources["A"] == "environment"
    (tmp_path / ".dev.vars").write_text("C=1")
    assert load_text(HEAD, environ=environ).config.vars == {"C": "1"}


def test_a_binding_hides_what_the_process_happens_to_have(
    load_text: Callable[..., LoadedConfig],
) -> None:
    text = 'services = [{ binding = "A", service = "b" }]'
    environ = {"A": "process", "CLOUDFLARE_INCLUDE_PROCESS_ENV": "true"}
    assert "A" not in load_text(HEAD + text, environ=environ).config.vars


def test_files_of_the_command_line_stand_in_for_those_beside_the_configuration(
    load_text: Callable[..., LoadedConfig], tmp_path: Path
) -> None:
    dot_env(tmp_path, _="A=no")
    (tmp_path / ".dev.vars").write_text("A=no")
    (tmp_path / "one.env").write_text("B=1\nC=1")
    (tmp_path / "two.env").write_text("C=2")
    config = load_text(HEAD, env_files=["one.env", str(tmp_path / "two.env")]).config
    assert config.vars == {"B": "1", "C": "2"}
    assert config.var_sources == {"B": "one.env", "C": "two.env"}


def test_a_file_of_the_command_line_that_is_missing(
    load_text: Callable[..., LoadedConfig], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as raised:
        load_text(HEAD, env_files=["no.env"])
    (problem,) = raised.value.problems
    assert (problem.file, problem.message) == (tmp_path / "no.env", "There is no such file.")


def test_required_secrets_are_all_that_is_taken_from_elsewhere(
    load_text: Callable[..., LoadedConfig], tmp_path: Path
) -> None:
    dot_env(tmp_path, _="A=1\nB=1\n")
    text = HEAD + 'vars.PLAIN = 1\nsecrets.required = ["A", "C", "D"]\n'
    loaded = load_text(text, environ={"C": "process", "E": "no"})
    assert loaded.config.vars == {"PLAIN": 1, "A": "1", "C": "process"}
    (problem,) = loaded.warnings
    assert problem.message == 'The required secret "D" is nowhere to be found.'
    assert (problem.line, problem.column) == (4, 31)
    assert load_text(text, environ={}, var_overrides={"C": "x", "D": "x"}).warnings == ()


def test_wrong_secrets_are_told(errors_of: Callable[..., list[str]]) -> None:
    assert errors_of(HEAD + "secrets = 1") == [
        '3:1 The field "secrets" should be an object but got 1.'
    ]
    assert errors_of(HEAD + "secrets.required = 1") == [
        '3:9 Expected "secrets.required" to be of type string array but got 1.'
    ]


def test_options_are_split_at_the_first_colon() -> None:
    assert parse_var_options(["A:1", "URL:http://x:1/", "EMPTY:"]) == {
        "A": "1",
        "URL": "http://x:1/",
        "EMPTY": "",
    }


def test_options_of_another_form_are_all_told() -> None:
    with pytest.raises(ConfigError) as raised:
        parse_var_options(["A=1", "B:2", ":3"])
    first, second = raised.value.problems
    assert first.message == "--var takes NAME:value, but got 'A=1'."
    assert first.hint == "For instance: --var GREETING:hello"
    assert second.message == "--var takes NAME:value, but got ':3'."
    assert first.where == "command line"
