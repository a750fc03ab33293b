"""One actor's journal: records, images, its -wal, and its file."""

import errno
import io
import os

import pytest

from perdure.storage import journal
from perdure.storage.errors import CommitTooLarge, DatabaseFailed
from perdure.storage.journal import Journal
from perdure.storage.kv import KeyValue
from perdure.storage.log_directory import Checkpoint
from perdure.storage.log_scan import scan
from perdure.storage.logformat import Record, RecordKind
from perdure.storage.page_images import ImageKind, decode_images
from perdure.storage.sql import Sql
from tests.failing import fails_with
from tests.storage.logged import KEY, A, B, Bench, content, put


def records(bench: Bench) -> list[Record]:
    return scan(bench.root / "log" / "0", Checkpoint()).records


def kinds(record: Record) -> list[str]:
    change = record.change
    found = decode_images(memoryview(change.images), change.image_count, change.page_size)
    return [image.kind.name for image in found]


def test_a_commit_is_one_record_with_all_it_changed(bench: Bench) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    put(database, a=1)
    put(database, a=2)
    put(database, a=2, b="x" * 5000)
    store.log.wait()
    create, small, large = records(bench)
    assert create.change.kind is RecordKind.CREATE
    assert create.change.actor == (KEY, A)
    assert set(kinds(create)) == {"FROM_ZEROS"}
    assert create.change.image_count == create.change.database_pages
    assert kinds(small) == ["CHANGED"]
    assert len(small.change.images) < 200
    assert small.change.previous_lsn == create.lsn
    assert "CHANGED" in kinds(large)
    assert "RAW" in kinds(large)
    assert large.change.previous_lsn == small.lsn


def test_images_are_forgotten_when_there_are_too_many(bench: Bench) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    put(database, a="x" * 60_000)
    put(database, a=1)
    assert isinstance(database.durability, Journal)
    assert 1 <= len(database.durability._images) <= journal.IMAGES_MAX
    put(database, a="y" * 60_000)
    store.log.wait()
    assert content(bench.after_crash()) == {"a": "y" * 60_000}


def test_a_long_wal_is_put_into_the_file_at_the_next_turn(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "CHECKPOINT_FRAMES", 5)
    store = bench.open()
    database = store.database(KEY, A)
    wal = database.path.with_name(database.path.name + "-wal")
    for number in range(40):
        put(database, n=number)
        store.log.wait()
    assert wal.stat().st_size < 10 * 4200
    again = bench.after_crash()
    assert content(again) == {"n": 39}


def test_an_actor_that_never_rests_waits_for_the_log_once_in_a_while(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "CHECKPOINT_FRAMES", 5)
    monkeypatch.setattr(journal, "CHECKPOINT_FRAMES_MAX", 9)
    store = bench.open()
    database = store.database(KEY, A)
    wal = database.path.with_name(database.path.name + "-wal")
    waits: list[int] = []
    real = store.log.settle
    synced = 0  # what the flusher has managed: nothing, unless it is waited for

    def settle() -> None:
        nonlocal synced
        real()
        synced = store.log.appended_lsn
        waits.append(synced)

    monkeypatch.setattr(store.log, "settle", settle)
    monkeypatch.setattr(type(store.log), "synced_lsn", property(lambda _: synced))
    for number in range(100):
        put(database, n=number)
    assert 8 <= len(waits) <= 12
    monkeypatch.undo()
    assert wal.stat().st_size < 14 * 4200
    store.log.wait()
    assert content(bench.after_crash()) == {"n": 99}


def test_schema_changes_and_large_transactions_are_recovered(bench: Bench) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    sql = Sql(database)
    sql.exec("CREATE TABLE t (a INTEGER PRIMARY KEY, b)")
    database.commit()
    for number in range(300):
        sql.exec("INSERT INTO t VALUES (?, randomblob(3000))", number)
    database.commit()
    sql.exec("DELETE FROM t WHERE a % 2")
    sql.exec("CREATE INDEX i ON t (b)")
    database.commit()
    database.delete_all()
    sql.exec("CREATE TABLE u (c); INSERT INTO u VALUES (7)")
    database.commit()
    store.log.wait()
    again = bench.after_crash().database(KEY, A)
    assert Sql(again).exec("SELECT c FROM u").one() == {"c": 7}
    assert again.value("PRAGMA integrity_check") == "ok"


def test_a_rolled_back_turn_is_not_in_the_log(bench: Bench) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    put(database, a=1)
    KeyValue(database).put("a", 2)
    Sql(database).exec("CREATE TABLE t (a)")
    database.rollback()
    put(database, b=3)
    store.log.wait()
    assert len(records(bench)) == 2
    assert content(bench.after_crash()) == {"a": 1, "b": 3}


def test_a_file_made_by_others_is_no_orphan(bench: Bench) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    put(database, a=1)
    store.close()
    again = bench.open().database(KEY, A)
    assert isinstance(again.durability, Journal)
    assert not again.durability.is_orphan()


