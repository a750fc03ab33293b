"""Bookmarks, and the states they stand for, of a store that is in use."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from perdure.storage.bookmark import Bookmark
from perdure.storage.errors import HistoryUnavailable, InvalidBookmark
from perdure.storage.logformat import RecordKind
from tests.storage.timeline import KEY, A, B, Timeline


@pytest.fixture
async def timeline(tmp_path: Path) -> AsyncIterator[Timeline]:
    timeline = Timeline(tmp_path / "data")
    yield timeline
    timeline.close()


async def test_a_bookmark_stands_for_all_that_was_committed_before_it(timeline: Timeline) -> None:
    for number in range(5):
        timeline.put(A, **{f"k{number}": number})
        timeline.put(B, other=number)
    assert await timeline.look_at_all() == []
    texts = [str(moment.bookmark) for moment in timeline.moments]
    assert texts == sorted(texts)


async def test_what_was_committed_in_this_moment_counts(timeline: Timeline) -> None:
    bookmark = timeline.put(A, key=1)
    assert timeline.store.log.durable_lsn < timeline.store.log.appended_lsn
    assert await timeline.build(A, bookmark) == timeline.states[A]


async def test_before_its_first_commit_an_actor_had_no_file(timeline: Timeline) -> None:
    before = timeline.store.history.current(KEY, A)
    timeline.put(A, key=1)
    assert await timeline.build(A, before) is None
    await timeline.store.history.check(KEY, A, before)


async def test_times_are_found_between_commits_and_at_them(timeline: Timeline) -> None:
    history = timeline.store.history
    marks = []
    for _ in range(4):
        timeline.now_ms += 1000
        marks.append(timeline.put(A, now=timeline.now_ms))
    first_ms = timeline.now_ms - 3000
    assert await history.at_time(KEY, A, first_ms + 1000) == marks[1]
    assert await history.at_time(KEY, A, first_ms + 1999) == marks[1]
    assert await history.at_time(KEY, A, first_ms + 10**9) == marks[3]
    earlier = await history.at_time(KEY, A, first_ms - 1)
    assert earlier < marks[0]
    assert await timeline.build(A, earlier) is None
    with pytest.raises(HistoryUnavailable, match="nothing is kept"):
        await history.at_time(KEY, B, first_ms)


async def test_the_last_commits_are_listed_the_newest_first(timeline: Timeline) -> None:
    marks = [timeline.put(A, key=number) for number in range(4)]
    timeline.put(B, key=0)
    found = await timeline.store.history.entries(KEY, A, 3)
    assert [entry.bookmark for entry in found] == marks[:0:-1]
    assert {entry.kind for entry in found} == {RecordKind.COMMIT}
    assert [entry.time_ms for entry in found] == [timeline.now_ms] * 3
    assert all(entry.size_bytes > 100 for entry in found)
    everything = await timeline.store.history.entries(KEY, A)
    assert [entry.kind for entry in everything][-1] is RecordKind.CREATE


@pytest.mark.parametrize("what", ["check", "build"])
async def test_a_state_that_is_still_to_come_cannot_be_had(timeline: Timeline, what: str) -> None:
    timeline.put(A, key=1)
    to_come = Bookmark.of(KEY, A, 1, 10_000)
    with pytest.raises(HistoryUnavailable, match="still to come"):
        if what == "check":
            await timeline.store.history.check(KEY, A, to_come)
        else:
            await timeline.build(A, to_come)


async def test_another_actors_bookmark_is_refused(timeline: Timeline) -> None:
    bookmark = timeline.put(A, key=1)
    timeline.put(B, key=1)
    with pytest.raises(InvalidBookmark):
        await timeline.store.history.check(KEY, B, bookmark)
