"""A directory of format 1 becomes one of format 2, with all that was in it."""

import json
from pathlib import Path

import pytest

from perdure.storage.directory import DataDirectory
from perdure.storage.durable_files import make_directory
from perdure.storage.engine import ActorDatabase
from perdure.storage.errors import DatabaseFailed
from perdure.storage.kv import KeyValue
from perdure.storage.layout import Layout
from perdure.storage.upgrade import from_own_wals
from tests.storage.logged import KEY, A, B, Bench, content, put

OLD_FORMAT = {"format": 1, "engine": "sqlite-full", "page_size_bytes": 4096}


def make_old(root: Path) -> None:
    """A directory as the version before left it when it was killed."""
    layout = Layout(root)
    make_directory(layout.actors_dir)
    layout.format_file.write_text(json.dumps(OLD_FORMAT))
    for actor in (A, B):
        path = layout.actor_file(KEY, actor)
        database = ActorDatabase(path)
        put(database, a=1)
        KeyValue(database).put("b", "x" * 10_000)
        database.commit()
        files = {p: p.read_bytes() for p in path.parent.iterdir()}
        database.close()
        for file, data in files.items():
            file.write_bytes(data)
    assert list(layout.actors_dir.rglob("*-wal"))


def test_what_was_in_a_wal_is_in_the_file(bench: Bench) -> None:
    make_old(bench.root)
    DataDirectory.open(bench.root).close()
    assert json.loads((bench.root / "FORMAT").read_text())["format"] == 2
    assert not list(bench.root.rglob("*-wal"))
    store = bench.open()
    assert content(store) == content(store, B) == {"a": 1, "b": "x" * 10_000}
    DataDirectory.open(bench.root).close()  # once is enough


def test_an_upgrade_that_was_killed_is_done_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_old(bench.root)

    class Killed(BaseException):
        pass

    def killed(path: Path, missing_ok: bool = False) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(Killed):
            from_own_wals(bench.root / "actors")
    DataDirectory.open(bench.root).close()
    assert content(bench.open(), B) == {"a": 1, "b": "x" * 10_000}


def test_a_damaged_actor_stops_the_upgrade(tmp_path: Path) -> None:
    make_old(tmp_path)
    path = Layout(tmp_path).actor_file(KEY, A)
    wal = path.with_name(path.name + "-wal")
    before = path.read_bytes(), wal.read_bytes()
    path.write_bytes(b"no database" * 1000)
    wal.write_bytes(b"")
    with pytest.raises(DatabaseFailed, match="not a database"):
        DataDirectory.open(tmp_path)
    path.write_bytes(before[0])
    wal.write_bytes(before[1])
    assert json.loads((tmp_path / "FORMAT").read_text()) == OLD_FORMAT
    path.unlink()
    with pytest.raises(DatabaseFailed, match="the database it belongs to is not"):
        DataDirectory.open(tmp_path)
