"""``perdure actors import``, ``fork``, ``restore`` and ``delete`` on a stopped directory."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.cli.data import furnish, look

Invoke = Callable[..., Result]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    furnish(tmp_path / "data", a=1)
    return tmp_path / "data"


@pytest.fixture
def ask(root: Path, invoke: Invoke) -> Invoke:
    """``ask("delete", "Room", "lobby")``."""

    def run(command: str, *words: object) -> Result:
        return invoke("actors", command, *words, "--data", root)

    return run


def test_an_export_is_imported_under_another_name(ask: Invoke, root: Path, tmp_path: Path) -> None:
    assert ask("export", "Room", "lobby", tmp_path / "a.sqlite").exit_code == 0
    result = ask("import", "Room", "copy", tmp_path / "a.sqlite")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Imported Room copy  ")
    assert look(root, "a", "copy") == 1
    again = ask("import", "Room", "copy", tmp_path / "a.sqlite")
    assert again.exit_code == 2
    assert "Room copy exists already\n  Replace its data with --force" in again.stderr
    forced = ask("import", "Room", "copy", tmp_path / "a.sqlite", "--force")
    assert "To undo that: perdure actors restore Room copy --to 0" in forced.stderr


def test_a_fork(ask: Invoke, root: Path) -> None:
    result = ask("fork", "Room", "lobby", "copy", "--json")
    assert json.loads(result.stdout)["name"] == "copy"
    assert look(root, "a", "copy") == 1


def test_a_deleted_object_comes_back(ask: Invoke, root: Path) -> None:
    refused = ask("delete", "Room", "lobby")
    assert refused.exit_code == 2
    assert "say --yes" in refused.stderr
    result = ask("delete", "Room", "lobby", "--yes")
    assert result.stdout == "Deleted Room lobby\n"
    assert result.stderr == "To take that back: perdure actors restore Room lobby\n"
    assert ask("list").stderr == "0 objects.\n"
    listed = ask("list", "--deleted")
    assert listed.stdout.splitlines()[1].split()[:2] == ["Room", "lobby"]
    assert listed.stderr == "1 deleted object.\n"
    assert json.loads(ask("list", "--deleted", "--json").stdout)["name"] == "lobby"
    assert ask("restore", "Room", "lobby").stdout.startswith("Brought back Room lobby  ")
    assert look(root, "a") == 1
    assert ask("restore", "Room", "lobby").exit_code == 2


def test_a_restore_shows_what_would_change_and_can_be_undone(
    ask: Invoke, root: Path, invoke: Invoke
) -> None:
    then = json.loads(invoke("bookmarks", "Room", "lobby", "--data", root, "--json").stdout)
    furnish(root, a=2, b=2)
    refused = ask("restore", "Room", "lobby", "--to", then["bookmark"])
    assert refused.exit_code == 2
    lines = [line.split() for line in refused.stdout.splitlines()]
    assert lines[1] == ["Table", "Added", "Removed", "Changed"]
    assert lines[2] == ["(keys)", "0", "1", "1", "-b", "~a"]
    assert look(root, "a") == 2
    result = ask("restore", "Room", "lobby", "--to", then["bookmark"], "--yes")
    assert f"Restored to {then['bookmark']}" in result.stdout
    undo = result.stderr.split("--to ")[1].strip()
    assert look(root, "a") == 1
    told = ask("restore", "Room", "lobby", "--to", undo, "--yes", "--json")
    assert json.loads(told.stdout)["bookmark"] == undo
    assert look(root, "a") == 2


def test_what_is_no_state_is_refused_with_what_would_be_one(ask: Invoke) -> None:
    result = ask("restore", "Room", "lobby", "--to", "yesterday", "--yes")
    assert result.exit_code == 2
    for part in ("'yesterday'", "perdure bookmarks", "10m"):
        assert part in result.stderr


def test_a_bookmark_that_was_mistyped_is_refused(ask: Invoke) -> None:
    result = ask("restore", "Room", "lobby", "--to", "00000001-0000-1234", "--yes")
    assert result.exit_code == 1
    assert "error: " in result.stderr
    assert "Traceback" not in result.stderr
