"""One actor's database: its file, its transaction, and what becomes of errors."""

import threading
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from perdure.storage import eraser
from perdure.storage.engine import ActorDatabase
from perdure.storage.errors import (
    ConstraintsViolatedAtCommit,
    DatabaseFailed,
    InternalError,
    SqlError,
)
from perdure.storage.kv import KeyValue
from perdure.storage.limits import StorageLimits
from perdure.storage.sql import Sql
from perdure.storage.template import Template, standard_template

MakeDatabase = Callable[..., ActorDatabase]


def stored(db: ActorDatabase) -> dict[str, object]:
    return KeyValue(db).list()


# --- the file --------------------------------------------------------------------------------


def test_nothing_is_touched_before_the_first_use(db: ActorDatabase) -> None:
    assert not db.is_open
    assert not db.path.parent.exists()
    assert db.size_bytes == 0
    assert db.rows("SELECT 1") == []
    assert db.value("SELECT 1") is None
    assert not db.commit()
    db.rollback()
    db.delete_all()
    assert not db.path.parent.exists()


def test_the_first_write_makes_the_file(db: ActorDatabase, kv: KeyValue) -> None:
    kv.put("a", 1)
    assert db.is_open
    assert db.path.exists()
    assert db.size_bytes == len(standard_template().data)
    assert sorted(path.name for path in db.path.parent.iterdir()) == ["actor.db", "actor.db-wal"]


def test_what_was_committed_is_there_again(make_db: MakeDatabase) -> None:
    first = make_db()
    KeyValue(first).put("a", 1)
    assert first.commit()
    KeyValue(first).put("b", 2)
    first.close()
    again = make_db()
    assert stored(again) == {"a": 1}
    assert again.is_open
    assert not again.has_writes


def test_a_file_may_have_another_template(make_db: MakeDatabase) -> None:
    template = Template(standard_template().data)
    db = make_db(template=template)
    KeyValue(db).put("a", 1)
    assert db.commit()


def test_a_closed_database_is_closed(db: ActorDatabase, kv: KeyValue) -> None:
    kv.put("a", 1)
    db.close()
    db.close()
    assert not db.is_open
    assert not db.has_writes
    with pytest.raises(InternalError, match="after it was closed"):
        kv.get("a")
    with pytest.raises(InternalError, match="after it was closed"):
        db.begin()


def test_a_database_closed_before_its_first_use(db: ActorDatabase) -> None:
    db.close()
    with pytest.raises(InternalError):
        db.write("DELETE FROM _cf_KV")


# --- the transaction -------------------------------------------------------------------------


def test_the_owner_is_told_once_for_each_transaction(db: ActorDatabase, kv: KeyValue) -> None:
    begun: list[bool] = []
    db.on_begin = lambda: begun.append(db.has_writes)
    kv.get("a")
    assert begun == []
    kv.put("a", 1)
    kv.put("b", 2)
    db.savepoint()
    db.release()
    assert begun == [False]
    db.commit()
    kv.get("a")
    assert len(begun) == 1
    db.savepoint()
    assert len(begun) == 2
    db.rollback()
    Sql(db).exec("SELECT 1")
    assert len(begun) == 3


def test_only_a_turn_that_wrote_has_writes(db: ActorDatabase, kv: KeyValue) -> None:
    kv.put("a", 1)
    assert db.has_writes
    assert db.commit()
    assert not db.has_writes
    db.begin()
    kv.get("a")
    Sql(db).exec("SELECT * FROM sqlite_schema").to_array()
    assert not db.has_writes
    assert not db.commit()
    db.begin()
    Sql(db).exec("CREATE TABLE t (a)")
    assert db.has_writes
    assert db.has_writes
    db.rollback()
    assert not db.has_writes


def test_a_rollback_undoes_the_turn(db: ActorDatabase, kv: KeyValue) -> None:
    kv.put("a", 1)
    db.commit()
    kv.put("a", 2)
    db.savepoint()
    kv.put("b", 3)
    db.rollback()
    assert not db.is_explicit
    assert stored(db) == {"a": 1}
    assert not db.commit()


def test_explicit_transactions_nest(db: ActorDatabase, kv: KeyValue) -> None:
    kv.put("a", 1)
    db.savepoint()
    kv.put("b", 2)
    db.savepoint()
    kv.put("c", 3)
    db.rollback_to()
    assert db.is_explicit
    db.savepoint()
    kv.put("d", 4)
    db.release()
    db.release()
    assert not db.is_explicit
    assert db.commit()
    assert stored(db) == {"a": 1, "b": 2, "d": 4}


