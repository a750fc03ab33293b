"""Files that take an actor's place, and what is there if that is cut short."""

import asyncio
import errno
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from perdure.storage import replacement
from perdure.storage.bookmark import Bookmark
from perdure.storage.engine import ActorDatabase
from perdure.storage.errors import (
    DatabaseFailed,
    HistoryUnavailable,
    InvalidBookmark,
    StorageBroken,
    StorageError,
)
from perdure.storage.kv import KeyValue
from perdure.storage.logformat import Change
from tests.failing import fails_with
from tests.storage.logged import flusher_asleep
from tests.storage.timeline import KEY, A, B, State, Timeline, state_of, state_of_file


@pytest.fixture
async def timeline(tmp_path: Path) -> AsyncIterator[Timeline]:
    timeline = Timeline(tmp_path / "data")
    yield timeline
    timeline.close()


def leftovers(timeline: Timeline) -> list[str]:
    root = timeline.root
    found = [*root.glob("drafts/*/*"), *root.glob("archive/pending/*/*"), *root.glob("trash/*")]
    return sorted(str(path.relative_to(root)) for path in found)


async def test_going_back_can_be_undone_and_that_too(timeline: Timeline) -> None:
    timeline.put(A, key=1)
    early = timeline.moments[-1]
    timeline.put(A, key=2, other=3)
    late = timeline.states[A]
    undo = await timeline.restore(early)
    timeline.put(A, third=3)
    newest = timeline.states[A]
    timeline.close_actor(A)
    redo = await timeline.store.replacements.restore(KEY, A, undo)
    assert await timeline.build(A, timeline.store.history.current(KEY, A)) == late
    await timeline.store.replacements.restore(KEY, A, redo)
    assert await timeline.build(A, timeline.store.history.current(KEY, A)) == newest
    assert await timeline.look_at_all() == []


async def test_before_its_creation_an_actor_is_empty(timeline: Timeline) -> None:
    before = timeline.store.history.current(KEY, A)
    timeline.put(A, key=1)
    timeline.close_actor(A)
    undo = await timeline.store.replacements.restore(KEY, A, before)
    assert KeyValue(timeline.database(A)).list() == {}
    assert await timeline.build(A, undo) == timeline.states[A]


async def test_a_deleted_actor_comes_back(timeline: Timeline) -> None:
    timeline.put(A, key=1)
    moment = timeline.moments[-1]
    undo = await timeline.delete(A)
    assert not timeline.layout.actor_file(KEY, A).exists()
    assert await timeline.build(A, undo) == moment.state
    timeline.reopen()
    await timeline.restore(moment)
    assert await timeline.look_at_all() == []


async def test_what_is_found_in_the_trash_has_the_last_commit(timeline: Timeline) -> None:
    timeline.put(A, key=1)
    timeline.put(A, key=2)
    timeline.store.settle()
    last = timeline.states[A]
    trash = timeline.root / "trash" / "a.db"
    timeline.close_actor(A)
    await timeline.store.replacements.delete(KEY, A, trash)
    assert state_of_file(trash) == last


async def test_a_commit_that_is_on_its_way_comes_into_the_trash_as_well(
    timeline: Timeline,
) -> None:
    timeline.put(A, key=1)
    timeline.store.settle()
    trash = timeline.root / "trash" / "a.db"
    log = timeline.store.log
    with flusher_asleep(timeline.store):
        timeline.put(A, key=2)
        timeline.close_actor(A)
        lsn = log.appended_lsn
        deleting = asyncio.create_task(timeline.store.replacements.delete(KEY, A, trash))
        for _ in range(5):
            await asyncio.sleep(0)
        assert log.appended_lsn == lsn, "it waits for the commit"
    await deleting
    assert state_of_file(trash) == timeline.states[A]


async def test_an_actor_without_a_file_is_not_deleted(timeline: Timeline) -> None:
    lsn = timeline.store.log.appended_lsn
    await timeline.store.replacements.delete(KEY, B, timeline.root / "trash" / "b.db")
    assert timeline.store.log.appended_lsn == lsn
    assert leftovers(timeline) == []


async def test_marks_of_what_was_wrong_go_with_the_old_file(timeline: Timeline) -> None:
    timeline.put(A, key=1)
    marks = timeline.store.marks
    for what in ("replaced", "deleted"):
        marks.set("quarantine", KEY, A, {"why": "damaged"})
        marks.set("restore", KEY, A, {"bookmark": "of the old file"})
        if what == "replaced":
            await timeline.restore(timeline.moments[0])
        else:
            await timeline.delete(A)
        assert marks.get("quarantine", KEY, A) is None
        assert marks.get("restore", KEY, A) is None


