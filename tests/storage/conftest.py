"""Databases for the tests of storage, closed when a test ends."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from perdure.storage.engine import ActorDatabase
from perdure.storage.kv import KeyValue
from perdure.storage.limits import StorageLimits
from perdure.storage.log import CommitLog
from perdure.storage.log_start import LogStart
from perdure.storage.sql import Sql
from tests.storage.flushed import TIME_MS, Loop, MakeLog
from tests.storage.logged import Bench

MakeDatabase = Callable[..., ActorDatabase]


@pytest.fixture
def make_db(tmp_path: Path) -> Iterator[MakeDatabase]:
    """Databases in a directory of their own; the same name is the same file."""
    made: list[ActorDatabase] = []

    def make(name: str = "actor", **options: object) -> ActorDatabase:
        database = ActorDatabase(tmp_path / "actors" / f"{name}.db", **options)  # type: ignore[arg-type]
        made.append(database)
        return database

    yield make
    for database in made:
        database.close()


@pytest.fixture
def db(make_db: MakeDatabase) -> ActorDatabase:
    return make_db()


@pytest.fixture
def kv(db: ActorDatabase) -> KeyValue:
    return KeyValue(db)


@pytest.fixture
def sql(db: ActorDatabase) -> Sql:
    return Sql(db)


@pytest.fixture
def small_limits() -> StorageLimits:
    """Limits that a test can exceed."""
    return StorageLimits(
        key_size_bytes_max=16,
        value_size_bytes_max=64,
        keys_per_batch_max=3,
        sql_statement_size_bytes_max=40,
        database_size_bytes_max=40_960,
    )


@pytest.fixture(params=[pytest.param(1, id="one log"), pytest.param(3, id="three logs")])
def bench(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    bench = Bench(tmp_path / "data", request.param)
    yield bench
    bench.close()


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def make_log(tmp_path: Path, loop: Loop) -> Iterator[MakeLog]:
    """Commit logs in one directory, each begun by the test."""
    made: list[CommitLog] = []

    def make(start: LogStart | None = None, **options: Any) -> CommitLog:
        log = CommitLog(
            tmp_path,
            start or LogStart(),
            notify=loop.notify,
            time_ms=lambda: TIME_MS,
            on_failure=loop.failures.append,
            **options,
        )
        made.append(log)
        return log

    yield make
    for log in made:
        log.close()
