"""Finding the command, and what becomes of one that fails."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from perdure.cli.main import Commands, main
from perdure.cli.version import VERSION
from perdure.runtime.config.errors import ConfigError, Problem
from perdure.storage.errors import PerdureError

Invoke = Callable[..., Result]


def test_the_version_is_data(invoke: Invoke) -> None:
    result = invoke("--version")
    assert (result.exit_code, result.stdout) == (0, f"perdure {VERSION}\n")


@pytest.mark.parametrize("command", ["init", "dev", "check", "serve", "rules"])
def test_every_command_has_help_with_examples(invoke: Invoke, command: str) -> None:
    for option in ("--help", "-h"):
        result = invoke(command, option)
        assert result.exit_code == 0
        assert f"perdure {command}" in result.stdout.partition("Examples:")[2]
        assert max(map(len, result.stdout.splitlines())) <= 80


def test_help_lists_the_commands_and_the_exit_codes(invoke: Invoke) -> None:
    text = invoke("--help").stdout
    positions = [text.index(f"\n  {name} ") for name in ("init", "dev", "check", "serve")]
    assert positions == sorted(positions)
    assert "Exit codes: 0 good, 2 the configuration" in text


@pytest.mark.parametrize(
    ("typed", "hint"), [("chek", 'Did you mean "check"?'), ("deploy", "See perdure --help.")]
)
def test_an_unknown_command_is_answered_with_a_guess(invoke: Invoke, typed: str, hint: str) -> None:
    result = invoke(typed)
    assert result.exit_code == 2
    assert f'There is no command "{typed}". {hint}' in result.stderr


def test_an_unknown_option_is_the_command_line_s_fault(invoke: Invoke) -> None:
    result = invoke("dev", "--prot", "1")
    assert result.exit_code == 2
    assert "--prot" in result.stderr


def failing(error: BaseException) -> Result:
    group = Commands("perdure")

    @group.command()
    def fail() -> None:
        raise error

    return CliRunner().invoke(group, ["fail"])


def test_a_configuration_error_ends_with_2_and_a_count() -> None:
    result = failing(ConfigError([Problem(None, "", None, None, "is wrong")]))
    assert result.exit_code == 2
    assert result.stderr.endswith("1 error. Nothing was started or changed.\n")


def test_other_errors_end_with_1_and_no_traceback() -> None:
    result = failing(PerdureError("went wrong"))
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "error: went wrong\n")


def test_a_bug_ends_with_1_and_a_traceback() -> None:
    result = failing(ZeroDivisionError("oh"))
    assert result.exit_code == 1
    assert "ZeroDivisionError: oh" in result.stderr
    assert "This is a bug in perdure" in result.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [(click.UsageError("no"), 2), (click.Abort(), 1), (click.exceptions.Exit(3), 3)],
)
def test_what_click_raises_is_click_s(error: Exception, code: int) -> None:
    result = failing(error)
    assert result.exit_code == code
    assert "bug" not in result.output


@pytest.mark.slow
def test_the_module_is_the_command(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "perdure", "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == f"perdure {VERSION}\n"


def test_no_command_at_all_shows_the_help(invoke: Invoke) -> None:
    assert "Commands:" in invoke().output


def test_main_is_the_group() -> None:
    assert isinstance(main, Commands)
