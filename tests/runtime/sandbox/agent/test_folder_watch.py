import os
from pathlib import Path

import pytest

import perdure.runtime.sandbox.agent.folder_watch as folder_watch
from perdure.runtime.sandbox.agent.folder_watch import FolderWatch
from perdure.runtime.sandbox.agent.selection import Selection
from perdure.runtime.sandbox.reactor import Reactor
from perdure.runtime.sandbox.streams import Refused


class Heard:
    """A watch on a folder, and what it tells."""

    def __init__(self, top: Path, selection: Selection | None = None, *, is_deep: bool) -> None:
        self.reactor = Reactor()
        self.events: list[tuple[str, str]] = []
        self.folders: list[bool] = []
        self.ends: list[Refused | None] = []
        self.watch = FolderWatch(
            self.reactor,
            str(top),
            selection or Selection([], []),
            is_deep=is_deep,
            on_event=self._happened,
            on_end=self.ends.append,
        )

    def _happened(self, kind: str, path: str, is_folder: bool) -> None:  # as it is called
        self.events.append((kind, os.path.relpath(path, self.watch.top)))
        self.folders.append(is_folder)

    def close(self) -> list[tuple[str, str]]:
        self.watch.catch_up()
        self.watch.close()
        self.reactor.close()
        return self.events


def created(events: list[tuple[str, str]]) -> list[str]:
    return [path for kind, path in events if kind == "create"]


def test_all_that_is_in_a_new_folder_is_told_once(tmp_path: Path) -> None:
    heard = Heard(tmp_path, is_deep=True)
    for number in range(20):
        folder = tmp_path / f"a{number}" / "b"
        folder.mkdir(parents=True)
        (folder / "c").touch()
    paths = created(heard.close())
    names = [f"a{number}{below}" for number in range(20) for below in ("", "/b", "/b/c")]
    assert sorted(paths) == sorted(names)


@pytest.mark.parametrize("is_folder", [True, False])
def test_what_is_watched_is_told_as_what_it_was(tmp_path: Path, *, is_folder: bool) -> None:
    top = tmp_path / "top"
    if is_folder:
        top.mkdir()
    else:
        top.touch()
    heard = Heard(top, is_deep=False)
    if is_folder:
        top.rmdir()
    else:
        top.unlink()
    assert ("delete", ".") in heard.close()
    assert heard.folders[-1] is is_folder


def test_what_is_made_again_is_told_again(tmp_path: Path) -> None:
    heard = Heard(tmp_path, is_deep=True)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").touch()
    heard.watch.catch_up()
    (tmp_path / "a" / "x").unlink()
    (tmp_path / "a" / "x").touch()
    assert created(heard.close()) == ["a", "a/x", "a/x"]


def test_a_folder_that_was_moved_is_heard_of_under_its_new_name(tmp_path: Path) -> None:
    (tmp_path / "old" / "below").mkdir(parents=True)
    heard = Heard(tmp_path, is_deep=True)
    (tmp_path / "old").rename(tmp_path / "new")
    heard.watch.catch_up()
    (tmp_path / "new" / "below" / "x").touch()
    assert created(heard.close()) == ["new/below/x"]


def test_what_was_moved_away_is_not_heard_of(tmp_path: Path) -> None:
    top = tmp_path / "top"
    (top / "folder").mkdir(parents=True)
    heard = Heard(top, is_deep=True)
    (top / "folder").rename(tmp_path / "folder")
    heard.watch.catch_up()
    (tmp_path / "folder" / "x").touch()
    assert heard.close() == [("move_from", "folder")]


def test_links_lead_nowhere(tmp_path: Path) -> None:
    top, outside = tmp_path / "top", tmp_path / "outside"
    top.mkdir()
    outside.mkdir()
    (top / "link").symlink_to(outside)
    heard = Heard(top, is_deep=True)
    (top / "later").symlink_to(outside)
    heard.watch.catch_up()
    (outside / "x").touch()
    assert heard.close() == [("create", "later")]


def test_one_file_can_be_watched(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    heard = Heard(path, Selection(["file"], []), is_deep=True)
    path.write_text("x")
    path.unlink()
    events = heard.close()
    assert ("modify", ".") in events
    assert heard.ends == [None]


def test_what_is_excluded_is_not_even_looked_into(tmp_path: Path) -> None:
    (tmp_path / "node_modules" / "x").mkdir(parents=True)
    heard = Heard(tmp_path, Selection([], ["node_modules"]), is_deep=True)
    assert list(heard.watch._folders.values()) == [str(tmp_path)]
    heard.close()


def test_too_many_folders_end_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_watch, "FOLDERS_MAX", 3)
    heard = Heard(tmp_path, is_deep=True)
    for number in range(5):
        (tmp_path / str(number)).mkdir()
    heard.close()
    assert [end and end.code for end in heard.ends] == ["WATCH_START_ERROR"]
    with pytest.raises(Refused, match="More than 3 folders"):
        Heard(tmp_path, is_deep=True)


def test_names_that_are_no_text_are_told(tmp_path: Path) -> None:
    heard = Heard(tmp_path, is_deep=True)
    os.close(os.open(os.fsencode(tmp_path) + b"/\xff", os.O_CREAT))
    assert created(heard.close()) == ["\udcff"]
