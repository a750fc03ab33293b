"""Commits, and what waits for them."""

import asyncio
import contextvars
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from perdure.actors.commit import Committer
from perdure.actors.ids import DurableObjectId, IdFactory
from perdure.storage.engine import ActorDatabase
from perdure.storage.errors import ConstraintsViolatedAtCommit, DatabaseFailed, PerdureError
from perdure.storage.kv import KeyValue
from perdure.storage.limits import StorageLimits
from perdure.storage.metadata import Metadata
from perdure.storage.sql import Sql
from tests.world import turns


class RecordingIndex:
    """Notes what it is told, and what is durable then."""

    def __init__(self, durable_alarm: Callable[[], int | None]) -> None:
        self.told: list[tuple[int | None, int | None, int]] = []
        self._durable_alarm = durable_alarm

    def committed(self, actor_id: DurableObjectId, time_ms: int | None, lsn: int) -> None:
        self.told.append((time_ms, self._durable_alarm(), lsn))


class Bench:
    """A committer with a real database and nothing else around it."""

    def __init__(self, path: Path, limits: StorageLimits | None = None) -> None:
        self.path = path
        self.database = ActorDatabase(path, limits)
        self.kv = KeyValue(self.database)
        self.metadata = Metadata(self.database)
        self.index = RecordingIndex(self.durable_alarm)
        self.failures: list[PerdureError] = []
        self.left: list[str] = []
        self.committer = Committer(
            IdFactory("bench").id_from_name("one"),
            self.database,
            self.index,
            asyncio.get_running_loop(),
            contextvars.Context(),
            self.fail,
        )

    def fail(self, error: PerdureError) -> None:
        self.failures.append(error)
        self.committer.output.break_()

    def emit(self, name: str) -> None:
        self.committer.output.emit(lambda: self.left.append(name))

    def durable(self, key: str) -> object:
        """What would be found after a crash."""
        with self.after_crash() as database:
            return KeyValue(database).get(key)

    def durable_alarm(self) -> int | None:
        with self.after_crash() as database:
            return Metadata(database).get_alarm_ms()

    def after_crash(self) -> "closing[ActorDatabase]":
        copy = self.path.parent / f"copy {len(list(self.path.parent.iterdir()))}"
        copy.mkdir()
        for file in self.path.parent.glob("*.db*"):
            if not file.name.endswith("-shm"):
                shutil.copy(file, copy)
        return closing(ActorDatabase(copy / self.path.name))


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path / "actor.db")
    yield bench
    bench.database.close()


async def test_a_write_is_committed_in_the_next_iteration(bench: Bench) -> None:
    bench.kv.put("a", 1)
    assert bench.committer.is_dirty()
    assert bench.durable("a") is None
    await asyncio.sleep(0)
    assert not bench.committer.is_dirty()
    assert bench.durable("a") == 1


async def test_all_writes_of_an_iteration_share_one_commit(bench: Bench) -> None:
    bench.kv.put("a", 1)
    asyncio.get_running_loop().call_soon(bench.kv.put, "b", 2)  # behind the commit
    bench.kv.put("c", 3)
    await asyncio.sleep(0)
    assert [bench.durable(key) for key in "abc"] == [1, None, 3]
    await asyncio.sleep(0)
    assert bench.durable("b") == 2


async def test_output_leaves_when_what_was_written_before_it_is_durable(bench: Bench) -> None:
    bench.emit("before any write")
    assert bench.left == ["before any write"]
    bench.kv.put("a", 1)
    bench.committer.output.emit(lambda: bench.left.append(f"a is {bench.durable('a')}"))
    assert len(bench.left) == 1
    await asyncio.sleep(0)
    assert bench.left[1:] == ["a is 1"]


async def test_reading_makes_no_commit_and_holds_nothing_up(bench: Bench) -> None:
    assert bench.kv.get("a") is None
    Sql(bench.database).exec("SELECT 1").one()
    bench.emit("reply")
    assert bench.left == ["reply"]
    await turns(2)
    assert bench.failures == []