def test_no_descriptor_is_left_open(bench: Bench) -> None:
    store = bench.open()
    before = len(os.listdir("/proc/self/fd"))
    for number in range(5):
        database = store.database(KEY, A)
        put(database, n=number)
        store.log.wait()
        database.close()
    after = len(os.listdir("/proc/self/fd"))
    assert after - before <= 1  # the segment


def test_the_image_kinds_are_those_of_the_format() -> None:
    assert [kind.value for kind in ImageKind] == [0, 1, 2]


def test_a_commit_too_large_for_a_record_is_undone_and_others_go_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "COMMIT_SIZE_BYTES_MAX", 50_000)
    store = bench.open()
    database, other = store.database(KEY, A), store.database(KEY, B)
    put(other, n=1)
    put(database, n=1)
    for number in range(20):
        KeyValue(database).put(f"large {number}", bytes(10_000))
    KeyValue(database).put("n", 2)
    with pytest.raises(CommitTooLarge, match="bytes of changed pages in one commit") as caught:
        database.commit()
    assert caught.value.actual > caught.value.allowed == 50_000
    assert "in parts" in str(caught.value)
    assert isinstance(database.failure, CommitTooLarge)
    database.close()
    assert content(store) == {"n": 1}
    put(other, n=2)
    store.log.wait()
    assert content(bench.after_crash()) == {"n": 1}
    assert content(bench.after_crash(), B) == {"n": 2}


def test_a_first_commit_too_large_leaves_no_actor(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "COMMIT_SIZE_BYTES_MAX", 50_000)
    store = bench.open()
    database = store.database(KEY, A)
    KeyValue(database).put("large", bytes(100_000))
    with pytest.raises(CommitTooLarge):
        database.commit()
    database.close()
    assert not database.path.exists()
    put(store.database(KEY, A), n=1)
    store.log.wait()
    assert content(bench.after_crash()) == {"n": 1}


def test_whatever_goes_wrong_between_the_commit_and_the_log_undoes_the_turn(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    put(database, n=1)
    with monkeypatch.context() as patched:

        def fails(*_: object) -> bytes:
            raise MemoryError

        patched.setattr(journal, "encode_image", fails)
        with pytest.raises(DatabaseFailed):
            put(database, n=2)
    database.close()
    store.log.wait()
    assert content(store) == {"n": 1}
    assert content(bench.after_crash()) == {"n": 1}


def fail_calls(patched: pytest.MonkeyPatch, *names: str) -> None:
    for name in names:
        patched.setattr(os, name, fails_with(errno.EIO))


@pytest.mark.parametrize("turns_before", [0, 1])
def test_what_the_log_did_not_take_stays_hidden_while_it_cannot_be_cut_off(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, turns_before: int
) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    put(database, n=0)
    store.log.wait()
    database.checkpoint()
    for _ in range(turns_before):  # so that some of the -wal counts
        put(database, n=1)
    with monkeypatch.context() as patched:
        fail_calls(patched, "pread", "truncate", "unlink")
        with pytest.raises(DatabaseFailed, match="cannot be read back"):
            put(database, n=2)
        database.close()
        with pytest.raises(DatabaseFailed) as caught:
            content(store)
        assert caught.value.code == "SQLITE_IOERR"
    assert content(store) == {"n": turns_before}
    store.log.wait()
    assert content(bench.after_crash()) == {"n": turns_before}


def test_a_file_that_cannot_be_tidied_up_behind_does_not_disturb_who_closes_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    put(database, n=1)
    store.log.wait()
    with monkeypatch.context() as patched:
        fail_calls(patched, "unlink")
        assert database.park()  # by another one, for which there is no room
    put(database, n=3)
    store.log.wait()
    assert content(bench.after_crash()) == {"n": 3}


def test_a_first_turn_that_is_undone_may_leave_its_file_behind(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = bench.open()
    database = store.database(KEY, A)
    database.write("INSERT INTO _cf_METADATA VALUES ('a', 1)")
    with monkeypatch.context() as patched:
        fail_calls(patched, "unlink")
        database.close()
    assert database.path.exists()
    assert store.database(KEY, A).size_bytes == 0
    put(store.database(KEY, A), n=1)
    store.log.wait()
    assert content(bench.after_crash()) == {"n": 1}


def test_a_file_of_which_nothing_can_be_read_fails_its_actor(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = bench.open()
    put(store.database(KEY, A), n=1)
    store.close()
    database = bench.open().database(KEY, A)

    with monkeypatch.context() as patched:
        patched.setattr(io, "open", fails_with(errno.EMFILE))
        with pytest.raises(DatabaseFailed, match="Too many open files") as caught:
            database.value("SELECT 1")
    assert caught.value.code == "SQLITE_CANTOPEN"
    assert database.failure is not None
