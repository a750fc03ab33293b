"""A store: what its databases commit survives, and nothing else does."""

import errno
import os
from pathlib import Path

import apsw
import pytest

from perdure.storage.errors import DirectoryInUse, LogCorrupt, StorageBroken, StorageError
from perdure.storage.kv import KeyValue
from perdure.storage.layout import Layout
from perdure.storage.log_scan import scan
from perdure.storage.logformat import RecordKind
from perdure.storage.metadata import Metadata
from perdure.storage.sql import Sql
from perdure.storage.store import nothing_recovered
from tests.failing import fails_with
from tests.storage.logged import KEY, A, B, Bench, content, flusher_asleep, one_log, put


def test_what_was_durable_survives_a_kill(bench: Bench) -> None:
    store = bench.open()
    first, second = store.database(KEY, A), store.database(KEY, B)
    put(first, a=1)
    put(second, b="x" * 10_000)
    put(first, a=2, c=[3])
    store.log.wait()
    KeyValue(first).put("a", "not committed")
    again = bench.after_crash()
    assert again.recovered.records == 3 + bench.records_elsewhere
    assert content(again) == {"a": 2, "c": [3]}
    assert content(again, B) == {"b": "x" * 10_000}


def test_what_the_log_does_not_have_is_not_taken_from_a_wal(bench: Bench) -> None:
    """Else a commit would be there after one crash and gone after the next."""
    store = bench.open()
    database = store.database(KEY, A)
    put(database, a=1)
    store.log.wait()
    with flusher_asleep(store):
        put(database, a=2)
        assert content(bench.after_crash()) == {"a": 1}


def test_a_store_closed_in_good_order_has_nothing_to_recover(bench: Bench) -> None:
    store = bench.open()
    put(store.database(KEY, A), a=1)
    store.close()
    path = bench.root / "actors" / KEY / A.hex()[:2]
    assert [file.name for file in path.iterdir()] == [f"{A.hex()}.db"]
    again = bench.open()
    assert again.recovered.records == 0
    assert content(again) == {"a": 1}
    put(again.database(KEY, A), a=2)
    again.close()
    assert content(bench.open()) == {"a": 2}


def test_numbers_go_on_after_a_restart(bench: Bench) -> None:
    store = bench.open()
    put(store.database(KEY, A), a=1)
    put(store.database(KEY, B), a=1)
    store.close()
    for round_ in range(3):
        store = bench.after_crash() if round_ == 1 else bench.open()
        assert store.log.appended_lsn == 2
        store.close()


def test_a_reading_turn_makes_no_record(bench: Bench) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    put(database, a=1)
    assert store.log.appended_lsn == 1
    Sql(database).exec("SELECT 1").one()
    assert not database.commit()
    KeyValue(database).delete("missing")
    database.commit()
    assert store.log.appended_lsn == 1


def test_an_actor_that_never_committed_has_no_file(bench: Bench) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    KeyValue(database).put("a", 1)
    assert database.path.exists()
    database.rollback()
    database.close()
    assert list(database.path.parent.iterdir()) == []
    other = store.database(KEY, B)
    assert KeyValue(other).list() == {}


@pytest.mark.parametrize("content_of_file", ["as it was made", "empty", "zeros", "half zeros"])
def test_a_file_that_the_log_does_not_know_is_begun_anew(
    bench: Bench, content_of_file: str
) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    KeyValue(database).put("a", 1)  # the file is there; its first commit never came
    again = bench.after_crash()
    path = again.database(KEY, A).path
    assert path.exists()
    if content_of_file == "empty":  # what a power failure leaves of it
        path.write_bytes(b"")
    elif content_of_file == "zeros":
        path.write_bytes(bytes(path.stat().st_size))
    elif content_of_file == "half zeros":
        path.write_bytes(bytes(4096) + path.read_bytes()[4096:])
    assert content(again) == {}
    put(again.database(KEY, A), a=2)
    again.log.wait()
    # The log has all of it: the file was never synced, and may be gone after a power failure.
    (record,) = scan(again._directory.path, again._directory.read_checkpoint()).records
    assert record.change.kind is RecordKind.CREATE
    bench.root = again._layout.root
    assert content(bench.after_crash()) == {"a": 2}


def test_a_file_that_lost_its_head_later_is_damaged(bench: Bench) -> None:
    """It must not be taken for one that was never begun: then all of it would be forgotten."""
    store = bench.open()
    put(store.database(KEY, A), a=1)
    store.close()
    again = bench.open()
    database = again.database(KEY, A)
    database.path.write_bytes(bytes(4096) + database.path.read_bytes()[4096:])
    with pytest.raises(StorageError, match="not a database"):
        KeyValue(database).list()


def test_files_receive_only_what_is_durable(bench: Bench) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    put(database, a=1)
    store.log.wait()
    assert database.checkpoint()
    before = database.path.read_bytes()
    with flusher_asleep(store):
        put(database, a=2)
        assert not database.checkpoint()
        assert not database.park()
        database.close()
        assert database.path.read_bytes() == before
    # The one that opens it next has it all, and depends on what is not known to be durable.
    successor = store.database(KEY, A)
    assert KeyValue(successor).list() == {"a": 2}
    assert not successor.durability.is_durable
    store.log.wait()
    assert successor.durability.is_durable


