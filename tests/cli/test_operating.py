"""Which data a command for the operator works on, and how its failures are told."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from perdure.cli.operating import Asking, find_place
from perdure.cli.output import Output
from perdure.cli.progress import Bars
from perdure.runtime.config.errors import ConfigError
from perdure.runtime.host.operations.house import Told

Invoke = Callable[..., Result]


def test_the_data_is_found_as_serve_finds_it(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project / "src")
    place = find_place(None, None, None)
    assert place.data_dir == project / ".perdure"
    assert place.bindings == {"ROOM": "Room"}
    assert find_place(None, None, Path("x")).data_dir == project / "src" / "x"


def test_with_data_no_configuration_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = find_place(None, None, Path("data"))
    assert (place.data_dir, place.bindings) == (tmp_path / "data", {})
    with pytest.raises(ConfigError):
        find_place(None, None, None)
    with pytest.raises(ConfigError):
        find_place(Path("none.toml"), None, Path("data"))


def test_a_failure_is_told_in_words_or_in_json(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("actors", "list", "--data", tmp_path / "none")
    assert result.exit_code == 2
    assert f"error: {tmp_path}/none does not exist\n  Name the data directory" in result.stderr
    result = invoke("actors", "list", "--data", tmp_path / "none", "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    told = json.loads(result.stderr)
    assert told["error"] == "OperatorError"
    assert told["message"] == f"{tmp_path}/none does not exist"
    assert not (tmp_path / "none").exists()


def test_a_file_that_the_server_has_written_elsewhere_is_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = Output()
    with Bars(output) as bars:
        asking = Asking(Nobody(), output, bars, is_json=False)
        asking.tell_if_hidden(tmp_path)
        assert capsys.readouterr().err == ""
        asking.tell_if_hidden(tmp_path / "none")
    assert "sees other directories than you do" in capsys.readouterr().err


class Nobody:
    """Operations of no directory."""

    is_running = True

    async def run(self, name: str, arguments: dict[str, Any], told: Told) -> dict[str, Any]:
        raise AssertionError(name)
