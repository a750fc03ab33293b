"""A mark of an actor outlives the process that set it, until it is cleared."""

import errno
import os
from pathlib import Path

import pytest

from perdure.storage.errors import StorageError
from perdure.storage.layout import Layout
from perdure.storage.marks import Marks
from tests.failing import fails_with

A, B = b"a" * 32, b"b" * 32


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


def test_nothing_is_made_while_there_are_no_marks(layout: Layout) -> None:
    marks = Marks(layout)
    assert marks.get("quarantine", "app-Room", A) is None
    marks.clear("quarantine", "app-Room", A)
    marks.clear_namespace("app-Room")
    assert list(layout.root.iterdir()) == []


def test_a_mark_is_found_by_those_who_come_later(layout: Layout) -> None:
    marks = Marks(layout)
    marks.set("restore", "app/Zimmer ß", A, {"bookmark": "0001-02", "at": 5, "undo": None})
    for found in (marks, Marks(layout)):
        assert found.get("restore", "app/Zimmer ß", A) == {
            "bookmark": "0001-02",
            "at": 5,
            "undo": None,
        }
        assert found.get("quarantine", "app/Zimmer ß", A) is None
        assert found.get("restore", "app/Zimmer ß", B) is None
        assert found.get("restore", "app", A) is None


def test_a_mark_set_again_says_the_last_that_was_said(layout: Layout) -> None:
    marks = Marks(layout)
    marks.set("quarantine", "n", A, {"why": "first"})
    marks.set("quarantine", "n", A, {"why": "second"})
    assert dict(marks.of_kind("quarantine")) == {("n", A): {"why": "second"}}
    assert dict(Marks(layout).of_kind("quarantine")) == {("n", A): {"why": "second"}}


def test_a_mark_that_was_cleared_is_gone_and_the_others_stay(layout: Layout) -> None:
    marks = Marks(layout)
    marks.set("quarantine", "n", A, {})
    marks.set("restore", "n", A, {})
    marks.set("quarantine", "n", B, {})
    marks.clear("quarantine", "n", A)
    for found in (marks, Marks(layout)):
        assert set(found.of_kind("quarantine")) == {("n", B)}
        assert set(found.of_kind("restore")) == {("n", A)}


def test_a_namespace_loses_all_its_marks_and_no_others(layout: Layout) -> None:
    marks = Marks(layout)
    marks.set("quarantine", "n", A, {})
    marks.set("restore", "n", B, {})
    marks.set("restore", "n2", B, {})
    marks.clear_namespace("n")
    for found in (marks, Marks(layout)):
        assert not found.of_kind("quarantine")
        assert set(found.of_kind("restore")) == {("n2", B)}


def test_half_a_mark_is_none(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    marks = Marks(layout)
    marks.set("quarantine", "n", A, {"why": "first"})

    monkeypatch.setattr(os, "fsync", fails_with(errno.ENOSPC))
    with pytest.raises(StorageError, match="cannot be changed: No space left"):
        marks.set("quarantine", "n", A, {"why": "second"})
    with pytest.raises(StorageError, match="cannot be changed"):
        marks.set("quarantine", "m", B, {"why": "new"})
    for found in (marks, Marks(layout)):
        assert dict(found.of_kind("quarantine")) == {("n", A): {"why": "first"}}


def test_a_mark_that_cannot_be_taken_away_still_counts(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = Marks(layout)
    marks.set("quarantine", "n", A, {})

    monkeypatch.setattr(Path, "unlink", fails_with(errno.EROFS))
    with pytest.raises(StorageError, match="cannot be changed: Read-only file system"):
        marks.clear("quarantine", "n", A)
    monkeypatch.setattr("shutil.rmtree", fails_with(errno.EROFS))
    with pytest.raises(StorageError, match="cannot be changed: Read-only file system"):
        marks.clear_namespace("n")
    assert marks.get("quarantine", "n", A) == {}


def test_setting_and_clearing_is_on_the_disk_on_return(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def recording(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", recording)
    marks = Marks(layout)
    marks.set("quarantine", "n", A, {})
    assert synced[-2:] == [f"{A.hex()}.quarantine.json.new", "n"]
    assert {"marks", layout.root.name} <= set(synced)
    del synced[:]
    marks.clear("quarantine", "n", A)
    assert synced == ["n"]
    marks.set("quarantine", "n", A, {})
    del synced[:]
    marks.clear_namespace("n")
    assert synced == ["marks"]


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", '{"kind": "quarantine"}', "\x00\xff"])
def test_a_damaged_mark_is_not_overlooked(layout: Layout, content: str) -> None:
    Marks(layout).set("quarantine", "n", A, {})
    (path,) = layout.marks_dir.glob("*/*.json")
    path.write_text(content)
    with pytest.raises(StorageError, match="is no mark that this version can read") as caught:
        Marks(layout)
    assert caught.value.path == path


@pytest.mark.parametrize("change", [("quarantine", "other"), (A.hex(), B.hex()), (A.hex(), "zz")])
def test_a_mark_under_another_name_is_none(layout: Layout, change: tuple[str, str]) -> None:
    Marks(layout).set("quarantine", "n", A, {})
    (path,) = layout.marks_dir.glob("*/*.json")
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(StorageError):
        Marks(layout)


def test_a_directory_that_cannot_be_read_says_so(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    Marks(layout).set("quarantine", "n", A, {})

    monkeypatch.setattr(Path, "read_text", fails_with(errno.EIO))
    with pytest.raises(StorageError, match="cannot be read: Input/output error"):
        Marks(layout)


def test_a_mark_that_another_process_clears_in_this_moment_is_none(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = Marks(layout)
    marks.set("quarantine", "room", A, {})
    marks.set("quarantine", "room", B, {})
    real = Path.read_text

    def read_text(path: Path) -> str:
        marks.clear("quarantine", "room", A)
        return real(path)

    monkeypatch.setattr(Path, "read_text", read_text)
    assert set(Marks(layout).of_kind("quarantine")) == {("room", B)}
