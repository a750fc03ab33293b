"""Actors change from one log to another: nothing of theirs is lost, doubled, or served twice."""

import errno
import os
import pickle
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from perdure.storage import checkpointer, durable_files, moves, recovery
from perdure.storage import store as store_module
from perdure.storage.archive.archive import Retention
from perdure.storage.engine import ActorDatabase
from perdure.storage.errors import (
    DatabaseFailed,
    DirectoryInUse,
    InternalError,
    OwnershipLost,
    StorageBroken,
    StorageError,
)
from perdure.storage.kv import KeyValue
from perdure.storage.logformat import ALARM_UNCHANGED, NO_ALARM
from perdure.storage.marks import Marks
from perdure.storage.metadata import Metadata
from perdure.storage.moves import Move
from perdure.storage.store import Store
from tests.failing import fails_with
from tests.storage.logged import KEY, A, B, Bench, content, flusher_asleep, one_log, put

# What every actor has before it is moved, and what it is written afterwards.
BEFORE: dict[str, object] = {"a": 1, "text": "x" * 10_000}

pytestmark = one_log  # each test opens the logs that it needs


def test_an_actor_goes_on_where_it_was(bench: Bench) -> None:
    first, second, _ = bench.open_all()
    database = first.database(KEY, A)
    put(database, **BEFORE)
    database.close()
    bench.move(first, second)
    assert content(second) == BEFORE
    put(second.database(KEY, A), a=2)
    second.log.wait()
    (again, *_) = bench.open_all(root=bench.copy())
    assert content(again) == BEFORE | {"a": 2}


def test_the_store_it_left_has_its_database_no_more(bench: Bench) -> None:
    first, second, _ = bench.open_all()
    old = first.database(KEY, A)
    put(old, a=1)
    old.close()
    bench.move(first, second)
    with pytest.raises(OwnershipLost, match="handed over"):
        first.database(KEY, A)
    with pytest.raises(OwnershipLost, match="already"):
        bench.do(first.moves.hand_over(KEY, A))
    with pytest.raises(InternalError, match="after it was closed"):
        put(old, a=2)
    put(first.database(KEY, B), b=1)  # others are still there
    bench.move(second, first)
    assert content(first) == {"a": 1}
    with pytest.raises(OwnershipLost):
        second.database(KEY, A)


def test_an_actor_that_is_in_use_is_not_handed_over(bench: Bench) -> None:
    first, _, _ = bench.open_all()
    database = first.database(KEY, A)  # it is not even open yet
    with pytest.raises(InternalError, match="not closed"):
        bench.do(first.moves.hand_over(KEY, A))
    put(database, a=1)
    with pytest.raises(InternalError, match="not closed"):
        bench.do(first.moves.hand_over(KEY, A))
    with pytest.raises(InternalError, match="not closed"):
        first.database(KEY, A)
    put(database, a=2)
    database.close()
    bench.do(first.moves.hand_over(KEY, A))


def test_nobody_gets_the_database_while_it_is_handed_over(bench: Bench) -> None:
    first, _, _ = bench.open_all()
    database = first.database(KEY, A)
    put(database, a=1)
    database.close()

    async def both() -> None:
        coroutine = first.moves.hand_over(KEY, A)
        coroutine.send(None)  # it waits for the disk now
        try:
            with pytest.raises(OwnershipLost):
                first.database(KEY, A)
        finally:
            coroutine.close()

    with flusher_asleep(first):
        put(first.database(KEY, B), b=1)
        bench.do(both())
    assert content(first) == {"a": 1}, "it was given up before the log knew of it"


def test_what_was_not_durable_when_it_was_closed_moves_along(bench: Bench) -> None:
    first, second, _ = bench.open_all()
    database = first.database(KEY, A)
    with flusher_asleep(first):
        put(database, a=1)
        database.close()
    assert first._leftovers
    bench.move(first, second)
    assert not first._leftovers
    assert content(second) == {"a": 1}
    for store in bench.open_all(root=bench.copy()):
        assert content(store) == {"a": 1}


