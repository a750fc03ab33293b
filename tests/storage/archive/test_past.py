"""States of the past, made of what is in the archive, in the log, and of what is missing."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from perdure.storage.archive import archive, past, spans
from perdure.storage.archive.copies import Snapshot, take_out
from perdure.storage.archive.known import Known
from perdure.storage.archive.past import index_path
from perdure.storage.archive.spans import read_records, read_spans
from perdure.storage.errors import ArchiveDamaged, HistoryUnavailable
from perdure.storage.logformat import RecordKind
from tests.storage.timeline import KEY, A, B, Timeline


@pytest.fixture
async def timeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Timeline]:
    """Two actors whose records are in several files of the archive, and in the log."""
    monkeypatch.setattr(archive, "READ_SIZE_BYTES", 8000)
    monkeypatch.setattr(spans, "_SPAN_SIZE_BYTES_MAX", 4000)
    timeline = Timeline(tmp_path / "data")
    for _ in range(3):
        await write(timeline)
        timeline.reopen()
    await timeline.archived()
    await write(timeline)
    yield timeline
    timeline.close()


async def write(timeline: Timeline, count: int = 60) -> None:
    for number in range(count):
        timeline.now_ms += 10
        timeline.put(A, **{f"k{number % 7}": "x" * (number * 37 % 500)})
        timeline.insert(B, f"row {timeline.now_ms}")
        if number % 10 == 0:
            timeline.store.settle()
    timeline.store.settle()


def files_of(timeline: Timeline) -> list[Path]:
    return sorted((timeline.layout.archive_dir / "0").glob("*.arc"))


async def test_every_state_is_what_it_was_wherever_its_records_are(timeline: Timeline) -> None:
    assert len(files_of(timeline)) >= 3
    assert list(timeline.layout.archive_dir.glob("snapshots/*/*/*.db"))
    assert await timeline.look_at_all() == []


async def test_times_are_found_in_the_archive_and_in_the_log(timeline: Timeline) -> None:
    for moment in timeline.moments[1::29]:
        found = await timeline.store.history.at_time(KEY, moment.actor, moment.time_ms)
        assert await timeline.build(moment.actor, found) == moment.state


async def test_the_newest_records_come_from_the_log_first(timeline: Timeline) -> None:
    made = [moment.bookmark for moment in timeline.moments if moment.actor == A]
    for limit in (1, 10, 70, 1000):
        found = await timeline.store.history.entries(KEY, A, limit)
        assert [entry.bookmark for entry in found] == made[::-1][:limit]


async def test_a_lost_file_is_a_gap_and_nothing_is_guessed_across_it(timeline: Timeline) -> None:
    lost = files_of(timeline)[1]
    first, last = (int(part, 16) for part in lost.stem.split("-"))
    timeline.close()
    lost.unlink()
    timeline.store = timeline._open()
    await timeline.archived()
    gone = await timeline.look_at_all()
    # The log's numbers are the commits' here; the last one before the gap stands for all of it.
    for moment in timeline.moments:
        if moment.bookmark.commit < first:
            assert moment not in gone
        elif moment.bookmark.commit < last:
            assert moment in gone
    await write(timeline, 5)  # and there is a past again
    timeline.reopen()
    await timeline.archived()
    before = len(timeline.moments)
    await write(timeline, 5)
    assert not [moment for moment in timeline.moments[before:] if not await timeline.look(moment)]


async def test_a_time_in_a_gap_is_not_answered(timeline: Timeline) -> None:
    lost = files_of(timeline)[1]
    first, last = (int(part, 16) for part in lost.stem.split("-"))
    in_it = next(each for each in timeline.moments if each.bookmark.commit == (first + last) // 2)
    timeline.close()
    lost.unlink()
    timeline.store = timeline._open()
    await timeline.archived()
    with pytest.raises(HistoryUnavailable, match="missing"):
        await timeline.store.history.at_time(KEY, in_it.actor, in_it.time_ms)


async def test_of_a_damaged_file_only_what_needs_the_damage_is_lost(timeline: Timeline) -> None:
    path = files_of(timeline)[1]
    data = bytearray(path.read_bytes())
    data[-20] ^= 1  # in the last span
    path.write_bytes(data)
    told = []
    for moment in timeline.moments:
        try:
            assert await timeline.look(moment)
        except ArchiveDamaged as error:
            told.append(error.path)
    assert set(told) == {path}
    assert len(told) < len(timeline.moments) / 2


async def test_a_damaged_copy_is_done_without_if_that_can_be(timeline: Timeline) -> None:
    for path in timeline.layout.archive_dir.glob("snapshots/*/*/*.db"):
        data = bytearray(path.read_bytes())
        data[-3000] ^= 1
        path.write_bytes(data)
    assert await timeline.look_at_all() == []  # from the beginning, which is there


async def test_a_copy_that_is_gone_while_nobody_looks_is_told(timeline: Timeline) -> None:
    for path in files_of(timeline):
        path.unlink()
    moment = timeline.moments[-1]
    with pytest.raises(ArchiveDamaged, match="not there any more"):
        for each in timeline.moments:
            await timeline.look(each)
    assert moment.actor == B


async def test_without_its_index_an_archive_is_not_taken_for_empty(timeline: Timeline) -> None:
    path, told = index_path(timeline.layout.archive_dir), ""
    while not told:
        path.rename(timeline.root / "elsewhere")
        try:
            await timeline.build(A, timeline.moments[0].bookmark)
        except HistoryUnavailable as error:
            told = str(error)
        else:
            assert path.exists(), "the archiver has had something to add, and made it anew"
    assert "made anew" in told
    (timeline.root / "elsewhere").rename(path)


async def test_to_make_a_state_reads_at_most_twice_what_the_actor_takes_and_a_bit(
    timeline: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    def count_copy(root: Path, snapshot: Snapshot, target: Path) -> None:
        read.append(snapshot.size_bytes)
        take_out(root, snapshot, target)

    def count_span(path: Path, position: int) -> object:
        # The file's own word: the archiver, in its thread, may have added to the index since.
        sizes = {span.position: span.stored_size_bytes for span in read_spans(path)}
        read.append(sizes[position])
        return read_records(path, position)

    await timeline.archived()
    monkeypatch.setattr(past, "take_out", count_copy)
    monkeypatch.setattr(past, "read_records", count_span)
    target = timeline.root / "built.db"
    for moment in timeline.moments:
        read.clear()
        await timeline.store.history.build(KEY, moment.actor, moment.bookmark, target)
        assert sum(read) <= 2 * target.stat().st_size + 8000


async def test_a_copy_that_moves_while_it_is_looked_at_is_looked_for_again(
    timeline: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    record: Any = SimpleNamespace(order=(1, 3), change=SimpleNamespace(images=b"ab" * 16))
    known = Known(tail=[record])
    record.change.kind = RecordKind.REPLACED
    there = timeline.layout.archive_dir / past.PENDING / "0" / f"{'ab' * 16}.db"
    there.parent.mkdir(parents=True, exist_ok=True)
    there.write_bytes(b"copy")
    looked: Any = timeline.store.history._past
    assert looked._add_pending(known)
    assert [(each.order, each.size_bytes) for each in known.snapshots] == [((1, 3), 4)]
    known.snapshots.clear()
    monkeypatch.setattr(Path, "glob", lambda folder, _: iter([folder / "gone.db"]))
    assert not looked._add_pending(known), "and what the index says is read again"
    assert known.snapshots == []
