"""The index of alarms: earlier is durable at once, later may wait."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from perdure.storage.alarm_index import AlarmEntry, AlarmIndex
from perdure.storage.errors import DatabaseFailed, UnknownFormat

A, B = b"a" * 32, b"b" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "alarms.db"


@pytest.fixture
def index(path: Path) -> Iterator[AlarmIndex]:
    index = AlarmIndex(path)
    yield index
    index.close()


def test_alarms_come_in_the_order_of_their_times(index: AlarmIndex) -> None:
    index.put("room", A, 30, "a")
    index.put("room", B, 10, None)
    index.put("hall", A, 20, "a")
    assert index.next_time_ms() == 10
    assert index.due(9, 5) == []
    assert index.due(20, 5) == [
        AlarmEntry("room", B, 10, None),
        AlarmEntry("hall", A, 20, "a"),
    ]
    assert index.due(99, 1) == [AlarmEntry("room", B, 10, None)]
    assert len(index.due(99, 5)) == 3


def test_an_actor_has_one_alarm(index: AlarmIndex) -> None:
    index.put("room", A, 30, None)
    index.put("room", A, 20, "a")
    assert index.get("room", A) == 20
    index.put("room", A, 40, "a")
    assert index.due(99, 5) == [AlarmEntry("room", A, 40, "a")]
    index.remove("room", A)
    index.remove("room", A)
    assert index.get("room", A) is None
    assert index.next_time_ms() is None
    assert index.due(2**62, 5) == []


def test_a_namespace_goes_with_its_alarms(index: AlarmIndex) -> None:
    for namespace in ("room", "hall"):
        for actor in (A, B):
            index.put(namespace, actor, 1, None)
    index.remove_namespace("room")
    assert {entry.unique_key for entry in index.due(1, 9)} == {"hall"}


def test_it_is_there_again(index: AlarmIndex, path: Path) -> None:
    index.put("room", A, 30, "a")
    index.close()
    index.close()
    again = AlarmIndex(path)
    try:
        assert again.due(30, 1) == [AlarmEntry("room", A, 30, "a")]
    finally:
        again.close()


def test_only_what_makes_an_alarm_earlier_waits_for_the_disk(index: AlarmIndex) -> None:
    """SQLite's FULL (2) syncs at each commit, NORMAL (1) does not."""

    def synchronous() -> int:
        ((level,),) = index._execute("PRAGMA synchronous")
        return int(level)

    index.put("room", A, 30, None)
    assert synchronous() == 2
    index.put("room", A, 40, None)
    assert synchronous() == 1
    index.put("room", A, 35, None)
    assert synchronous() == 2
    index.remove("room", A)
    assert synchronous() == 1
    index.remove_namespace("room")
    assert synchronous() == 2


def test_what_is_known_is_not_written_again(index: AlarmIndex) -> None:
    index.put("room", A, 30, "a")
    before = index._connection.total_changes()
    index.put("room", A, 30, "a")
    index.remove("room", B)
    assert index._connection.total_changes() == before


def test_a_later_version_is_not_touched(path: Path) -> None:
    later = apsw.Connection(str(path))
    later.execute("PRAGMA user_version = 7")
    later.close()
    data = path.read_bytes()
    with pytest.raises(UnknownFormat, match="has version 7; 1 is known"):
        AlarmIndex(path)
    assert path.read_bytes() == data


def test_what_is_no_index(tmp_path: Path, path: Path) -> None:
    path.write_bytes(b"garbage" * 1000)
    with pytest.raises(DatabaseFailed, match="the index of alarms failed") as caught:
        AlarmIndex(path)
    assert caught.value.code == "SQLITE_NOTADB"
    with pytest.raises(DatabaseFailed, match="the index of alarms failed"):
        AlarmIndex(tmp_path / "missing" / "alarms.db")


def test_one_server_at_a_time(index: AlarmIndex, path: Path) -> None:
    index.put("room", A, 1, None)
    with pytest.raises(DatabaseFailed) as caught:
        AlarmIndex(path)
    assert caught.value.code == "SQLITE_BUSY"
