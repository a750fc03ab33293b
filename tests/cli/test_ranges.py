"""Numbers on the command line, and what is said of those that cannot be."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from perdure.runtime.config.settings import WORKERS_MAX

Invoke = Callable[..., Result]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("serve", "--workers", "x"), "'x' is not a whole number, 0 to 256."),
        (("serve", "--workers", "257"), "'257' is not a whole number, 0 to 256."),
        (("serve", "--workers", "1.5"), "'1.5' is not a whole number, 0 to 256."),
        (("dev", "--port", "http"), "'http' is not a whole number, 0 to 65,535."),
        (("actors", "list", "Room", "--limit", "0"), "'0' is not a whole number, 1 or more."),
        (("sql", "Room", "a", "", "--limit", "0"), "'0' is not a whole number, 1 to 1,000,000."),
        (("drain", "--timeout", "soon"), "'soon' is not a number, 0 or more."),
        (("drain", "--timeout", "-1"), "'-1' is not a number, 0 or more."),
    ],
)
def test_a_number_that_cannot_be_is_told_which_can(
    invoke: Invoke, arguments: tuple[str, ...], said: str
) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_resize_allows_as_many_workers_as_a_start(invoke: Invoke, tmp_path: Path) -> None:
    place = ("--data", tmp_path)
    refused = invoke("resize", WORKERS_MAX + 1, *place)
    assert refused.exit_code == 2
    assert f"'257' is not a whole number, 1 to {WORKERS_MAX}." in refused.stderr
    assert "whole number" not in invoke("resize", WORKERS_MAX, *place).stderr