def test_a_move_there_and_back_and_on(bench: Bench) -> None:
    stores = bench.open_all()
    bookmarks = []
    expected = {}
    for turn in range(9):
        source, target = stores[turn % 3], stores[(turn * 2 + 1) % 3]
        database = source.database(KEY, A)
        put(database, **{f"turn {turn}": turn})
        expected[f"turn {turn}"] = turn
        bookmarks.append(str(source.history.current(KEY, A)))
        database.close()
        source.log.wait()
        if target is not source:
            bench.move(source, target)
            bookmarks.append(str(target.history.current(KEY, A)))
        copy = bench.copy()
        again = bench.open_all(root=copy)
        assert content(again[turn % 3]) == expected
        assert str(again[0].history.current(KEY, A)) > bookmarks[-1]
        if target is not stores[(turn + 1) % 3]:
            bench.move(target, stores[(turn + 1) % 3])
    assert bookmarks == sorted(set(bookmarks))


def test_an_actor_without_a_file_moves_too(bench: Bench) -> None:
    first, second, _ = bench.open_all()
    bench.move(first, second)
    database = second.database(KEY, A)
    put(database, a=1)
    database.close()
    bench.move(second, first)
    assert content(first) == {"a": 1}


def test_an_actor_that_was_deleted_does_not_come_back(bench: Bench, tmp_path: Path) -> None:
    """The log it left says that it was deleted; the one it is in says what came afterwards."""
    first, second, _ = bench.open_all()
    database = first.database(KEY, A)
    put(database, a=1)
    database.close()
    first.log.wait()
    bench.do(first.replacements.delete(KEY, A, tmp_path / "trash"))
    bench.move(first, second)
    database = second.database(KEY, A)
    put(database, b=1)
    second.log.wait()
    second.shorten()
    bench.run_until(lambda: second._checkpointer.done == 1)
    put(database, b=2)
    second.log.wait()
    (again, *_) = bench.open_all(root=bench.copy())
    assert content(again) == {"b": 2}


def test_the_log_it_left_may_be_shortened_before_the_other_and_after(bench: Bench) -> None:
    for order in ((0, 1), (1, 0)):
        stores = bench.open_all(root=bench.root.with_name(f"order-{order[0]}"))
        database = stores[0].database(KEY, A)
        put(database, **BEFORE)
        database.close()
        bench.move(stores[0], stores[1])
        database = stores[1].database(KEY, A)
        put(database, a=2)
        for number in order:
            store = stores[number]
            store.log.wait()
            store.shorten()
            bench.run_until(lambda store=store: store._checkpointer.done == 1)  # type: ignore[misc]  # mypy has no type for a default
            put(database, **{f"after {number}": 1})
            stores[1].log.wait()
            bench.root = store._layout.root
            (again, *_) = bench.open_all(root=bench.copy())
            expected = KeyValue(database).list()
            assert content(again) == expected


def test_the_numbers_of_its_commits_go_on(bench: Bench) -> None:
    first, second, _ = bench.open_all()
    database = first.database(KEY, A)
    for number in range(20):
        put(database, a=number)
    before = first.history.current(KEY, A)
    database.close()
    bench.move(first, second)
    after = second.history.current(KEY, A)
    assert str(before) < str(after)
    put(second.database(KEY, A), a=20)
    second.log.wait()
    (again, *_) = bench.open_all(root=bench.copy())
    assert str(second.history.current(KEY, A)) < str(again.history.current(KEY, A))


def test_its_past_is_in_both_logs(bench: Bench, tmp_path: Path) -> None:
    first, second, _ = bench.open_all()
    database = first.database(KEY, A)
    put(database, a=1)
    one = first.history.current(KEY, A)
    put(database, a=2)
    two = first.history.current(KEY, A)
    database.close()
    bench.move(first, second)
    database = second.database(KEY, A)
    put(database, a=3)
    three = second.history.current(KEY, A)
    put(database, a=4)
    second.log.wait()
    for bookmark, value in ((one, 1), (two, 2), (three, 3)):
        target = tmp_path / f"{value}.db"
        assert bench.do(second.history.build(KEY, A, bookmark, target))
        built = ActorDatabase(target)
        assert KeyValue(built).list() == {"a": value}
        built.close()
    database.close()
    bench.do(second.replacements.restore(KEY, A, two))
    assert content(second) == {"a": 2}


