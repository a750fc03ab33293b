"""Two stores on one log, by force: the older tells of nothing any more, and changes nothing."""

import threading

import pytest

from perdure.storage.archive.archive import Retention
from perdure.storage.checkpointer import Checkpointer
from perdure.storage.errors import LogTakenOver, OwnershipLost
from perdure.storage.log_seal import seal_log
from perdure.storage.segments import SegmentFile
from perdure.storage.store import Store
from tests.storage.logged import KEY, A, B, Bench, content, one_log, put

pytestmark = one_log  # each test opens the logs that it needs


def take_away_the_lock(bench: Bench) -> None:
    (bench.root / "log" / "0" / "LOCK").unlink()


def open_by_force(bench: Bench) -> Store:
    take_away_the_lock(bench)
    return bench.open()


def run_out(bench: Bench) -> None:
    while not bench.calls.empty():
        bench.calls.get()()


def test_the_older_is_told_before_anything_is_acknowledged(bench: Bench) -> None:
    older = bench.open()
    put(older.database(KEY, A), a=1)
    older.log.wait()
    younger = open_by_force(bench)
    acknowledged: list[int] = []
    database = older.database(KEY, B)
    put(database, b=1)
    database.durability.when_durable(lambda: acknowledged.append(1))
    with pytest.raises(OwnershipLost, match="another process has opened this log"):
        older.log.wait()
    run_out(bench)
    assert acknowledged == []
    assert isinstance(older.failure, LogTakenOver)
    assert [type(failure) for failure in bench.failures] == [LogTakenOver]
    with pytest.raises(OwnershipLost):
        put(older.database(KEY, b"c" * 32), c=1)
    assert younger.failure is None
    put(younger.database(KEY, b"c" * 32), c=2)
    younger.log.wait()
    again = bench.after_crash()
    assert [content(again, actor) for actor in (A, B, b"c" * 32)] == [{"a": 1}, {}, {"c": 2}]


@pytest.mark.parametrize("step", ["append", "sync"])
def test_what_is_on_its_way_when_the_log_is_lost_is_not_acknowledged(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    older = bench.open()
    put(older.database(KEY, A), a=1)
    older.log.wait()
    reached, go_on = threading.Event(), threading.Event()
    real = getattr(SegmentFile, step)

    def held_up(segment: SegmentFile, *data: bytes) -> None:
        reached.set()
        go_on.wait()
        real(segment, *data)

    with monkeypatch.context() as patched:
        patched.setattr(SegmentFile, step, held_up)
        database = older.database(KEY, B)
        acknowledged: list[int] = []
        put(database, b=1)
        database.durability.when_durable(lambda: acknowledged.append(1))
        bench.calls.get()()  # it is handed to the flusher
        reached.wait()
    try:
        younger = open_by_force(bench)
        for number in range(50):
            put(younger.database(KEY, bytes([number]) * 32), n=number)
        younger.log.wait()
    finally:
        go_on.set()
    with pytest.raises(LogTakenOver):
        older.log.wait()
    assert acknowledged == []
    older.close()
    again = bench.after_crash()
    assert content(again, B) == ({"b": 1} if step == "sync" else {}), "all of a turn or nothing"
    assert [content(again, bytes([n]) * 32) for n in range(50)] == [{"n": n} for n in range(50)]


def test_an_older_one_that_writes_nothing_changes_nothing(bench: Bench) -> None:
    """Neither by closing in good order nor by bringing files up to date."""
    older = bench.open()
    put(older.database(KEY, A), a=1)
    older.log.wait()
    younger = open_by_force(bench)
    put(younger.database(KEY, B), b=1)
    younger.log.wait()
    before = (bench.root / "log" / "0" / "CHECKPOINT").read_bytes()
    older.close()
    assert (bench.root / "log" / "0" / "CHECKPOINT").read_bytes() == before
    assert content(bench.after_crash(), B) == {"b": 1}


def test_an_older_one_does_not_shorten_the_log(bench: Bench) -> None:
    older = bench.open()
    put(older.database(KEY, A), a=1)
    older.log.wait()
    open_by_force(bench)
    before = (bench.root / "log" / "0" / "CHECKPOINT").read_bytes()
    older.shorten()
    assert isinstance(older.failure, LogTakenOver)
    assert not older._checkpointer.is_running
    assert (bench.root / "log" / "0" / "CHECKPOINT").read_bytes() == before


def test_a_checkpoint_on_its_way_is_not_written_by_an_older_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = bench.open()
    put(older.database(KEY, A), a=1)
    older.log.wait()
    real = Checkpointer._start_sync
    before: list[bytes] = []

    def start_sync(checkpointer: Checkpointer) -> None:
        open_by_force(bench)
        before.append((bench.root / "log" / "0" / "CHECKPOINT").read_bytes())
        real(checkpointer)

    monkeypatch.setattr(Checkpointer, "_start_sync", start_sync)
    older.shorten()
    bench.run_until(lambda: not older._checkpointer.is_running)
    assert isinstance(older._checkpointer.failure, OwnershipLost)
    assert [(bench.root / "log" / "0" / "CHECKPOINT").read_bytes()] == before


def test_who_seals_a_log_takes_it(bench: Bench) -> None:
    older = bench.open()
    put(older.database(KEY, A), a=1)
    older.log.wait()
    take_away_the_lock(bench)
    seal_log(bench.root / "log" / "0", 0)
    put(older.database(KEY, B), b=1)
    with pytest.raises(LogTakenOver):
        older.log.wait()
    younger = bench.after_crash()
    assert [content(younger, actor) for actor in (A, B)] == [{"a": 1}, {}]


def test_what_the_dead_wrote_last_into_is_not_used_again_by_the_next(bench: Bench) -> None:
    first = bench.open()
    put(first.database(KEY, A), a=1)
    first.log.wait()
    root = bench.copy()
    written = {path.name for path in (root / "log" / "0").glob("*.seg")}
    second = bench.open(root, retention=Retention(days=0))
    put(second.database(KEY, A), a=2)
    second.log.wait()
    used = {segment.path.name for segment in second.log._segments if segment.path is not None}
    assert len(written) == 1
    assert not used & written
    second.close()
    third = bench.open(root, retention=Retention(days=0))
    put(third.database(KEY, A), a=3)
    third.log.wait()
    assert len(list((root / "log" / "0").glob("*.seg"))) == 2, "it was closed in good order"


def test_a_log_that_is_its_owners_is_never_lost(bench: Bench) -> None:
    store = bench.open()
    for number in range(20):
        put(store.database(KEY, bytes([number]) * 32), n=number)
        store.log.wait()
    store.shorten()
    bench.run_until(lambda: store._checkpointer.done == 1)
    assert store.failure is None
