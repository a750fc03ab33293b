"""The log is shortened when all of it is in the files, on the disk, and not before."""

import errno
import logging
from itertools import pairwise

import pytest

from perdure.storage import checkpointer
from perdure.storage.archive.archive import Retention
from perdure.storage.checkpointer import Checkpointer
from perdure.storage.engine import ActorDatabase
from perdure.storage.errors import DatabaseFailed
from perdure.storage.kv import KeyValue
from perdure.storage.store import Store
from tests.failing import fails_with
from tests.storage.logged import KEY, A, B, Bench, content, flusher_asleep, one_log, put


def of(store: Store) -> Checkpointer:
    return store._checkpointer


def finish(bench: Bench, store: Store) -> None:
    """Let the loop run until what was begun is done."""
    before = of(store).done
    bench.run_until(lambda: of(store).done > before or of(store).failure is not None)


def test_the_log_stays_short_however_much_is_written(bench: Bench) -> None:
    store = bench.open(
        segment_size_bytes=20_000, live_size_bytes_max=40_000, retention=Retention(days=0)
    )
    databases = [store.database(KEY, bytes([n]) * 32) for n in range(5)]
    for number in range(400):
        put(databases[number % 5], **{f"key {number % 40}": number})
        if number % 10 == 9:
            store.log.wait()
            bench.run_until(lambda: not of(store).is_running)
    assert of(store).done >= 2
    assert len(list((bench.root / "log" / "0").glob("*.seg"))) <= 5
    again = bench.after_crash()
    for n in range(5):
        found = content(again, bytes([n]) * 32)
        assert found == {f"key {i % 40}": i for i in range(360, 400) if i % 5 == n}


def test_many_small_records_are_reason_enough(bench: Bench) -> None:
    store = bench.open(live_records_max=20)
    database = store.database(KEY, A)
    for number in range(25):
        put(database, n=number)
    store.log.wait()
    finish(bench, store)
    assert of(store).done == 1


def test_a_log_that_was_shortened_is_short(bench: Bench) -> None:
    """Not one checkpoint after the other, until the segment is full some day."""
    store = bench.open(live_records_max=20)
    database = store.database(KEY, A)
    for number in range(100):
        put(database, n=number)
        store.log.wait()
        bench.run_until(lambda: not of(store).is_running)
    assert of(store).done == 4
    assert store.log.live_records <= 21
    again = bench.after_crash()
    assert again.recovered.records <= 21
    assert content(again) == {"n": 99}


def test_records_on_their_way_do_not_keep_a_segment(bench: Bench) -> None:
    store = bench.open(live_records_max=20)
    database = store.database(KEY, A)
    for number in range(25):
        put(database, n=number)
    store.log.wait()
    for number in range(5):
        put(database, n=number)  # while it is being shortened
    store.log.settle()
    bench.run_until(lambda: of(store).done == 1)
    assert store.log.live_records <= 5


def test_records_of_many_actors_are_reason_enough(bench: Bench) -> None:
    """Each costs a recovery a file to be opened, written and closed."""
    store = bench.open(live_actors_max=4)
    for number in range(3):
        for turn in range(3):
            database = store.database(KEY, bytes([number]) * 32)
            put(database, n=turn)
            put(database, m=turn)
            store.log.wait()
            bench.run_until(lambda: not of(store).is_running)
            database.close()
    assert of(store).done == 1, "at the fifth opening that wrote something; one of four is left"
    assert store.log.live_actors == 4


@one_log
def test_recovery_begins_behind_what_was_checkpointed(bench: Bench) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    for number in range(10):
        put(database, n=number)
    store.log.wait()
    store.shorten()
    finish(bench, store)
    put(database, n=10)
    store.log.wait()
    again = bench.after_crash()
    assert again.recovered.records == 1
    assert content(again) == {"n": 10}


def test_an_actor_in_a_transaction_is_waited_for(bench: Bench) -> None:
    store = bench.open()
    first, second = store.database(KEY, A), store.database(KEY, B)
    put(first, a=1)
    put(second, a=1)
    store.log.wait()
    KeyValue(first).put("a", 2)
    store.shorten()
    while not bench.calls.empty():
        bench.calls.get()()
    assert of(store).done == 0
    first.commit()
    KeyValue(first).put("a", 3)  # its next turn brings the file up to date first
    first.commit()
    finish(bench, store)
    assert of(store).done == 1
    store.log.wait()
    assert content(bench.after_crash()) == {"a": 3}