def test_its_past_is_one_if_only_the_log_it_is_in_was_archived(
    bench: Bench, tmp_path: Path
) -> None:
    """What the log it left still has comes before what the archive has of the other."""
    first, second, _ = bench.open_all(segment_size_bytes=20_000)
    bookmarks = []
    place = first
    for number in range(30):
        bench.time_ms += 1000
        database = place.database(KEY, A)
        put(database, n=number, **{f"pad {number}": os.urandom(1000)})
        bookmarks.append(place.history.current(KEY, A))
        database.close()
        if number == 4:
            bench.move(first, second)
            place = second
    second.log.wait()
    second.shorten()
    bench.run_until(lambda: any((bench.root / "archive" / "1").glob("*.arc")))
    assert not (bench.root / "archive" / "0").exists()
    for number in (0, 3, 4, 5, 9, 29):
        target = tmp_path / f"{number}.db"
        assert bench.do(second.history.build(KEY, A, bookmarks[number], target))
        built = ActorDatabase(target)
        assert KeyValue(built).get("n") == number
        assert len(KeyValue(built).list()) == number + 2
        built.close()
        time_ms = 2000 + number * 1000 + 500
        found = bench.do(second.history.at_time(KEY, A, time_ms))
        after = bookmarks[number + 1].order if number < 29 else (2, 0)
        assert bookmarks[number].order <= found.order < after
    entries = bench.do(second.history.entries(KEY, A, 40))
    orders = [entry.bookmark.order for entry in entries]
    assert orders == sorted(orders, reverse=True)
    assert len(orders) == 32, "thirty commits, and one move"


def test_the_time_before_an_actor_that_moved_unborn(bench: Bench, tmp_path: Path) -> None:
    first, second, _ = bench.open_all()
    moved = bench.move(first, second)
    database = second.database(KEY, A)
    put(database, a=1)
    second.log.wait()
    before = second.history.current(KEY, A).of(KEY, A, moved.incarnation, moved.commit - 1)
    assert not bench.do(second.history.build(KEY, A, before, tmp_path / "none.db"))


# --- alarms ----------------------------------------------------------------------------------


def test_its_alarm_is_told_to_the_log_that_takes_it(bench: Bench) -> None:
    first, second, _ = bench.open_all()
    database = first.database(KEY, A)
    Metadata(database).set_alarm_ms(5000)
    database.commit(5000)
    database.close()
    moved = bench.move(first, second)
    assert moved.alarm_ms == 5000
    bench.open_all(root=bench.copy())
    assert bench.alarms == {(KEY, A): 5000}


def test_that_it_has_no_alarm_is_told_as_well(bench: Bench) -> None:
    first, second, _ = bench.open_all()
    database = first.database(KEY, A)
    Metadata(database).set_alarm_ms(5000)
    database.commit(5000)
    Metadata(database).delete_alarm()
    database.commit(NO_ALARM)
    database.close()
    assert bench.move(first, second).alarm_ms == NO_ALARM
    bench.open_all(root=bench.copy())
    assert bench.alarms == {(KEY, A): None}


def test_its_alarm_is_saved_before_the_log_says_that_it_left(bench: Bench) -> None:
    """Between the two logs, only what was saved knows of it."""
    first = bench.open()
    saved: list[int] = []

    def save(lsn: int) -> None:
        saved.append(lsn)
        assert first.log.appended_lsn == lsn, "nothing was appended yet"

    first.moves._save_alarms = lambda lsn: lambda: save(lsn)
    database = first.database(KEY, A)
    put(database, a=1)
    database.close()
    bench.do(first.moves.hand_over(KEY, A))
    assert saved == [1]
    assert first.log.durable_lsn == 2


