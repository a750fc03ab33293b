"""Nothing is lost without somebody's agreement."""

from collections.abc import Iterator

import click
import pytest

from perdure.cli import asking
from perdure.cli.asking import agreed
from perdure.cli.output import Output


class Terminal:
    """Standard input, with somebody at it."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def somebody(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(asking.sys, "stdin", Terminal())  # type: ignore[attr-defined]
        yield


def test_with_yes_nobody_is_asked() -> None:
    assert agreed(Output(), "Delete?", yes=True)


def test_nobody_at_the_terminal_is_a_mistake_of_the_command_line() -> None:
    with pytest.raises(click.UsageError, match="say --yes"):
        agreed(Output(), "Delete?", yes=False)


@pytest.mark.usefixtures("somebody")
@pytest.mark.parametrize("answer", [True, False])
def test_somebody_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: bool
) -> None:
    monkeypatch.setattr(click, "confirm", lambda *_, **__: answer)
    assert agreed(Output(), "Delete?", yes=False) is answer
    assert ("Nothing was changed." in capsys.readouterr().err) is not answer


@pytest.mark.usefixtures("somebody")
def test_the_end_of_input_is_a_no(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def confirm(*_: object, **__: object) -> bool:
        raise click.Abort

    monkeypatch.setattr(click, "confirm", confirm)
    assert not agreed(Output(), "Delete?", yes=False)
    assert "Nothing was changed." in capsys.readouterr().err