async def test_a_commit_asked_for_is_done_at_once(bench: Bench) -> None:
    bench.kv.put("a", 1)
    bench.emit("reply")
    bench.committer.commit()
    assert bench.left == ["reply"]
    assert bench.durable("a") == 1
    bench.committer.commit()  # nothing to do
    await asyncio.sleep(0)
    assert bench.failures == []


async def test_nothing_is_committed_while_an_explicit_transaction_is_open(bench: Bench) -> None:
    bench.database.savepoint()
    bench.kv.put("a", 1)
    bench.emit("reply")
    await turns(3)
    assert bench.durable("a") is None
    assert bench.left == []
    bench.database.release()
    bench.committer.schedule()
    await asyncio.sleep(0)
    assert bench.durable("a") == 1
    assert bench.left == ["reply"]


async def test_the_alarm_index_is_told_once_the_commit_was_made(bench: Bench) -> None:
    bench.committer.alarm_changed = True
    bench.metadata.set_alarm_ms(5000)
    await asyncio.sleep(0)
    assert bench.index.told == [(5000, 5000, 0)]
    bench.committer.alarm_changed = True
    bench.metadata.delete_alarm()
    await asyncio.sleep(0)
    assert bench.index.told[1:] == [(None, None, 0)]


async def test_the_alarm_index_is_told_of_alarms_only(bench: Bench) -> None:
    bench.kv.put("a", 1)
    await asyncio.sleep(0)
    assert bench.index.told == []


async def test_an_alarm_that_was_rolled_back_leaves_the_index_as_the_row_is(bench: Bench) -> None:
    bench.metadata.set_alarm_ms(5000)
    bench.committer.commit()
    bench.database.savepoint()
    bench.committer.alarm_changed = True
    bench.metadata.set_alarm_ms(1000)
    bench.database.rollback_to()
    bench.committer.commit()
    assert bench.index.told == [(5000, 5000, 0)]


async def test_the_alarm_index_does_not_hear_of_a_commit_that_fails(bench: Bench) -> None:
    """The successor's row is as before, and an index that knew better would come late."""
    sql = Sql(bench.database)
    sql.exec("CREATE TABLE p (id INTEGER PRIMARY KEY)")
    sql.exec("CREATE TABLE c (p REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)")
    bench.metadata.set_alarm_ms(5000)
    bench.committer.commit()
    bench.committer.alarm_changed = True
    bench.metadata.set_alarm_ms(9000)
    sql.exec("INSERT INTO c VALUES (17)")
    await asyncio.sleep(0)
    assert len(bench.failures) == 1
    assert bench.index.told == []
    assert bench.durable_alarm() == 5000


async def test_a_commit_that_fails_lets_nothing_out(bench: Bench) -> None:
    sql = Sql(bench.database)
    sql.exec("CREATE TABLE p (id INTEGER PRIMARY KEY)")
    sql.exec("CREATE TABLE c (p REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)")
    await asyncio.sleep(0)
    bench.kv.put("a", 1)
    sql.exec("INSERT INTO c VALUES (17)")
    bench.emit("reply")
    await asyncio.sleep(0)
    [failure] = bench.failures
    assert isinstance(failure, ConstraintsViolatedAtCommit)
    bench.emit("later")
    assert bench.left == []
    assert bench.durable("a") is None
    bench.committer.commit()  # of a broken actor: nothing happens
    assert len(bench.failures) == 1


async def test_a_database_that_failed_fails_the_commit_even_if_its_error_was_caught(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path / "small.db", StorageLimits(database_size_bytes_max=100_000))
    bench.kv.put("a", 1)
    bench.emit("reply")
    with pytest.raises(DatabaseFailed):
        for n in range(100):
            bench.kv.put(f"b{n}", bytes(10_000))
    assert bench.committer.is_dirty(), "what was written before is lost"
    bench.emit("later")
    await asyncio.sleep(0)
    assert bench.left == []
    assert [type(failure) for failure in bench.failures] == [DatabaseFailed]
    assert bench.durable("a") is None
    bench.database.close()