def test_an_outer_rollback_undoes_what_an_inner_one_kept(db: ActorDatabase, kv: KeyValue) -> None:
    db.savepoint()
    db.savepoint()
    kv.put("a", 1)
    db.release()
    db.rollback_to()
    assert stored(db) == {}


def test_nothing_commits_inside_an_explicit_transaction(db: ActorDatabase) -> None:
    db.savepoint()
    with pytest.raises(InternalError, match="commit in a transaction that is explicit"):
        db.commit()
    for end in (db.release, db.rollback_to):
        db.rollback()
        with pytest.raises(InternalError, match="in a transaction that is none"):
            end()


def test_deferred_violations_undo_the_turn_at_its_end(db: ActorDatabase, kv: KeyValue) -> None:
    sql = Sql(db)
    sql.exec(
        "CREATE TABLE p (id INTEGER PRIMARY KEY);"
        "CREATE TABLE c (p REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)"
    )
    db.commit()
    kv.put("a", 1)
    sql.exec("INSERT INTO c VALUES (1)")
    with pytest.raises(ConstraintsViolatedAtCommit) as caught:
        db.commit()
    assert str(caught.value) == (
        "Durable Object was reset and rolled back to its last known good state because the "
        "application left the database in a state where constraints were violated: FOREIGN KEY "
        "constraint failed: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_FOREIGNKEY)"
    )
    assert stored(db) == {}
    assert sql.exec("SELECT * FROM c").to_array() == []


def test_a_commit_may_run_in_another_thread(db: ActorDatabase, kv: KeyValue) -> None:
    kv.put("a", 1)
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(db.commit()))
    thread.start()
    thread.join()
    assert answers == [True]
    assert stored(db) == {"a": 1}


def test_changes_are_counted(db: ActorDatabase, kv: KeyValue) -> None:
    counts = {db.change_count()}
    acts: list[Callable[[], None]] = [
        lambda: kv.put("a", 1),
        db.savepoint,
        lambda: kv.put("a", 2),
        db.rollback_to,
        db.rollback,
    ]
    for act in acts:
        act()
        counts.add(db.change_count())
    assert len(counts) == 5  # opening a savepoint changes nothing


# --- failures --------------------------------------------------------------------------------


def is_dead(db: ActorDatabase, code: str) -> None:
    """Whatever is asked of a failed database, it answers with the failure."""
    assert not db.is_open
    assert not db.has_writes
    kv = KeyValue(db)
    uses: list[Callable[[], object]] = [
        lambda: kv.get("a"),
        kv.list,
        lambda: kv.put("a", 1),
        lambda: Sql(db).exec("SELECT 1"),
        db.begin,
        db.savepoint,
        db.delete_all,
        lambda: db.size_bytes,
    ]
    for use in uses:
        with pytest.raises(DatabaseFailed) as caught:
            use()
        assert caught.value.code == code
    assert not db.commit()
    db.rollback()
    db.close()


def test_a_full_database_is_dead_and_what_was_committed_is_there(make_db: MakeDatabase) -> None:
    db = make_db(limits=StorageLimits(database_size_bytes_max=40_960))
    kv = KeyValue(db)
    kv.put("small", 1)
    db.commit()
    with pytest.raises(DatabaseFailed) as caught:
        for n in range(100):
            kv.put(f"{n}", "x" * 1000)
    assert "database_size_bytes_max" in caught.value.hint
    is_dead(db, "SQLITE_FULL")
    assert stored(make_db()) == {"small": 1}


def test_garbage_is_no_database(make_db: MakeDatabase) -> None:
    db = make_db()
    db.path.parent.mkdir()
    db.path.write_bytes(b"garbage" * 1000)
    with pytest.raises(DatabaseFailed, match="not a database"):
        KeyValue(db).get("a")
    is_dead(db, "SQLITE_NOTADB")
    assert db.path.read_bytes() == b"garbage" * 1000


def test_a_damaged_page_is_found_when_it_is_read(make_db: MakeDatabase) -> None:
    first = make_db()
    KeyValue(first).put("a", 1)
    first.commit()
    first.close()
    data = bytearray(first.path.read_bytes())
    data[4096:8192] = b"\xff" * 4096
    first.path.write_bytes(data)
    db = make_db()
    with pytest.raises(DatabaseFailed, match="malformed"):
        KeyValue(db).get("a")
    is_dead(db, "SQLITE_CORRUPT")


