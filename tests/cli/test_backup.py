"""``perdure backup``: a directory that starts."""

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from tests.cli.data import furnish, look

Invoke = Callable[..., Result]


def test_a_backup_is_a_data_directory(invoke: Invoke, tmp_path: Path) -> None:
    furnish(tmp_path / "data", a=1)
    result = invoke("backup", tmp_path / "copy", "--data", tmp_path / "data")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{tmp_path}/copy  ")
    assert look(tmp_path / "copy", "a") == 1
    again = invoke("backup", tmp_path / "copy", "--data", tmp_path / "data")
    assert again.exit_code == 2
    assert "is there already" in again.stderr
    told = invoke("backup", tmp_path / "two", "--data", tmp_path / "data", "--json")
    assert json.loads(told.stdout)["target"] == str(tmp_path / "two")
