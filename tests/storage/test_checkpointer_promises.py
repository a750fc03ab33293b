"""What the checkpointer keeps of the log while something is not in the files on the disk."""

from pathlib import Path
from queue import SimpleQueue

import pytest

from perdure.storage import checkpointer
from perdure.storage.archive.archive import Retention
from perdure.storage.durable_files import sync_file_system
from perdure.storage.kv import KeyValue
from tests.storage.logged import KEY, A, Bench, content, flusher_asleep, put


def test_no_segment_is_used_again_before_checkpoint_says_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = bench.open(segment_size_bytes=20_000, retention=Retention(days=0))
    database = store.database(KEY, A)
    for number in range(100):
        put(database, n="x" * 400 + str(number))
    store.log.wait()
    held: SimpleQueue[None] = SimpleQueue()

    def slow(path: Path) -> None:
        held.get(timeout=30)
        sync_file_system(path)

    monkeypatch.setattr(checkpointer, "sync_file_system", slow)
    store.shorten()
    for number in range(100, 200):
        put(database, n="x" * 400 + str(number))
    store.log.wait()
    try:
        again = bench.after_crash()
        assert content(again) == {"n": "x" * 400 + "199"}
        assert again.recovered.records == 200 + bench.records_elsewhere
    finally:
        held.put(None)
    bench.run_until(lambda: store._checkpointer.done == 1)


def test_a_closed_file_that_lacks_something_keeps_the_log(bench: Bench) -> None:
    """Its last commit is not durable, so that nothing of it may be put into the file yet."""
    store = bench.open()
    database = store.database(KEY, A)
    put(database, a=1)
    store.log.wait()
    with flusher_asleep(store):
        put(database, b=2)
        database.close()
        store.shorten()
        while not bench.calls.empty():
            bench.calls.get()()
        store._checkpointer.wait()
        assert content(bench.after_crash()) == {"a": 1}
    store.log.wait()
    bench.run_until(lambda: store._checkpointer.done == 1)
    again = bench.after_crash()
    assert content(again) == {"a": 1, "b": 2}


def test_a_file_that_is_in_the_middle_of_a_turn_keeps_the_log(bench: Bench) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    put(database, a=1)
    store.log.wait()
    KeyValue(database).put("a", 2)
    store.shorten()
    store._checkpointer.wait()
    assert content(bench.after_crash()) == {"a": 1}
