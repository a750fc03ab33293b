"""A statement may not hold up the process for longer than its budget."""

from collections.abc import Callable

import pytest

from perdure.storage.engine import ActorDatabase
from perdure.storage.errors import DatabaseFailed, SqlError
from perdure.storage.limits import StorageLimits
from perdure.storage.sql import Sql

FOREVER = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "


class FakeClock:
    """A second passes each time somebody looks."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        self.now_s += 1.0
        return self.now_s


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def db(make_db: Callable[..., ActorDatabase], clock: FakeClock) -> ActorDatabase:
    return make_db(limits=StorageLimits(sql_time_budget_s=5.0), monotonic=clock)


def test_a_query_without_end_is_stopped(db: ActorDatabase) -> None:
    sql = Sql(db)
    with pytest.raises(SqlError) as caught:
        sql.exec(FOREVER + "SELECT count(*) FROM c")
    assert str(caught.value) == (
        "the statement ran longer than 5.0 s (perdure.limits.sql_time_budget_s): SQLITE_INTERRUPT"
    )
    assert sql.exec("SELECT 1 AS a").one() == {"a": 1}


def test_each_read_from_a_cursor_has_the_whole_budget(db: ActorDatabase, clock: FakeClock) -> None:
    cursor = Sql(db).exec(FOREVER + "SELECT x FROM c WHERE x % 3000 = 0")
    for _ in range(20):
        assert next(cursor)["x"] % 3000 == 0
    assert clock.now_s > 10
    with pytest.raises(SqlError, match="longer than"):
        cursor.to_array()


def test_a_write_that_is_stopped_undoes_its_turn(db: ActorDatabase) -> None:
    sql = Sql(db)
    sql.exec("CREATE TABLE t (a)")
    with pytest.raises(
        DatabaseFailed, match=r"undid the transaction .* longer than 5.0 s"
    ) as caught:
        sql.exec(FOREVER + "INSERT INTO t SELECT x FROM c")
    assert caught.value.code == "SQLITE_INTERRUPT"


def test_our_own_statements_have_no_budget(
    make_db: Callable[..., ActorDatabase], clock: FakeClock
) -> None:
    db = make_db(limits=StorageLimits(sql_time_budget_s=0.5), monotonic=clock)
    db.begin()
    assert db.value(FOREVER + "SELECT count(*) FROM (SELECT x FROM c LIMIT 50000)") == 50000
    assert clock.now_s == 0


def test_without_a_clock_there_is_no_budget(make_db: Callable[..., ActorDatabase]) -> None:
    db = make_db(limits=StorageLimits(sql_time_budget_s=0.0))
    cursor = Sql(db).exec(FOREVER + "SELECT count(*) AS n FROM (SELECT x FROM c LIMIT 50000)")
    assert cursor.one() == {"n": 50000}
