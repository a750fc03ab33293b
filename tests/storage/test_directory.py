"""A data directory belongs to one server, has a known format, and keeps its trash for a while."""

import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from perdure.storage import directory as directory_module
from perdure.storage.directory import DataDirectory
from perdure.storage.errors import DirectoryInUse, StorageError, UnknownFormat
from tests.failing import fails_with

DAY_MS = 86_400_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "state" / "data"


def test_a_new_directory_is_made(root: Path) -> None:
    with DataDirectory.open(root) as directory:
        assert directory.layout.root == root
        assert json.loads((root / "FORMAT").read_text()) == {
            "format": 2,
            "engine": "commit-log",
            "page_size_bytes": 4096,
        }
        assert (root / "LOCK").read_text() == f"{os.getpid()}\n"
        assert directory.layout.actors_dir.is_dir()
        assert directory.layout.trash_dir.is_dir()


def test_it_is_open_once(root: Path) -> None:
    directory = DataDirectory.open(root)
    with pytest.raises(DirectoryInUse) as caught:
        DataDirectory.open(root)
    assert caught.value.pid == os.getpid()
    assert f"is in use by process {os.getpid()}" in str(caught.value)
    assert (root / "LOCK").read_text() == f"{os.getpid()}\n"
    directory.close()
    directory.close()
    DataDirectory.open(root).close()


def test_another_process_holds_it_until_it_dies(root: Path) -> None:
    program = (
        "import sys, pathlib; from perdure.storage.directory import DataDirectory;"
        "kept = DataDirectory.open(pathlib.Path(sys.argv[1]));"
        "print('open', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(DirectoryInUse) as caught:
            DataDirectory.open(root)
        assert caught.value.pid == holder.pid
        holder.kill()
        holder.wait()
    DataDirectory.open(root).close()


def test_what_a_dead_server_left_is_made_durable_first(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(directory_module, "sync_file_system", synced.append)
    DataDirectory.open(root).close()
    assert (root / "LOCK").read_text() == ""
    DataDirectory.open(root).close()
    assert synced == []
    (root / "LOCK").write_text("12345\n")  # a server died
    DataDirectory.open(root).close()
    assert synced == [root / "LOCK"]
    DataDirectory.open(root).close()
    assert len(synced) == 1


def test_a_holder_whose_id_is_not_written_yet(root: Path) -> None:
    with DataDirectory.open(root):
        (root / "LOCK").write_text("")
        with pytest.raises(DirectoryInUse, match="is in use by another process") as caught:
            DataDirectory.open(root)
        assert caught.value.pid is None


def test_a_directory_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "a.txt").touch()
    with pytest.raises(UnknownFormat, match=r"holds 'a\.txt'"):
        DataDirectory.open(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "photos"]


def test_a_first_opening_that_was_interrupted_is_taken_up(root: Path) -> None:
    root.mkdir(parents=True)
    for name in ("LOCK", "FORMAT.new"):
        (root / name).touch()
    DataDirectory.open(root).close()
    assert (root / "FORMAT").exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "cannot be read"),
        ("[1]", "cannot be read"),
        ('{"engine": "x"}', "cannot be read"),
        ('{"format": 2, "engine": "log"}', "has format 2 of engine 'log'"),
        ('{"format": 1}', "has format 1 of engine None"),
    ],
)
def test_an_unknown_format_is_refused(root: Path, text: str, problem: str) -> None:
    root.mkdir(parents=True)
    (root / "FORMAT").write_text(text)
    for _ in range(2):  # the lock was given back
        with pytest.raises(UnknownFormat, match=problem):
            DataDirectory.open(root)
    assert (root / "FORMAT").read_text() == text


def test_what_cannot_be_a_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StorageError, match="cannot be used as data directory") as caught:
            DataDirectory.open(path)
        assert "may write to" in caught.value.hint


def test_a_directory_that_cannot_be_written(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(directory_module, "write_file", fails_with(errno.EACCES))
        with pytest.raises(StorageError, match="Permission denied"):
            DataDirectory.open(root)
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", refuse_lock)
        with pytest.raises(StorageError, match="No locks available"):
            DataDirectory.open(root)
    DataDirectory.open(root).close()


def refuse_lock(*_: object) -> None:
    raise OSError(37, "No locks available")


def put(directory: DataDirectory, unique_key: str) -> None:
    file = directory.layout.actor_file(unique_key, "ab" * 32)
    file.parent.mkdir(parents=True)
    file.write_text(unique_key)


def test_a_deleted_namespace_waits_in_the_trash(root: Path) -> None:
    with DataDirectory.open(root) as directory:
        put(directory, "app-Room")
        put(directory, "app-Hall")
        entry = directory.move_to_trash("app-Room", 10 * DAY_MS)
        assert entry == directory.layout.trash_entry("app-Room", 10 * DAY_MS)
        assert entry is not None
        assert [path.name for path in directory.layout.actors_dir.iterdir()] == ["app-Hall"]
        assert (entry / "ab" / f"{'ab' * 32}.db").read_text() == "app-Room"
        assert directory.move_to_trash("app-Room", 11 * DAY_MS) is None
        assert directory.purge_trash(10 * DAY_MS + 29 * DAY_MS, 30 * DAY_MS) == []
        assert directory.purge_trash(10 * DAY_MS + 30 * DAY_MS, 30 * DAY_MS) == [entry]
        assert list(directory.layout.trash_dir.iterdir()) == []


def test_the_same_namespace_twice_in_one_millisecond(root: Path) -> None:
    with DataDirectory.open(root) as directory:
        for _ in range(3):
            put(directory, "app-Room")
            directory.move_to_trash("app-Room", 5)
        names = sorted(path.name for path in directory.layout.trash_dir.iterdir())
        assert names == [f"{n:015}-app-Room" for n in (5, 6, 7)]


def test_an_entry_that_may_not_go_yet_stays_until_the_next_time(root: Path) -> None:
    with DataDirectory.open(root) as directory:
        put(directory, "app-Room")
        entry = directory.move_to_trash("app-Room", 5)
        asked: list[Path] = []

        def refuse(path: Path) -> bool:
            asked.append(path)
            return False

        assert directory.purge_trash(9, 5, refuse) == []
        assert asked == [], "its time has not come"
        assert directory.purge_trash(10, 5, refuse) == []
        assert asked == [entry]
        assert directory.purge_trash(10, 5, lambda _: True) == [entry]


def test_what_is_not_of_the_trash_is_left_in_it(root: Path) -> None:
    with DataDirectory.open(root) as directory:
        (directory.layout.trash_dir / "mine").mkdir()
        assert directory.purge_trash(2**50, 0) == []
        assert (directory.layout.trash_dir / "mine").is_dir()


def test_trash_that_cannot_be_moved_or_deleted(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with DataDirectory.open(root) as directory:
        put(directory, "app-Room")
        with monkeypatch.context() as patch:
            patch.setattr(directory_module, "move_directory", fails_with(errno.EACCES))
            with pytest.raises(StorageError, match="Permission denied"):
                directory.move_to_trash("app-Room", 5)
        directory.move_to_trash("app-Room", 5)
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "rmtree", fails_with(errno.EACCES))
            with pytest.raises(StorageError, match="Permission denied"):
                directory.purge_trash(10, 1)
