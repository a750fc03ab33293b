"""Files of sandboxes go with their objects."""

import fcntl
import logging
from pathlib import Path

import pytest

from perdure.runtime.sandbox import leftovers
from perdure.runtime.sandbox.keeper.launcher import LOCK_NAME
from perdure.runtime.sandbox.leftovers import remove_with

ONE, TWO, OTHER = (digit * 64 for digit in "12f")


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    """A namespace in the trash, and sandboxes of two of its objects and one of another's."""
    entry = tmp_path / "trash" / "000000000000001-app-Sandbox"
    for name in (ONE, TWO, "3" * 64):
        file = entry / name[:2] / f"{name}.db"
        file.parent.mkdir(parents=True)
        file.touch()
    for name in (ONE, TWO, OTHER):
        folder = tmp_path / "sandboxes" / name / "workspace" / "deep"
        folder.mkdir(parents=True)
        (folder / "file").write_text("text")
        (folder / "link").symlink_to(entry)
    (tmp_path / "sandboxes" / "agent.pyc").touch()
    return entry


def sandboxes(entry: Path) -> Path:
    return entry.parents[1] / "sandboxes"


def test_they_go_and_those_of_others_stay(entry: Path) -> None:
    assert remove_with(entry, sandboxes(entry))
    assert {path.name for path in sandboxes(entry).iterdir()} == {OTHER, "agent.pyc"}
    assert remove_with(entry, sandboxes(entry)), "the second time there is nothing to do"
    assert len(list(entry.iterdir())) == 3


def test_where_there_are_no_sandboxes_nothing_is_made(entry: Path, tmp_path: Path) -> None:
    assert remove_with(entry, tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_one_that_runs_keeps_its_files_until_the_next_time(
    entry: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(leftovers, "_KEEPER_ENDS_WITHIN_S", 0.1)
    with (sandboxes(entry) / ONE / LOCK_NAME).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with caplog.at_level(logging.WARNING):
            assert not remove_with(entry, sandboxes(entry))
    assert f"{sandboxes(entry) / ONE} until the next start: it runs" in caplog.text
    assert {path.name for path in sandboxes(entry).iterdir()} == {ONE, OTHER, "agent.pyc"}
    assert remove_with(entry, sandboxes(entry))
    assert {path.name for path in sandboxes(entry).iterdir()} == {OTHER, "agent.pyc"}


def test_what_cannot_be_removed_is_told(
    entry: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(leftovers, "remove_tree", refuse)
    assert not remove_with(entry, sandboxes(entry))
    assert "Permission denied" in caplog.text
