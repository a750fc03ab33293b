"""The runtime's own rows lie in the actor's transaction."""

from collections.abc import Callable

import pytest

from perdure.storage.engine import ActorDatabase
from perdure.storage.metadata import Metadata


@pytest.fixture
def metadata(db: ActorDatabase) -> Metadata:
    return Metadata(db)


def test_the_alarm(metadata: Metadata) -> None:
    assert metadata.get_alarm_ms() is None
    metadata.set_alarm_ms(1_700_000_000_000)
    assert metadata.get_alarm_ms() == 1_700_000_000_000
    metadata.set_alarm_ms(5)
    assert metadata.get_alarm_ms() == 5
    metadata.delete_alarm()
    assert metadata.get_alarm_ms() is None


def test_the_name(metadata: Metadata, db: ActorDatabase) -> None:
    assert metadata.get_name() is None
    metadata.set_name("room-42")
    assert db.commit()
    metadata.set_name("room-42")
    assert not db.has_writes
    assert metadata.get_name() == "room-42"


def test_small_values_of_its_own(metadata: Metadata) -> None:
    assert metadata.get_value("incarnation") is None
    metadata.set_value("incarnation", [1, "x"])
    metadata.set_value("alarm", "is not the alarm")
    assert metadata.get_value("incarnation") == [1, "x"]
    assert metadata.get_alarm_ms() is None
    metadata.set_value("incarnation", None)
    assert metadata.get_value("incarnation") is None


def test_reading_makes_no_file(metadata: Metadata, db: ActorDatabase) -> None:
    assert metadata.get_alarm_ms() is None
    metadata.delete_alarm()
    metadata.set_value("x", None)
    assert not db.path.exists()


def test_deleting_no_alarm_writes_nothing(metadata: Metadata, db: ActorDatabase) -> None:
    metadata.set_name("a")
    db.commit()
    metadata.delete_alarm()
    assert not db.has_writes


def test_it_is_undone_with_the_rest(metadata: Metadata, db: ActorDatabase) -> None:
    metadata.set_alarm_ms(1)
    db.commit()
    db.savepoint()
    metadata.set_alarm_ms(2)
    db.rollback_to()
    assert metadata.get_alarm_ms() == 1
    metadata.set_alarm_ms(3)
    db.rollback()
    assert metadata.get_alarm_ms() == 1


def test_it_survives(make_db: Callable[..., ActorDatabase]) -> None:
    first = make_db()
    Metadata(first).set_alarm_ms(7)
    Metadata(first).set_name("a")
    first.commit()
    first.close()
    again = Metadata(make_db())
    assert (again.get_alarm_ms(), again.get_name()) == (7, "a")
