"""Taking segments in, keeping copies, letting go, and being killed meanwhile."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from perdure.storage.archive import archive as archive_module
from perdure.storage.archive import spans
from perdure.storage.archive.archive import DAY_MS, Archive, Retention
from perdure.storage.archive.copies import Snapshot
from perdure.storage.archive.index import Actor, ArchiveFile, ArchiveIndex
from perdure.storage.archive.past import Past, index_path
from perdure.storage.errors import HistoryUnavailable, LogCorrupt
from perdure.storage.layout import Layout
from perdure.storage.log_tail import read_tail
from perdure.storage.segments import find_segments
from perdure.storage.sql import Sql
from perdure.storage.store import StoreOptions
from tests.storage.timeline import KEY, A, B, C, Timeline, until


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture(autouse=True)
def small_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_module, "READ_SIZE_BYTES", 8000)
    monkeypatch.setattr(spans, "_SPAN_SIZE_BYTES_MAX", 4000)


@pytest.fixture
async def timeline(tmp_path: Path) -> AsyncIterator[Timeline]:
    timeline = Timeline(tmp_path / "data", days=1.0)
    yield timeline
    timeline.close()


async def write(timeline: Timeline, *actors: bytes, count: int = 40) -> None:
    for number in range(count):
        timeline.now_ms += 10
        for actor in actors:
            timeline.put(actor, **{f"k{number % 5}": "x" * (number * 31 % 400)})
        if number % 10 == 0:
            timeline.store.settle()
    timeline.store.settle()


async def archive_all(timeline: Timeline) -> None:
    """Have all that was written until now in the archive."""
    timeline.reopen()
    await timeline.archived()


def index_of(timeline: Timeline) -> ArchiveIndex:
    return ArchiveIndex(index_path(timeline.layout.archive_dir), read_only=True)


def names(timeline: Timeline, pattern: str) -> list[str]:
    return sorted(path.name for path in timeline.layout.archive_dir.glob(pattern))


async def test_what_is_old_goes_but_nothing_that_a_younger_state_needs(timeline: Timeline) -> None:
    await write(timeline, A, B)
    await archive_all(timeline)
    timeline.now_ms += 18 * DAY_MS // 24
    await write(timeline, A)
    await archive_all(timeline)
    old = names(timeline, "*/*.arc")
    timeline.now_ms += 18 * DAY_MS // 24
    await write(timeline, A, B, count=3)
    await archive_all(timeline)
    assert not set(old) <= set(names(timeline, "*/*.arc"))
    gone = await timeline.look_at_all()
    assert gone
    assert [moment for moment in gone if moment in timeline.kept] == []
    assert await timeline.look(timeline.moments[-1])


async def test_the_state_at_the_horizon_can_be_had_of_who_was_quiet_ever_since(
    timeline: Timeline,
) -> None:
    await write(timeline, B, count=5)
    last = timeline.states[B]
    await archive_all(timeline)
    timeline.now_ms += 3 * DAY_MS
    await write(timeline, A, count=5)
    await archive_all(timeline)
    then = await timeline.store.history.at_time(KEY, B, timeline.now_ms - 10)
    assert await timeline.build(B, then) == last
    await write(timeline, B, count=5)
    assert await timeline.build(B, then) == last
    with pytest.raises(HistoryUnavailable):
        await timeline.store.history.at_time(KEY, B, timeline.now_ms - 4 * DAY_MS)


async def test_copies_of_actors_that_were_deleted_go(timeline: Timeline) -> None:
    await write(timeline, A, B, count=250)
    await archive_all(timeline)
    assert names(timeline, "snapshots/*/*/*.db")
    await timeline.delete(A)
    await timeline.delete(B)
    await archive_all(timeline)
    timeline.now_ms += 2 * DAY_MS
    await write(timeline, C, count=3)
    await archive_all(timeline)
    assert names(timeline, "snapshots/*/*/6[12]*.db") == []


async def fill(timeline: Timeline, *actors: bytes, count: int = 40) -> None:
    """As ``write``, with what cannot be compressed."""
    for number in range(count):
        for actor in actors:
            timeline.put(actor, **{f"k{number % 5}": os.urandom(300)})
        if number % 10 == 0:
            timeline.store.settle()
    timeline.store.settle()


async def test_no_more_is_kept_than_there_is_room_for(tmp_path: Path) -> None:
    timeline = Timeline(tmp_path / "data", archive_size_bytes_max=150_000)
    for _ in range(6):
        await fill(timeline, A, B)
        await archive_all(timeline)
        with closing(index_of(timeline)) as index:
            assert index.size_bytes() <= 150_000
    gone = await timeline.look_at_all()
    assert gone
    assert timeline.moments[-1] not in gone
    assert set(map(id, gone)) <= set(map(id, timeline.moments[: len(timeline.moments) * 3 // 4]))
    timeline.close()


async def test_where_there_is_no_room_even_for_copies_the_oldest_go(tmp_path: Path) -> None:
    timeline = Timeline(tmp_path / "data", archive_size_bytes_max=30_000)
    for _ in range(3):
        await fill(timeline, A, B)
        await archive_all(timeline)
        with closing(index_of(timeline)) as index:
            assert index.size_bytes() <= 30_000
    assert await timeline.look_at_all()  # and none of the others is wrong
    timeline.close()


async def test_behind_damage_an_actor_gets_a_new_copy(timeline: Timeline) -> None:
    await fill(timeline, A, count=10)
    await archive_all(timeline)
    (path,) = (timeline.layout.archive_dir / "0").glob("*.arc")
    data = bytearray(path.read_bytes())
    data[-50] ^= 1
    path.write_bytes(data)
    await fill(timeline, A, count=40)
    await archive_all(timeline)
    since = len(timeline.moments)
    await fill(timeline, A, count=10)
    await archive_all(timeline)
    assert [await timeline.look(moment) for moment in timeline.moments[since:]] == [True] * 10


async def oldest_copy_and_files(timeline: Timeline) -> tuple[Snapshot, list[ArchiveFile]]:
    """Of an actor whose first records are gone with their age, and only a copy stands for them."""
    await fill(timeline, A)
    await archive_all(timeline)
    timeline.now_ms += 3 * DAY_MS
    for _ in range(2):
        await fill(timeline, A, count=10)
        await archive_all(timeline)
    with closing(index_of(timeline)) as index:
        return index.snapshots((KEY, A))[0], index.files()


async def test_a_lost_first_file_takes_the_copies_from_before_its_records_along(
    timeline: Timeline,
) -> None:
    """Else they would be taken for what later records are to be applied to."""
    copy, files = await oldest_copy_and_files(timeline)
    assert copy.order < files[0].first
    timeline.close()
    (timeline.layout.archive_dir / files[0].name).unlink()
    timeline.store = timeline._open()
    await timeline.archived()
    assert not (timeline.layout.archive_dir / copy.name).exists()
    assert await timeline.look_at_all()  # and none of the others is wrong


async def test_a_damaged_first_file_takes_all_older_copies_along(timeline: Timeline) -> None:
    copy, files = await oldest_copy_and_files(timeline)
    timeline.close()
    path = timeline.layout.archive_dir / files[0].name
    path.write_bytes(path.read_bytes()[:16])
    index_path(timeline.layout.archive_dir).unlink()
    stranger = path.parent.parent / "snapshots" / "x" / "ab" / "notes.db"
    stranger.parent.mkdir(parents=True)
    stranger.write_bytes(b"")
    timeline.store = timeline._open()
    await timeline.archived()
    assert not (timeline.layout.archive_dir / copy.name).exists()
    assert stranger.exists()
    await timeline.look_at_all()  # none of them is wrong


async def test_an_actor_from_before_the_archive_has_a_past_from_its_first_copy_on(
    tmp_path: Path,
) -> None:
    timeline = Timeline(tmp_path / "data", days=0)
    for _ in range(4):  # so much that the log has gone round
        await write(timeline, A, B, count=60)
        timeline.store.shorten()
        await until(lambda: not timeline.store._checkpointer.is_running)
    timeline.close()
    timeline.days = 30
    timeline.store = timeline._open()
    await timeline.archived()
    begun = len(timeline.moments)
    for _ in range(3):  # A is written while it is copied
        await write(timeline, A, count=60)
        await timeline.archived()
    await archive_all(timeline)
    copied = len(timeline.moments)
    await write(timeline, A, B)
    await archive_all(timeline)
    gone = await timeline.look_at_all()
    assert timeline.moments[0] in gone
    assert not [moment for moment in timeline.moments[copied:] if moment in gone]
    assert begun < copied


async def test_while_the_archive_is_off_a_part_of_the_past_is_lost_and_said_to_be(
    timeline: Timeline,
) -> None:
    await write(timeline, A, B)
    await archive_all(timeline)
    timeline.close()
    timeline.days = 0
    timeline.store = timeline._open()
    for _ in range(4):
        await write(timeline, A, B, count=60)
        timeline.store.shorten()
        await until(lambda: not timeline.store._checkpointer.is_running)
    timeline.close()
    timeline.days = 30
    timeline.store = timeline._open()
    await write(timeline, A, B)
    await archive_all(timeline)
    since = len(timeline.moments)
    await write(timeline, A, B)
    await archive_all(timeline)
    gone = await timeline.look_at_all()
    assert gone
    assert not [each for each in gone if each in timeline.moments[:10] + timeline.moments[since:]]


@pytest.mark.parametrize("damage", ["thrown away", "overwritten", "half of it", "empty"])
async def test_its_index_is_made_anew_and_says_the_same(timeline: Timeline, damage: str) -> None:
    await write(timeline, A, B, count=80)
    await archive_all(timeline)
    with closing(index_of(timeline)) as index:
        before = sorted(map(str, [*index.files(), *index.spans((KEY, A)), *index.all_snapshots()]))
    timeline.close()
    path = index_path(timeline.layout.archive_dir)
    if damage == "thrown away":
        path.unlink()
    elif damage == "overwritten":
        path.write_bytes(os.urandom(8192))
    elif damage == "half of it":
        os.truncate(path, path.stat().st_size // 2)
    else:
        path.write_bytes(b"")
    timeline.store = timeline._open()
    await timeline.archived()
    with closing(index_of(timeline)) as index:
        found = [*index.files(), *index.spans((KEY, A)), *index.all_snapshots()]
    assert set(before) <= set(map(str, found))
    assert await timeline.look_at_all() == []


async def test_a_namespace_too_long_for_a_file_name_is_found_again(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    past = Past(layout.archive_dir, layout.logs_dir, dict)
    name = "n" * 300
    root = layout.archive_dir
    with closing(Archive(root, "0", past, layout.actor_file, Retention())) as archive:
        (tmp_path / "draft").write_bytes(b"content")
        copy = archive.add_copy((name, A), (1, 5), tmp_path / "draft")
    index_path(root).unlink()
    with closing(Archive(root, "0", past, layout.actor_file, Retention())) as archive:
        assert archive.size_bytes == 0  # of whom this is, no record says
    assert (root / copy.name).exists()


async def test_damage_that_is_found_with_a_new_index_costs_that_file(timeline: Timeline) -> None:
    for _ in range(3):
        await write(timeline, A, B)
        await archive_all(timeline)
    timeline.close()
    first = min((timeline.layout.archive_dir / "0").glob("*.arc"))
    first.write_bytes(first.read_bytes()[:-5])
    index_path(timeline.layout.archive_dir).unlink()
    timeline.store = timeline._open()
    await timeline.archived()
    assert first.with_suffix(".damaged").exists()
    gone = await timeline.look_at_all()  # and none of the others is wrong
    assert timeline.moments[0] in gone


async def test_copies_that_are_missing_are_done_without(timeline: Timeline) -> None:
    await write(timeline, A, B, count=80)
    await archive_all(timeline)
    timeline.close()
    for path in timeline.layout.archive_dir.glob("snapshots/*/*/*.db"):
        path.unlink()
    timeline.store = timeline._open()
    await archive_all(timeline)
    assert await timeline.look_at_all() == []


STEPS = ["fsync", "replace", "link", "unlink"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("count", range(0, 12, 2))
async def test_killed_anywhere_while_it_takes_a_segment_in_or_expires(
    timeline: Timeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, count: int
) -> None:
    await write(timeline, A, B, count=50)
    await archive_all(timeline)
    timeline.now_ms += 2 * DAY_MS
    await write(timeline, A, count=50)
    timeline.close()
    segments = [each for each in find_segments(timeline.layout.log_dir("0")) if each.header]
    last_lsn = read_tail(timeline.layout.log_dir("0"), (KEY, A)).records[-1].lsn
    past = Past(timeline.layout.archive_dir, timeline.layout.logs_dir, lambda: {"0": last_lsn})
    left = [count]
    real = getattr(os, step)

    def kill(*values: object, **named: object) -> object:
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        return real(*values, **named)

    root, retention = timeline.layout.archive_dir, Retention(1.0)
    archive = Archive(root, "0", past, timeline.layout.actor_file, retention)
    monkeypatch.setattr(os, step, kill)
    try:
        for place, segment in enumerate(segments):
            assert segment.header is not None
            is_last = place == len(segments) - 1
            end = last_lsn if is_last else segments[place + 1].header.first_lsn - 1  # type: ignore[union-attr]
            archive.take(segment.path, segment.header, end, lambda: None)
        archive.expire(timeline.now_ms)
    except Killed:
        pass
    finally:
        monkeypatch.undo()
        archive.close()
    shutil.copytree(timeline.root, tmp_path / "after")
    timeline.root = tmp_path / "after"
    timeline.layout = Layout(timeline.root)
    timeline.store = timeline._open()
    await timeline.archived()
    assert [each for each in await timeline.look_at_all() if each in timeline.kept] == []
    assert names(timeline, "*/*.new") == []
    assert names(timeline, "draft*") == []


async def test_a_copy_is_durable_before_it_is_known_and_known_before_its_draft_goes(
    timeline: Timeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = tmp_path / "draft.db"
    draft.write_bytes(b"content" * 1000)
    past = Past(timeline.layout.archive_dir, timeline.layout.logs_dir, dict)
    root = tmp_path / "archive"
    steps: list[str] = []
    add = ArchiveIndex.add_snapshot

    def note(what: str) -> None:
        steps.append(what if draft.exists() else f"{what} without its draft")

    def know(index: ArchiveIndex, actor: Actor, snapshot: Snapshot) -> None:
        assert (root / snapshot.name).exists()
        note("known")
        add(index, actor, snapshot)

    def sync_directory(path: Path) -> None:
        note(f"synced {len(list(path.iterdir()))} name")

    with closing(Archive(root, "0", past, timeline.layout.actor_file, Retention())) as archive:
        monkeypatch.setattr(ArchiveIndex, "add_snapshot", know)
        monkeypatch.setattr(archive_module, "sync_file", lambda path: note(f"synced {path.name}"))
        monkeypatch.setattr(archive_module, "sync_directory", sync_directory)
        archive.add_copy((KEY, A), (1, 5), draft)
    assert steps == ["synced draft.db", "synced 1 name", "known"]
    assert not draft.exists()


async def test_of_a_damaged_segment_what_is_before_the_damage_is_kept(timeline: Timeline) -> None:
    await write(timeline, A, count=30)
    timeline.close()
    first = find_segments(timeline.layout.log_dir("0"))[0]
    assert first.header is not None
    records = read_tail(timeline.layout.log_dir("0"), (KEY, A)).records[:10]
    data = bytearray(first.path.read_bytes())
    data[8192 + sum(record.size for record in records) + 50] ^= 1
    first.path.write_bytes(data)
    past = Past(timeline.layout.archive_dir, timeline.layout.logs_dir, dict)
    root = timeline.layout.archive_dir
    shutil.rmtree(root, ignore_errors=True)
    with closing(Archive(root, "0", past, timeline.layout.actor_file, Retention())) as archive:
        with pytest.raises(LogCorrupt):
            archive.take(first.path, first.header, 20, lambda: None)
        assert archive.last_lsn == 10


async def test_little_is_written_for_an_append(tmp_path: Path) -> None:
    """Rows of 100 random bytes; files and copies together."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archive_module, "READ_SIZE_BYTES", 2**20)
        patch.setattr(spans, "_SPAN_SIZE_BYTES_MAX", 2**20)
        options = StoreOptions()
        timeline = Timeline(
            tmp_path / "data",
            segment_size_bytes=2**20,
            live_size_bytes_max=options.live_size_bytes_max,
        )
        database, rows = timeline.database(A), 4000
        database.rows("SELECT 1")
        for number in range(rows):
            timeline.states[A] = None
            append(timeline, os.urandom(50).hex())
            if number % 500 == 0:
                timeline.store.settle()
        timeline.reopen()
        await timeline.archived()
        with closing(index_of(timeline)) as index:
            assert index.size_bytes() / rows <= 600
        timeline.close()


def append(timeline: Timeline, text: str) -> None:
    sql = Sql(timeline.database(A))
    sql.exec("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, a)")
    sql.exec("INSERT INTO t (a) VALUES (?)", text)
    timeline.database(A).commit()
