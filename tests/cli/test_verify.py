"""``perdure verify``: exit code 1 and exact findings on damage."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.cli.data import furnish

Invoke = Callable[..., Result]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    furnish(tmp_path / "data", a="x" * 50_000)
    return tmp_path / "data"


def test_a_good_directory_is_good(invoke: Invoke, root: Path) -> None:
    result = invoke("verify", "--data", root)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Nothing is damaged. ")
    assert result.stdout.endswith(" 1 object were read.\n")
    told = json.loads(invoke("verify", "--data", root, "--json").stdout)
    assert (told["actors"], told["findings"]) == (1, 0)


def test_a_damaged_object_is_named(invoke: Invoke, root: Path) -> None:
    (path,) = root.glob("actors/*/*/*.db")
    data = bytearray(path.read_bytes())
    data[4096 : 4096 + 64] = b"x" * 64
    path.write_bytes(data)
    result = invoke("verify", "--data", root)
    assert result.exit_code == 1
    assert f"{path}: damaged: " in result.stdout
    assert "1 damaged. " in result.stdout
    lines = invoke("verify", "--data", root, "--json").stdout.splitlines()
    item, summary = [json.loads(line) for line in lines]
    assert (item["kind"], item["path"], summary["findings"]) == ("object", str(path), 1)


def test_a_log_that_keeps_the_directory_from_being_opened_is_a_finding(
    invoke: Invoke, root: Path
) -> None:
    (path,) = root.glob("log/*/CHECKPOINT")
    path.write_text("nonsense")
    result = invoke("verify", "--data", root)
    assert result.exit_code == 1
    assert f"{path}: damaged: is damaged, so that nobody knows" in result.stdout
    item = json.loads(invoke("verify", "--data", root, "--json").stdout)
    assert (item["kind"], item["path"]) == ("directory", str(path))


def test_what_is_no_damage_is_an_error(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("verify", "--data", tmp_path / "none")
    assert result.exit_code == 2
    assert "does not exist" in result.stderr
