"""No more files are open than there is room for, and those in use stay open."""

import resource

import pytest

from perdure.storage import pool
from perdure.storage.kv import KeyValue
from perdure.storage.pool import raise_descriptor_limit
from tests.storage.logged import KEY, Bench, flusher_asleep, put


def ids(count: int) -> list[bytes]:
    return [bytes([number]) * 32 for number in range(count)]


def test_files_not_used_lately_are_closed_and_open_again_by_themselves(bench: Bench) -> None:
    store = bench.open(open_max=3)
    databases = [store.database(KEY, actor) for actor in ids(8)]
    for number, database in enumerate(databases):
        put(database, number=number)
        store.log.wait()
    assert sum(database.is_open for database in databases) == 3
    assert databases[-1].is_open
    for number, database in enumerate(databases):
        assert KeyValue(database).get("number") == number
        assert database.is_open
    assert sum(database.is_open for database in databases) == 3


def test_a_file_in_use_gets_a_second_chance(bench: Bench) -> None:
    store = bench.open(open_max=3)
    databases = [store.database(KEY, actor) for actor in ids(8)]
    for database in databases:
        put(database, a=1)
        store.log.wait()
        KeyValue(databases[0]).get("a")
    assert databases[0].is_open


def test_a_file_in_the_middle_of_something_stays_open(bench: Bench) -> None:
    store = bench.open(open_max=1)
    writing, waiting, *others = (store.database(KEY, actor) for actor in ids(6))
    KeyValue(writing).put("a", 1)  # not committed
    with flusher_asleep(store):
        put(waiting, a=1)  # not durable
        for database in others:
            KeyValue(database).list()
            put(database, a=1)
        assert writing.is_open
        assert waiting.is_open
    writing.commit()
    store.log.wait()
    KeyValue(store.database(KEY, b"z" * 32)).put("a", 1)
    assert sum(database.is_open for database in (writing, waiting, *others)) <= 1


def test_a_cursor_reads_on_after_its_file_was_closed(bench: Bench) -> None:
    from perdure.storage.sql import Sql

    store = bench.open()
    database = store.database(KEY, ids(1)[0])
    sql = Sql(database)
    sql.exec("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2), (3)")
    database.commit()
    store.log.wait()
    rows = iter(sql.exec("SELECT a FROM t"))
    assert next(rows) == {"a": 1}
    database.commit()
    assert database.park()
    assert not database.is_open
    assert list(rows) == [{"a": 2}, {"a": 3}]


def test_as_many_descriptors_as_the_system_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = (256, 4096)

    def setrlimit(_: int, wanted: tuple[int, int]) -> None:
        nonlocal limits
        limits = wanted

    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", setrlimit)
    assert raise_descriptor_limit() == pool.OPEN_MAX
    assert limits == (4096, 4096)
    limits = (100, 100)
    assert raise_descriptor_limit() == 1
