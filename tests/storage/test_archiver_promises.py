"""A segment is kept until the archive has what it holds."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from perdure.storage.archive.archive import Archive
from perdure.storage.engine import ActorDatabase
from perdure.storage.kv import KeyValue
from perdure.storage.logformat import SegmentHeader
from perdure.storage.store import Store
from tests.storage.logged import KEY, A, Bench, put

COMMITS = 300


def archive_rests(store: Store) -> None:
    done = threading.Event()
    assert store._archiver is not None
    store._archiver.do(lambda _: done.set())
    assert done.wait(timeout=20)


def test_no_segment_is_used_again_before_the_archive_has_it(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = bench.open(segment_size_bytes=20_000)
    go_on = threading.Event()
    take = Archive.take

    def slow(
        self: Archive,
        segment: Path,
        header: SegmentHeader,
        last_lsn: int,
        pause: Callable[[], None],
    ) -> None:
        assert go_on.wait(timeout=20)
        take(self, segment, header, last_lsn, pause)

    monkeypatch.setattr(Archive, "take", slow)
    database = store.database(KEY, A)
    for number in range(COMMITS):
        put(database, n="x" * 400 + str(number))
        if number % 50 == 49:  # all that was written until here is not needed by a recovery
            store.log.wait()
            store.shorten()
            done = store._checkpointer.done
            store._checkpointer.wait()
            bench.run_until(lambda done=done: store._checkpointer.done > done)  # type: ignore[misc]  # mypy has no type for a default
    go_on.set()
    store.log.wait()
    archive_rests(store)
    incarnation, last = store.log.incarnation, store.log.last_commit
    for back in (0, 1, COMMITS // 2, COMMITS - 1):
        target = tmp_path / f"{back}.db"
        assert store._past.build((KEY, A), (incarnation, last - back), target)
        past = ActorDatabase(target)
        assert KeyValue(past).list() == {"n": "x" * 400 + str(COMMITS - 1 - back)}
        past.close()