@one_log
def test_the_files_of_actors_that_were_reset_are_brought_up_to_date(bench: Bench) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    with flusher_asleep(store):
        put(database, a=1)
        database.close()  # not durable, so nothing of it may be in the file
    store.log.wait()
    assert store._leftovers
    store.shorten()
    finish(bench, store)
    assert not store._leftovers
    again = bench.after_crash()
    assert again.recovered.records == 0
    assert content(again) == {"a": 1}


def test_after_a_sync_that_failed_the_log_is_kept_for_good(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = bench.open(segment_size_bytes=20_000, live_size_bytes_max=40_000)
    database = store.database(KEY, A)
    put(database, a=1)
    store.log.wait()

    with monkeypatch.context() as patch:
        patch.setattr(checkpointer, "sync_file_system", fails_with(errno.EIO))
        store.shorten()
        with caplog.at_level(logging.ERROR):
            finish(bench, store)
    assert "checkpoint.failed: the commit log grows until this process is started" in caplog.text
    assert store.health().checkpoint_problem == "[Errno 5] Input/output error"
    assert not store.health().is_checkpointing
    caplog.clear()
    for number in range(300):
        put(database, n="x" * 100 + str(number))
        store.log.wait()
    size = store.log.live_size_bytes
    warned = [record.__dict__["live_size_bytes"] for record in caplog.records]
    # Again whenever it has grown by so much again.
    assert len(warned) == size // 40_000 - 1
    assert all(more - less >= 40_000 for less, more in pairwise(warned))
    store.shorten()
    assert of(store).done == 0
    store.close()
    assert content(bench.open()) == {"a": 1, "n": "x" * 100 + "299"}
    assert bench.stores[-1].recovered.records == 301


def test_a_file_that_cannot_be_written_is_tried_again_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import apsw

    from perdure.storage.journal import Journal

    store = bench.open()
    database = store.database(KEY, A)
    put(database, a=1)
    store.log.wait()

    def full(*_: object) -> bool:
        raise apsw.FullError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "checkpoint", full)
        with caplog.at_level(logging.ERROR):
            store.shorten()
    assert "disk is full" in str(caplog.records[0].__dict__["cause"])
    assert of(store).failure is None
    health = store.health()
    assert "database or disk is full" in (health.checkpoint_problem or "")
    assert (health.is_checkpointing, health.is_degraded) == (True, True)
    put(database, a=2)  # the actor goes on
    store.log.wait()
    store.shorten()
    finish(bench, store)
    assert of(store).done == 1
    assert not store.health().is_degraded


@pytest.mark.parametrize("problem", ["the disk", "damage"])
def test_a_file_that_cannot_be_tidied_up_is_tried_again_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, problem: str
) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    with flusher_asleep(store):
        put(database, a=1)
        database.close()
    store.log.wait()
    error = {
        "the disk": OSError(errno.EIO, "Input/output error"),
        "damage": DatabaseFailed(database.path, "no memory", code="SQLITE_NOMEM"),
    }[problem]

    def fails(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(ActorDatabase, "rows", fails)
        store.shorten()
    assert "checkpoint.failed" in caplog.text
    store.shorten()
    finish(bench, store)
    assert content(bench.after_crash()) == {"a": 1}


@one_log
def test_an_actor_whose_file_is_damaged_does_not_keep_the_log(bench: Bench) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    put(database, a=1, b="old")
    store.log.wait()
    assert database.checkpoint()
    put(database, b="middle")
    store.log.wait()
    with flusher_asleep(store):
        put(database, b="new")
        database.close()  # not durable: the file lacks it
        with database.path.open("r+b") as file:
            file.write(b"no header of SQLite's")
        store.shorten()
        while not bench.calls.empty():
            bench.calls.get()()
        assert of(store).is_running
        assert b"new" not in database.path.read_bytes()
    store.log.wait()
    finish(bench, store)
    assert not store._leftovers
    assert not database.path.with_name(database.path.name + "-wal").exists()
    data = database.path.read_bytes()
    assert data.startswith(b"no header")
    assert b"new" in data  # all that the log had is there, for who mends the header
    assert bench.after_crash().recovered.records == 1  # the one that came after it had begun