# --- what fails ------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["sync_file", "sync_directory"])
def test_an_actor_stays_if_its_file_cannot_be_synced(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    first, second, _ = bench.open_all()
    database = first.database(KEY, A)
    put(database, a=1)
    database.close()

    with monkeypatch.context() as patch:
        patch.setattr(moves, call, fails_with(errno.EIO))
        with pytest.raises(StorageError, match="Input/output error"):
            bench.do(first.moves.hand_over(KEY, A))
    assert content(first) == {"a": 1}
    bench.move(first, second)
    assert content(second) == {"a": 1}


def test_an_actor_stays_if_its_file_cannot_be_brought_up_to_date(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _, _ = bench.open_all()
    database = first.database(KEY, A)
    with flusher_asleep(first):
        put(database, a=1)
        database.close()
    with monkeypatch.context() as patch:
        patch.setattr(checkpointer.Checkpointer, "tidy_up", lambda *_: False)
        with pytest.raises(StorageError, match="brought up to date"):
            bench.do(first.moves.hand_over(KEY, A))
    assert content(first) == {"a": 1}


def test_the_way_to_its_file_is_synced_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its directories are new, and nothing else has made them durable."""
    first, _, _ = bench.open_all()
    database = first.database(KEY, A)
    put(database, a=1)
    database.close()
    synced: list[Path] = []
    monkeypatch.setattr(moves, "sync_file", synced.append)
    monkeypatch.setattr(moves, "sync_directory", synced.append)
    bench.do(first.moves.hand_over(KEY, A))
    actors_dir = first._layout.actors_dir
    assert synced == [
        database.path,
        actors_dir / KEY / A.hex()[:2],
        actors_dir / KEY,
        actors_dir,
    ]


def test_a_damaged_file_moves_with_its_mark(bench: Bench) -> None:
    first, second, _ = bench.open_all()
    database = first.database(KEY, A)
    put(database, a=1)
    first.log.wait()
    database.close()
    data = bytearray(database.path.read_bytes())
    data[:16] = b"no SQLite at all"
    database.path.write_bytes(data)
    first.marks.set("quarantine", KEY, A, {"cause": "test"})
    moved = bench.move(first, second)
    assert moved.alarm_ms == ALARM_UNCHANGED
    assert second.marks.get("quarantine", KEY, A) == {"cause": "test"}
    with pytest.raises(DatabaseFailed, match="not a database"):
        content(second)


def test_what_another_process_marked_is_known_where_the_actor_goes(bench: Bench) -> None:
    first, second, _ = bench.open_all()
    database = first.database(KEY, A)
    put(database, a=1)
    database.close()
    Marks(first._layout).set("quarantine", KEY, A, {"cause": "test"})
    assert second.marks.get("quarantine", KEY, A) is None
    bench.move(first, second)
    assert second.marks.get("quarantine", KEY, A) == {"cause": "test"}


def test_no_actor_is_handed_over_by_a_log_that_has_failed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, _ = bench.open_all()
    database = first.database(KEY, A)
    put(database, a=1)
    database.close()
    first.log.wait()
    incarnation = first.log.incarnation

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fails_with(errno.EIO))
        with pytest.raises(StorageBroken):
            bench.do(first.moves.hand_over(KEY, A))
        with pytest.raises(StorageBroken):
            bench.do(second.moves.take_over(Move(KEY, B, incarnation, 1, NO_ALARM)))


def test_an_actor_of_another_history_is_not_taken_over(bench: Bench) -> None:
    first, _, _ = bench.open_all()
    other = Move(KEY, A, first.log.incarnation + 1, 1, NO_ALARM)
    with pytest.raises(InternalError, match="incarnation 2"):
        bench.do(first.moves.take_over(other))


# --- one log of several ----------------------------------------------------------------------


def test_a_log_is_one_processs_and_the_others_are_free(bench: Bench) -> None:
    bench.open_all([])  # all logs there are: none
    first = bench.open(slot="0", is_alone=False)
    (second,) = bench.open_all(["1"], is_alone=False)
    for slot in ("0", "1"):
        with pytest.raises(DirectoryInUse, match="another process"):
            bench.open(slot=slot, is_alone=False)
    with pytest.raises(DirectoryInUse):
        bench.open(slot="2")  # who takes all logs for dead
    third = bench.open(slot="2", is_alone=False)
    put(first.database(KEY, A), a=1)
    database = third.database(KEY, B)
    put(database, b=1)
    second.close()
    (second,) = bench.open_all(["1"], is_alone=False)
    database.close()
    bench.move(third, second, B)
    assert content(second, B) == {"b": 1}


def test_all_logs_are_recovered_and_none_gone_on_with(bench: Bench) -> None:
    for number, store in enumerate(bench.open_all()):
        put(store.database(KEY, bytes([number]) * 32), n=number)
        store.log.wait()
    copy = bench.copy()
    assert bench.open_all([], root=copy) == []
    for number in range(3):
        store = bench.open(copy, slot=str(number), is_alone=False)
        assert store.recovered.records == 0
        assert content(store, bytes([number]) * 32) == {"n": number}


OTHER_PROCESS = f"""
import asyncio, os, pickle, sys
from pathlib import Path
from perdure.storage.kv import KeyValue
from perdure.storage.layout import Layout
from perdure.storage.store import Store, StoreOptions

async def main():
    loop = asyncio.get_running_loop()
    store = Store.open(Layout(Path(sys.argv[1])), notify=loop.call_soon_threadsafe, is_alone=False,
        time_ms=lambda: 0, on_failure=print, apply_alarms=len, options=StoreOptions("0"))
    for actor in (b"a" * 32, b"c" * 32):
        database = store.database({KEY!r}, actor)
        for number in range(5):
            KeyValue(database).put("n", number)
            database.commit()
    database.close()
    moved = await store.moves.hand_over({KEY!r}, b"c" * 32)
    (Path(sys.argv[1]) / "drafts" / "0").mkdir(parents=True)
    (Path(sys.argv[1]) / "drafts" / "0" / "begun.db").touch()
    store.log.wait()
    sys.stdout.write(pickle.dumps(moved).hex())
    sys.stdout.flush()
    os.kill(os.getpid(), 9)

asyncio.run(main())
"""
C = b"c" * 32


def test_one_log_is_recovered_while_another_is_written(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner was killed; nothing of the other's actors may be touched."""
    second = bench.open(slot="1", is_alone=False)
    own = second.database(KEY, B)
    put(own, n=1)
    draft = second._layout.drafts_dir / "1" / "begun.db"
    draft.parent.mkdir(parents=True)
    draft.touch()
    run = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS, str(bench.root)], capture_output=True, check=False
    )
    assert run.returncode == -9, run.stderr
    moved = pickle.loads(bytes.fromhex(run.stdout.decode()))
    bench.do(second.moves.take_over(moved))
    taken = second.database(KEY, C)
    put(taken, n=5)
    real = durable_files.sync_file_system

    def sync(path: Path) -> None:
        put(own, n=2)
        put(taken, n=6)
        real(path)

    monkeypatch.setattr("perdure.storage.recovery.sync_file_system", sync)
    KeyValue(own).put("n", "not committed yet")
    own.rollback()
    first = bench.open(slot="0", is_alone=False)
    assert first.recovered.actors == 1
    assert content(first) == {"n": 4}
    assert draft.exists()
    assert not (first._layout.drafts_dir / "0").exists()
    put(own, m=3)
    put(taken, m=7)
    second.log.wait()
    for store in bench.open_all(["0", "1"], root=bench.copy()):
        assert content(store) == {"n": 4}
        assert content(store, B) == {"n": 2, "m": 3}
        assert content(store, C) == {"n": 6, "m": 7}