async def test_a_file_takes_an_actors_place(timeline: Timeline) -> None:
    timeline.put(A, key=1)
    timeline.put(B, key=2, other=3)
    source = timeline.root / "exported.db"
    await timeline.store.history.build(KEY, B, timeline.moments[-1].bookmark, source)
    timeline.close_actor(A)
    undo = await timeline.store.replacements.replace(KEY, A, source)
    assert KeyValue(timeline.database(A)).list() == {"key": 2, "other": 3}
    assert source.exists()
    assert await timeline.build(A, undo) == timeline.moments[0].state
    timeline.reopen()
    assert KeyValue(timeline.database(A)).list() == {"key": 2, "other": 3}


@pytest.mark.parametrize("content", [b"no database", b"", b"a foreign one"])
async def test_a_file_that_is_not_ours_is_refused_and_nothing_is_left(
    timeline: Timeline, content: bytes
) -> None:
    timeline.put(A, key=1)
    timeline.close_actor(A)
    source = timeline.root / "x.db"
    source.write_bytes(content)
    if content == b"a foreign one":
        source.unlink()
        with closing(sqlite3.connect(source)) as connection:
            connection.execute("CREATE TABLE t (a)")
    with pytest.raises(DatabaseFailed, match="perdure actors import"):
        await timeline.store.replacements.replace(KEY, A, source)
    assert leftovers(timeline) == []
    assert KeyValue(timeline.database(A)).list() == {"key": 1}


async def test_what_cannot_be_read_is_told_with_its_name(timeline: Timeline) -> None:
    with pytest.raises(StorageError, match="nothing-there"):
        await timeline.store.replacements.replace(KEY, A, timeline.root / "nothing-there.db")
    assert leftovers(timeline) == []


async def test_a_bookmark_that_cannot_be_had_changes_nothing(timeline: Timeline) -> None:
    mark = timeline.put(A, key=1)
    timeline.close_actor(A)
    with pytest.raises(InvalidBookmark):
        await timeline.store.replacements.restore(KEY, B, mark)
    with pytest.raises(HistoryUnavailable):
        await timeline.store.replacements.restore(KEY, A, Bookmark.of(KEY, A, 1, 9999))
    assert leftovers(timeline) == []
    assert KeyValue(timeline.database(A)).list() == {"key": 1}