def test_a_file_open_elsewhere_is_refused(make_db: MakeDatabase) -> None:
    first = make_db()
    KeyValue(first).put("a", 1)
    first.commit()
    second = make_db()
    with pytest.raises(DatabaseFailed):
        KeyValue(second).get("a")
    is_dead(second, "SQLITE_BUSY")
    assert stored(first) == {"a": 1}


def test_a_log_without_its_database_is_not_replayed_into_a_new_one(db: ActorDatabase) -> None:
    db.path.parent.mkdir()
    db.path.with_name("actor.db-wal").write_bytes(b"frames of another life")
    with pytest.raises(DatabaseFailed, match="the database it belongs to is not"):
        KeyValue(db).put("a", 1)
    assert not db.path.exists()
    is_dead(db, "SQLITE_CORRUPT")


def test_a_file_that_cannot_be_made(make_db: MakeDatabase) -> None:
    db = make_db()
    db.path.parent.touch()  # a file where the directory should be
    with pytest.raises(DatabaseFailed):
        KeyValue(db).put("a", 1)
    is_dead(db, "SQLITE_CANTOPEN")


def test_a_statement_that_undoes_the_turn_ends_the_database(
    make_db: MakeDatabase, tmp_path: Path
) -> None:
    db = make_db()
    sql = Sql(db)
    sql.exec("CREATE TABLE t (a UNIQUE); INSERT INTO t VALUES (1)")
    with pytest.raises(DatabaseFailed, match="SQLite undid the transaction of this turn: UNIQUE"):
        sql.exec("INSERT OR ROLLBACK INTO t VALUES (1)")
    is_dead(db, "SQLITE_CONSTRAINT")
    assert stored(make_db()) == {}


def test_a_commit_that_fails_leaves_no_doubt(
    db: ActorDatabase, kv: KeyValue, monkeypatch: pytest.MonkeyPatch
) -> None:
    kv.put("a", 1)

    class Failing:
        """A cursor, with a disk that fails at the commit."""

        def execute(self, sql: str) -> object:
            assert sql == "COMMIT"
            error = apsw.IOError("disk I/O error")
            error.result = apsw.SQLITE_IOERR  # type: ignore[attr-defined]
            raise error

    db._cursor = Failing()  # type: ignore[assignment]
    with pytest.raises(DatabaseFailed, match="disk I/O error"):
        db.commit()
    is_dead(db, "SQLITE_IOERR")


def test_an_ordinary_error_leaves_everything_as_it_was(db: ActorDatabase, kv: KeyValue) -> None:
    kv.put("a", 1)
    with pytest.raises(SqlError, match="no such table: missing: SQLITE_ERROR"):
        db.write("INSERT INTO missing VALUES (1)")
    with pytest.raises(SqlError):
        db.rows("SELECT * FROM missing")
    with pytest.raises(SqlError):
        db.value("SELECT * FROM missing")
    assert db.commit()
    assert stored(db) == {"a": 1}


# --- delete_all ------------------------------------------------------------------------------


def test_delete_all_is_part_of_its_turn(db: ActorDatabase, kv: KeyValue) -> None:
    kv.put("a", 1)
    db.commit()
    db.delete_all()
    assert stored(db) == {}
    db.rollback()
    assert stored(db) == {"a": 1}
    db.delete_all()
    assert db.commit()
    assert stored(db) == {}


def test_delete_all_does_all_or_nothing(
    db: ActorDatabase, kv: KeyValue, monkeypatch: pytest.MonkeyPatch
) -> None:
    kv.put("a", 1)

    def half(connection: apsw.Connection) -> None:
        connection.execute("DELETE FROM _cf_KV")
        connection.execute("SELECT * FROM missing")

    monkeypatch.setattr(eraser, "erase", half)
    with pytest.raises(SqlError, match="no such table: missing"):
        db.delete_all()
    assert not db.is_explicit
    assert db.commit()
    assert stored(db) == {"a": 1}


def test_delete_all_that_ends_the_database(
    db: ActorDatabase, kv: KeyValue, monkeypatch: pytest.MonkeyPatch
) -> None:
    kv.put("a", 1)

    def undo(connection: apsw.Connection) -> None:
        connection.execute("ROLLBACK")
        connection.execute("SELECT * FROM missing")

    monkeypatch.setattr(eraser, "erase", undo)
    with pytest.raises(DatabaseFailed, match="SQLite undid the transaction"):
        db.delete_all()
    is_dead(db, "SQLITE_ERROR")