def test_what_a_dead_process_left_in_a_wal_does_not_count(bench: Bench) -> None:
    """Of an actor of which the log has nothing after its CHECKPOINT: nobody has looked for it."""
    bench.open_all([])
    first = bench.open(slot="0", is_alone=False)
    database = first.database(KEY, A)
    put(database, a=1)
    first.log.wait()
    first.shorten()
    bench.run_until(lambda: first._checkpointer.done == 1)
    with flusher_asleep(first):
        put(database, a=2)
        copy = bench.copy()
    again = bench.open(copy, slot="0", is_alone=False)
    path = again._layout.actor_file(KEY, A)
    assert path.with_name(path.name + "-wal").stat().st_size > 0
    assert again.recovered.records == 0
    assert content(again) == {"a": 1}


# --- killed at each step ---------------------------------------------------------------------


class Steps:
    """Copies the directory before each call that changes something on the disk.

    Attributes:
        taken: For each copy: where it is, what came next, and what the test had said till then.
    """

    def __init__(self, bench: Bench, patch: pytest.MonkeyPatch) -> None:
        self.taken: list[tuple[Path, str, dict[str, object]]] = []
        self.said: dict[str, object] = {}
        self._bench = bench
        self._lock = threading.Lock()
        for module, name in (
            (os, "pwrite"),
            (os, "fdatasync"),
            (os, "fsync"),
            (os, "ftruncate"),
            (os, "truncate"),
            (os, "unlink"),
            (os, "replace"),
            (checkpointer, "sync_file_system"),
        ):
            patch.setattr(module, name, self._stepping(name, getattr(module, name)))

    def _stepping(self, name: str, real: Callable[..., object]) -> Callable[..., object]:
        def step(*args: object, **options: object) -> object:
            with self._lock:
                self.take(name)
                return real(*args, **options)

        return step

    def take(self, name: str) -> None:
        self.taken.append((self._bench.copy(), name, dict(self.said)))


