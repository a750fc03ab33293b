"""Groups of commands suggest what was meant."""

from collections.abc import Callable

from click.testing import Result

Invoke = Callable[..., Result]


def test_a_slip_in_a_subcommand_is_told_what_was_meant(invoke: Invoke) -> None:
    result = invoke("actors", "lits")
    assert result.exit_code == 2
    assert 'There is no command "lits". Did you mean "list"?' in result.stderr
    assert "See perdure actors --help." in invoke("actors", "xyz").stderr


def test_commands_stand_in_the_order_of_first_use(invoke: Invoke) -> None:
    text = invoke("actors", "--help").stdout
    assert text.index("\n  list") < text.index("\n  show") < text.index("\n  export")