async def test_a_commit_runs_outside_of_any_actors_context(bench: Bench) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    variable.set("the writer's")
    bench.kv.put("a", 1)
    bench.committer.output.emit(lambda: bench.left.append(variable.get()))
    await asyncio.sleep(0)
    assert bench.left == ["unset"]


# Writes that need not be confirmed.


def put_unconfirmed(bench: Bench, key: str) -> None:
    """As ``put`` with ``allow_unconfirmed`` does, in a transaction that has no other writes."""
    bench.kv.put(key, 1)
    bench.database.is_unconfirmed = True


async def test_nothing_waits_for_writes_that_need_not_be_confirmed(bench: Bench) -> None:
    put_unconfirmed(bench, "a")
    bench.emit("reply")
    assert bench.left == ["reply"]
    assert bench.durable("a") is None
    assert bench.committer.is_dirty(), "it would be lost if the actor left memory now"
    await asyncio.sleep(0)
    assert bench.durable("a") == 1
    assert not bench.committer.is_dirty()


async def test_a_write_that_is_confirmed_holds_output_with_all_that_was_written(
    bench: Bench,
) -> None:
    put_unconfirmed(bench, "a")
    bench.kv.put("b", 1)
    bench.emit("reply")
    assert bench.left == []
    await asyncio.sleep(0)
    assert bench.left == ["reply"]
    assert [bench.durable(key) for key in "ab"] == [1, 1]


@pytest.mark.parametrize("query", ["CREATE TABLE t (a)", "SELECT 1; DELETE FROM t"])
async def test_sql_that_writes_is_always_confirmed(bench: Bench, query: str) -> None:
    sql = Sql(bench.database)
    if "DELETE" in query:
        sql.exec("CREATE TABLE t (a)")
        await asyncio.sleep(0)
    put_unconfirmed(bench, "a")
    sql.exec(query)
    bench.emit("reply")
    assert bench.left == []


async def test_reading_what_need_not_be_confirmed_holds_nothing_up(bench: Bench) -> None:
    put_unconfirmed(bench, "a")
    assert bench.kv.get("a") == 1
    assert Sql(bench.database).exec("SELECT 5 AS n").one() == {"n": 5}
    bench.emit("reply")
    assert bench.left == ["reply"]


async def test_deleting_everything_is_a_write_to_be_confirmed(bench: Bench) -> None:
    bench.kv.put("b", 1)
    await asyncio.sleep(0)
    put_unconfirmed(bench, "a")
    bench.database.delete_all()
    bench.emit("reply")
    assert bench.left == []


async def test_an_alarm_that_need_not_be_confirmed_is_in_the_index_all_the_same(
    bench: Bench,
) -> None:
    bench.committer.alarm_changed = True
    bench.metadata.set_alarm_ms(5000)
    bench.database.is_unconfirmed = True
    bench.emit("reply")
    assert bench.left == ["reply"]
    await asyncio.sleep(0)
    assert bench.index.told == [(5000, 5000, 0)]


async def test_a_commit_of_what_need_not_be_confirmed_that_fails_breaks_the_actor(
    bench: Bench,
) -> None:
    sql = Sql(bench.database)
    sql.exec("CREATE TABLE p (id INTEGER PRIMARY KEY)")
    sql.exec("CREATE TABLE c (p REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)")
    await asyncio.sleep(0)
    sql.exec("INSERT INTO c VALUES (17)")
    bench.database.is_unconfirmed = True
    bench.emit("left")
    await asyncio.sleep(0)
    assert [type(failure) for failure in bench.failures] == [ConstraintsViolatedAtCommit]
    bench.emit("too late")
    assert bench.left == ["left"]