@pytest.mark.slow
def test_killed_at_each_step_of_moves(bench: Bench) -> None:
    """Whatever is on the disk then: all that was said is true, and the order of commits goes on."""
    stores = bench.open_all(
        segment_size_bytes=30_000, live_size_bytes_max=10**9, retention=Retention(days=0)
    )

    def write(place: int, number: int, *, is_waited_for: bool) -> None:
        store = stores[place]
        database = store.database(KEY, A)
        steps.said["written"] = number
        KeyValue(database).put(f"number {number}", "x" * 3000)
        KeyValue(database).put("last", number)
        Metadata(database).set_alarm_ms(number)
        database.commit(number)
        if is_waited_for:
            store.log.wait()
            say(number, store)
        database.close()

    def say(number: int, store: Store) -> None:
        steps.said["durable"] = number
        bookmark = str(store.history.current(KEY, A))
        assert bookmark > str(steps.said.get("bookmark", ""))
        steps.said["bookmark"] = bookmark

    def move(source: int, target: int, number: int) -> None:
        bench.move(stores[source], stores[target])
        say(number, stores[target])

    def shorten(place: int) -> None:
        done = stores[place]._checkpointer.done
        stores[place].shorten()
        bench.run_until(lambda: stores[place]._checkpointer.done > done)

    number = 0
    write_other = stores[1].database(KEY, B)  # so that each log has numbers of its own
    put(write_other, n=1)
    stores[1].log.wait()
    with pytest.MonkeyPatch.context() as patch:
        steps = Steps(bench, patch)
        for source, target in ((0, 1), (1, 2), (2, 0), (0, 1), (1, 0)):
            write(source, number := number + 1, is_waited_for=True)
            if number > 4:
                shorten(source)
            write(source, number := number + 1, is_waited_for=number % 2 == 0)
            move(source, target, number)
            if number % 4 == 0:
                shorten(source)
            write(target, number := number + 1, is_waited_for=True)
            shorten(target)
            shorten(source)
        steps.take("the end")
    kinds = {name for _, name, _ in steps.taken}
    assert {"pwrite", "fdatasync", "fsync", "replace", "unlink", "sync_file_system"} <= kinds
    with pytest.MonkeyPatch.context() as patch:
        for name in ("fdatasync", "fsync"):  # nobody is killed any more
            patch.setattr(os, name, lambda _: None)
        for module in (checkpointer, recovery, store_module):
            patch.setattr(module, "sync_file_system", lambda _: None)
        for copy, name, said in steps.taken:
            check_after_kill(bench, copy, name, said)


def check_after_kill(bench: Bench, root: Path, name: str, said: dict[str, object]) -> None:
    bench.alarms.clear()
    stores = bench.open_all(root=root, retention=Retention(days=0))
    for store in stores:  # whoever is to have it now
        found = content(store)
        last = found.pop("last", 0)
        what = f"before {name}: {said}"
        assert isinstance(last, int), what
        assert said.get("durable", 0) <= last <= said.get("written", 0), what  # type: ignore[operator]  # numbers
        assert sorted(found) == sorted(f"number {n}" for n in range(1, last + 1)), what
        database = store.database(KEY, A)
        assert Metadata(database).get_alarm_ms() == (last or None), what
        database.close()
        assert bench.alarms.get((KEY, A), last) == last, what
        assert str(store.history.current(KEY, A)) > str(said.get("bookmark", "")), what
        assert content(store, B) == {"n": 1}, what
    bench.move(stores[0], stores[2])
    database = stores[2].database(KEY, A)
    put(database, again=1)
    database.close()
    for store in stores:
        store.close()
    stores = bench.open_all(root=root, retention=Retention(days=0))
    assert stores[0].recovered.records == 0
    assert content(stores[1])["again"] == 1
    for store in stores:
        store.close()
    shutil.rmtree(root)