def test_a_commit_that_cannot_be_read_back_leaves_no_trace(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    put(database, a=1)
    put(database, a=2)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", fails_with(errno.EIO))
        with pytest.raises(StorageError, match="cannot be read back"):
            put(database, a=3)
    assert database.failure is not None
    database.close()
    store.log.wait()
    successor = store.database(KEY, A)
    assert KeyValue(successor).list() == {"a": 2}
    put(successor, b=4)
    store.log.wait()
    assert content(bench.after_crash()) == {"a": 2, "b": 4}


def test_when_the_log_fails_all_databases_do(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    put(database, a=1)
    store.log.wait()

    monkeypatch.setattr(os, "fdatasync", fails_with(errno.ENOSPC))
    put(database, a=2)
    told: list[int] = []
    database.durability.when_durable(lambda: told.append(2))
    bench.run_until(lambda: store.failure is not None)
    monkeypatch.undo()
    assert told == []
    assert len(bench.failures) == 1
    with pytest.raises(StorageBroken):
        put(database, a=3)
    with pytest.raises(StorageBroken):
        KeyValue(database).get("a")
    with pytest.raises(StorageBroken):
        put(store.database(KEY, B), a=3)
    assert content(bench.after_crash())["a"] in (1, 2)  # 2 was written, and never acknowledged


def test_alarms_are_recovered_from_the_log(bench: Bench) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    Metadata(database).set_alarm_ms(5000)
    database.commit(5000)
    put(database, a=1)
    store.log.wait()
    bench.after_crash()
    assert bench.alarms == {(KEY, A): 5000}


def test_one_process_at_a_time(bench: Bench) -> None:
    bench.open()
    with pytest.raises(DirectoryInUse):
        bench.open()


def test_the_logs_of_other_slots_are_recovered_too(bench: Bench) -> None:
    store = bench.open(slot="1")
    put(store.database(KEY, A), a=1)
    store.log.wait()
    again = bench.after_crash()  # of slot 0
    assert again.recovered.records == 1 + bench.records_elsewhere
    assert content(again) == {"a": 1}


def test_a_directory_that_cannot_be_recovered_is_left_alone(bench: Bench) -> None:
    store = bench.open()
    put(store.database(KEY, A), a=1)
    store.log.wait()
    database = store.database(KEY, B)
    put(database, a=1)
    store.log.wait()
    (segment,) = (bench.root / "log" / "0").glob("*.seg")
    data = bytearray(segment.read_bytes())
    data[8200] ^= 1
    segment.write_bytes(data)
    for _ in range(2):
        with pytest.raises(LogCorrupt, match="proves that it was durable"):
            bench.after_crash()


def test_an_error_of_the_disk_at_recovery_is_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("perdure.storage.recovery.sync_file_system", fails_with(errno.EIO))
        with pytest.raises(StorageError, match="cannot be recovered: Input/output error"):
            bench.open()
    bench.open()  # the lock was given back


def test_exports_are_plain_files(bench: Bench, tmp_path: Path) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    Sql(database).exec("CREATE TABLE t (a); INSERT INTO t VALUES (1)")
    database.commit()
    store.close()
    connection = apsw.Connection(str(database.path))
    assert connection.execute("SELECT a FROM t").get == 1
    assert connection.execute("PRAGMA integrity_check").get == "ok"
    connection.close()


def test_nothing_recovered_does_nothing() -> None:
    nothing_recovered({(KEY, A): 1})


def written_to(bench: Bench, actors: list[bytes]) -> Path:
    """A copy of a directory whose log has changes of pages that are in these actors' files."""
    store = bench.open()
    databases = {actor: store.database(KEY, actor) for actor in actors}
    for database in databases.values():
        put(database, value="x" * 3000, n=1)
    store.log.wait()
    for database in databases.values():
        assert database.checkpoint()
    store.shorten()
    bench.run_until(lambda: store._checkpointer.done > 0)
    for database in databases.values():
        put(database, n=2)
        put(database, n=3)
    store.log.wait()
    return bench.copy()


@pytest.mark.parametrize("damage", ["gone", "cut short"])
def test_a_file_that_lacks_what_the_log_builds_on_is_damage_of_one_actor(
    bench: Bench, damage: str
) -> None:
    root = written_to(bench, [A, B])
    path = Layout(root).actor_file(KEY, A)
    if damage == "gone":
        path.unlink()
    else:
        os.truncate(path, 100)
    for _ in range(2):  # a later start finds nothing of it in the log, and still the mark
        store = bench.open(root)
        mark = store.marks.get("quarantine", KEY, A)
        assert mark is not None
        assert mark["since_ms"] == 1000
        assert str(mark["problem"]).startswith("SQLITE_CORRUPT: ")
        assert content(store, B)["n"] == 3
        assert store.marks.get("quarantine", KEY, B) is None
        store.close()


@one_log
def test_a_directory_without_most_of_its_files_is_refused(bench: Bench) -> None:
    root = written_to(bench, [A, B])
    for actor in (A, B):
        Layout(root).actor_file(KEY, actor).unlink()
    with pytest.raises(LogCorrupt, match="the log has changes of this file, and it is gone"):
        bench.open(root)
    assert not Layout(root).marks_dir.exists()
