"""The index of alarms: what is due, and what of it is saved when."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.storage import alarm_index
from perdure.storage.alarm_index import AlarmEntry, AlarmIndex
from perdure.storage.errors import DatabaseFailed
from perdure.storage.saved_alarms import SavedAlarms

A, B = b"a" * 32, b"b" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "alarms.db"


@pytest.fixture
def index(path: Path) -> Iterator[AlarmIndex]:
    index = AlarmIndex(path)
    yield index
    index.close()


def take_all(index: AlarmIndex, now_ms: int = 2**62) -> list[AlarmEntry]:
    return list(iter(lambda: index.take(now_ms), None))


def reopened(index: AlarmIndex, path: Path) -> dict[bytes, int]:
    """What a process finds that starts after this one was killed."""
    index.close()
    again = AlarmIndex(path)
    found = {entry.actor_id: entry.time_ms for entry in take_all(again)}
    again.close()
    return found


# What is due.


def test_alarms_come_in_the_order_of_their_times(index: AlarmIndex) -> None:
    index.put("room", A, 30, "a")
    index.put("room", B, 10, None)
    index.put("hall", A, 20, "a")
    assert len(index) == 3
    assert index.next_time_ms() == 10
    assert index.take(9) is None
    assert take_all(index, 20) == [
        AlarmEntry("room", B, 10, None),
        AlarmEntry("hall", A, 20, "a"),
    ]
    assert index.next_time_ms() == 30


def test_an_actor_has_one_alarm(index: AlarmIndex) -> None:
    index.put("room", A, 30, None)
    index.put("room", A, 20, "a")
    assert index.get("room", A) == 20
    index.put("room", A, 40, None)
    assert index.name("room", A) == "a", "once known, it stays known"
    assert take_all(index) == [AlarmEntry("room", A, 40, "a")]
    index.remove("room", A)
    index.remove("room", A)
    assert index.get("room", A) is None
    assert index.name("room", A) is None
    assert index.next_time_ms() is None
    assert len(index) == 0
    assert (index.get("nowhere", A), index.name("nowhere", A)) == (None, None)


def test_what_was_taken_comes_again_when_it_is_given_back_or_set(index: AlarmIndex) -> None:
    index.put("room", A, 10, None)
    assert index.take(10) is not None
    assert index.take(10) is None
    assert index.get("room", A) == 10
    index.give_back("room", A)
    index.give_back("room", A)
    assert [entry.time_ms for entry in take_all(index)] == [10]
    index.put("room", A, 10, None)
    index.give_back("room", A)
    assert [entry.time_ms for entry in take_all(index)] == [10], "once, not twice"
    index.remove("room", A)
    index.give_back("room", A)
    assert index.take(10) is None


def test_an_answer_corrects_what_was_taken_and_not_changed_since(index: AlarmIndex) -> None:
    index.put("room", A, 10, "a")
    index.correct("room", A, 50)
    assert index.get("room", A) == 10, "it was not taken"
    index.take(10)
    index.correct("room", A, 10)
    index.correct("room", A, 50)
    assert index.next_time_ms() == 50
    assert index.name("room", A) == "a"
    index.take(50)
    index.put("room", A, 50, None)
    index.correct("room", A, None)
    assert index.get("room", A) == 50, "set since"
    index.take(50)
    index.correct("room", A, None)
    assert index.get("room", A) is None


def test_setting_one_alarm_again_and_again_takes_no_room(
    index: AlarmIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alarm_index, "_STALE_MAX", 10)
    index.put("room", B, 7, None)
    index.take(7)
    for time_ms in range(100, 0, -1):
        index.put("room", A, time_ms, None)
    assert len(index._heap) <= 15
    assert [entry.time_ms for entry in take_all(index)] == [1], "and B is taken still"


# What is saved.


def test_what_is_not_durable_is_not_saved(index: AlarmIndex, path: Path) -> None:
    """A crash undoes it: the alarm would come late, or never."""
    index.put("room", A, 30, "a", lsn=1)
    index.put("room", B, 30, "b", lsn=2)
    index.put("room", A, 90, "a", lsn=3)
    index.remove("room", B, lsn=4)
    index.saving(2)()
    assert (index.get("room", A), index.get("room", B)) == (90, None)
    assert reopened(index, path) == {A: 30, B: 30}


def test_what_is_durable_is_saved(index: AlarmIndex, path: Path) -> None:
    index.put("room", A, 30, "a", lsn=1)
    index.put("room", B, 30, "b", lsn=2)
    index.saving(1)()
    index.remove("room", B, lsn=3)
    index.put("room", A, 90, "a", lsn=4)
    index.saving(4)()
    index.saving(5)()
    assert reopened(index, path) == {A: 90}


def test_names_are_saved(index: AlarmIndex, path: Path) -> None:
    index.put("room", A, 30, "a", lsn=1)
    index.put("room", A, 40, None, lsn=2)
    index.saving(2)()
    index.close()
    again = AlarmIndex(path)
    assert take_all(again) == [AlarmEntry("room", A, 40, "a")]
    again.close()


def test_a_correction_is_saved_behind_what_is_on_its_way(index: AlarmIndex, path: Path) -> None:
    index.put("room", A, 30, None, lsn=1)
    index.saving(1)()
    index.put("room", B, 30, None, lsn=5)
    index.take(30)
    index.correct("room", A, None)
    index.saving(4)()
    index.saving(5)()
    assert reopened(index, path) == {B: 30}


def test_what_could_not_be_saved_is_saved_the_next_time(
    index: AlarmIndex, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: SavedAlarms, changes: object) -> None:
        raise DatabaseFailed(path, "the disk is full", code="SQLITE_FULL")

    index.put("room", A, 30, None, lsn=1)
    index.put("room", B, 30, None, lsn=1)
    with monkeypatch.context() as patched:
        patched.setattr(SavedAlarms, "write", fail)
        with pytest.raises(DatabaseFailed):
            index.saving(1)()
        index.remove("room", B, lsn=2)
        with pytest.raises(DatabaseFailed):
            index.saving(2)()
    index.saving(2)()
    assert reopened(index, path) == {A: 30}


def test_what_the_log_knows_is_saved_at_once(index: AlarmIndex, path: Path) -> None:
    index.put("room", A, 30, "a", lsn=1)
    index.put("room", B, 30, "b", lsn=2)
    index.saving(2)()
    index.apply({("room", A): 90, ("room", B): None})
    assert index.next_time_ms() == 90
    assert index.name("room", A) == "a"
    assert reopened(index, path) == {A: 90}


def test_a_namespace_goes_with_its_alarms(index: AlarmIndex, path: Path) -> None:
    for number, namespace in enumerate(("room", "hall")):
        index.put(namespace, A, 1, "a", lsn=1 + number)
    index.saving(1)
    index.take(1)
    index.put("room", B, 2, "b", lsn=3)
    index.put("hall", B, 2, "b", lsn=4)
    index.remove_namespace("room")
    index.give_back("room", A)
    assert {entry.unique_key for entry in take_all(index)} <= {"hall"}
    assert index.get("room", A) is index.get("room", B) is None
    index.saving(4)()
    index.close()
    again = AlarmIndex(path)
    assert {(entry.unique_key, entry.actor_id) for entry in take_all(again)} == {
        ("hall", A),
        ("hall", B),
    }
    again.close()


def test_a_namespace_that_was_removed_stays_away(index: AlarmIndex, path: Path) -> None:
    index.put("room", A, 1, "a", lsn=1)
    index.saving(1)()
    index.remove_namespace("room")
    index.remove_namespace("nowhere")
    assert reopened(index, path) == {}


def test_a_file_that_cannot_be_read_is_closed(path: Path) -> None:
    saved = SavedAlarms(path)
    saved._connection.execute("DROP TABLE alarms").fetchall()
    saved._connection.execute("CREATE VIEW alarms AS SELECT 1 AS x").fetchall()
    saved.close()
    with pytest.raises(DatabaseFailed, match="unique_key"):
        AlarmIndex(path)
