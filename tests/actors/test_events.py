"""What is delivered to actors."""

from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from perdure.actors.events import AlarmEvent, CallEvent, Event, FetchEvent
from perdure.actors.http import Request

EVENTS: list[Any] = [
    FetchEvent(Request("http://actor/")),
    AlarmEvent(1000, 2),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_cannot_be_changed_on_its_way(event: Event) -> None:
    for field in fields(event):
        with pytest.raises(FrozenInstanceError):
            setattr(event, field.name, None)
    assert not hasattr(event, "__dict__")


def test_events_are_values() -> None:
    assert CallEvent("add", b"x") == CallEvent("add", b"x")
    assert CallEvent("add", b"x") != CallEvent("add", b"y")
    assert AlarmEvent(1000, 2) == AlarmEvent(scheduled_time_ms=1000, retry_count=2)
    assert len({AlarmEvent(1000, 0), AlarmEvent(1000, 0), AlarmEvent(1000, 1)}) == 2
