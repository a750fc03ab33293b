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