async def test_a_full_disk_leaves_the_old_file_and_no_draft(
    timeline: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = timeline.put(A, key=1)
    timeline.put(A, key=2)
    timeline.close_actor(A)

    monkeypatch.setattr(replacement, "sync_file", fails_with(errno.ENOSPC))
    with pytest.raises(StorageError, match="No space left"):
        await timeline.store.replacements.restore(KEY, A, first)
    with pytest.raises(StorageError, match="No space left"):
        await timeline.store.replacements.delete(KEY, A, timeline.root / "trash" / "a.db")
    monkeypatch.undo()
    assert leftovers(timeline) == []
    assert KeyValue(timeline.database(A)).list() == {"key": 2}
    assert await timeline.look_at_all() == []


async def test_the_trash_holds_no_name_of_a_file_that_lives_on(
    timeline: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    timeline.put(A, key=1)
    timeline.close_actor(A)

    (timeline.root / "trash").mkdir()
    monkeypatch.setattr(replacement, "sync_directory", fails_with(errno.EIO))
    with pytest.raises(StorageError):
        await timeline.store.replacements.delete(KEY, A, timeline.root / "trash" / "a.db")
    monkeypatch.undo()
    assert leftovers(timeline) == []


async def test_who_does_not_wait_for_it_does_not_cut_it_short(timeline: Timeline) -> None:
    first = timeline.put(A, key=1)
    state = timeline.states[A]
    timeline.put(A, key=2)
    timeline.close_actor(A)
    task = asyncio.create_task(timeline.store.replacements.restore(KEY, A, first))
    lsn = timeline.store.log.appended_lsn
    while timeline.store.log.appended_lsn == lsn:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    timeline.store.log.wait()
    assert timeline.failures == []
    assert state_of_file(timeline.layout.actor_file(KEY, A)) == state
    assert not timeline.store._checkpointer.held


async def test_if_the_rename_fails_the_next_opening_makes_it(
    timeline: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = timeline.put(A, key=1)
    timeline.put(A, key=2)
    timeline.close_actor(A)

    real = Path.replace
    monkeypatch.setattr(Path, "replace", fails_with(errno.EIO))
    with pytest.raises(StorageBroken):
        await timeline.store.replacements.restore(KEY, A, first)
    monkeypatch.setattr(Path, "replace", real)
    timeline.reopen()
    assert KeyValue(timeline.database(A)).list() == {"key": 1}
    assert await timeline.look_at_all() == []


async def test_each_step_is_on_the_disk_before_the_next_is_taken(
    timeline: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = timeline.put(A, key=1)
    timeline.put(A, key=2)
    timeline.close_actor(A)
    log, replacements = timeline.store.log, timeline.store.replacements
    held = timeline.store._checkpointer.held
    drafts = timeline.layout.drafts_dir / log.slot
    steps: list[str] = []

    def watch(owner: object, name: str, what: Callable[[Any], str | None]) -> None:
        real = getattr(owner, name)

        def step(*values: Any) -> Any:
            if said := what(values[0]):
                steps.append(said)
            return real(*values)

        monkeypatch.setattr(owner, name, step)

    def is_held(_: object) -> str:
        return f"alarm told, log held at {held}"

    def rename(path: Path) -> str | None:
        is_durable = log.durable_lsn == log.appended_lsn
        return f"renamed, {is_durable=}, log held at {held}" if path.parent == drafts else None

    watch(replacement, "sync_file", lambda path: f"file in {path.parent.parent.name}")
    watch(replacement, "sync_directory", lambda path: f"name in {path.parent.name}")
    watch(log, "append", lambda change: change.kind.name)
    watch(Path, "replace", rename)
    watch(replacements, "_alarm_changed", is_held)
    await replacements.restore(KEY, A, first)
    lsn = log.appended_lsn
    assert steps == [
        "file in drafts",
        "name in drafts",
        "file in pending",
        "name in pending",
        "REPLACED",
        f"renamed, is_durable=True, log held at {{{lsn}}}",
        f"alarm told, log held at {{{lsn}}}",
    ]
    assert not held


async def test_what_is_not_in_the_old_file_yet_never_comes_into_the_new_one(
    timeline: Timeline,
) -> None:
    """The actor was closed while its last commit was on its way to the log."""
    first = timeline.put(A, key=1)
    state = timeline.states[A]
    timeline.store.settle()
    with flusher_asleep(timeline.store):
        timeline.put(A, key=2, other="x" * 5000)
        timeline.close_actor(A)
    assert timeline.store._leftovers
    await timeline.store.replacements.restore(KEY, A, first)
    path = timeline.layout.actor_file(KEY, A)
    assert not timeline.store._leftovers
    assert list(path.parent.glob(f"{path.name}*")) == [path], "and no -wal"
    assert state_of(timeline.database(A)) == state
    timeline.reopen()
    assert state_of_file(path) == state


async def test_a_record_that_is_refused_holds_nothing_back(
    timeline: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = timeline.put(A, key=1)
    timeline.close_actor(A)

    def refuse(_: Change) -> int:
        raise StorageError(timeline.root, "no record holds this")

    monkeypatch.setattr(timeline.store.log, "append", refuse)
    with pytest.raises(StorageError, match="no record"):
        await timeline.store.replacements.restore(KEY, A, first)
    assert not timeline.store._checkpointer.held


# --- killed at each step -------------------------------------------------------------------------

CALLS = ["fsync", "fdatasync", "replace", "unlink", "link"]


class Camera:
    """Copies the directory before each call of some kinds, as if the process were killed there."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.copies: list[Path] = []
        for name in CALLS:
            self._watch(name, monkeypatch)

    def _watch(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        real = getattr(os, name)

        def take(*values: object, **named: object) -> object:
            copy = self.root.with_name(f"{self.root.name}-killed-{len(self.copies)}")
            self.copies.append(copy)
            shutil.copytree(self.root, copy, ignore=shutil.ignore_patterns("index.db*"))
            return real(*values, **named)

        monkeypatch.setattr(os, name, take)


@pytest.mark.parametrize("what", ["restore", "replace", "delete"])
async def test_killed_anywhere_there_is_the_old_file_or_the_new_one(
    timeline: Timeline, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    first = timeline.put(A, key=1)
    new: State = timeline.states[A]
    source = timeline.root / "exported.db"
    await timeline.store.history.build(KEY, A, first, source)
    timeline.put(A, key=2, other="x" * 5000)
    old = timeline.states[A]
    timeline.close_actor(A)
    timeline.store.settle()
    with monkeypatch.context() as patch:
        camera = Camera(timeline.root, patch)
        if what == "restore":
            await timeline.store.replacements.restore(KEY, A, first)
        elif what == "replace":
            await timeline.store.replacements.replace(KEY, A, source)
        else:
            await timeline.store.replacements.delete(KEY, A, timeline.root / "trash" / "a.db")
            new = None
    found = [await found_after(timeline, copy) for copy in camera.copies]
    assert set(map(str, found)) == {str(old), str(new)}
    turned = [str(each) for each in found].index(str(new))
    assert {str(each) for each in found[turned:]} == {str(new)}


async def found_after(timeline: Timeline, root: Path) -> State:
    """What a server finds that is started then; each state before can still be had."""
    after = Timeline(root)
    after.moments = list(timeline.moments)
    path = after.layout.actor_file(KEY, A)
    found = None
    if path.exists():
        database: ActorDatabase = after.database(A)
        database.rows("SELECT 1")
        after.close_actor(A)
        found = state_of_file(path)
    await after.archived()
    assert await after.look_at_all() == []
    assert [path for path in leftovers(after) if not path.startswith("trash")] == []
    after.reopen()
    assert await after.look_at_all() == []
    after.close()
    return found
