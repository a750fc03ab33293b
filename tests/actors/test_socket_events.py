"""What listeners are given."""

from dataclasses import FrozenInstanceError
from typing import get_args

import pytest

from perdure.actors.socket_events import (
    EVENT_NAMES,
    CloseEvent,
    ErrorEvent,
    EventName,
    MessageEvent,
    OpenEvent,
    SocketEvent,
)

EVENTS: list[SocketEvent] = [
    OpenEvent(),
    MessageEvent("text"),
    MessageEvent(b"binary"),
    CloseEvent(1000, "bye", was_clean=True),
    ErrorEvent("Uncaught ValueError: x", ValueError("x")),
]


def test_each_event_carries_the_name_it_is_listened_for_under() -> None:
    assert {event.type for event in EVENTS} == EVENT_NAMES == set(get_args(EventName))
    assert {type(event) for event in EVENTS} == set(get_args(SocketEvent))


@pytest.mark.parametrize("event", EVENTS, ids=repr)
def test_one_listener_cannot_change_what_the_next_one_sees(event: SocketEvent) -> None:
    with pytest.raises(FrozenInstanceError):
        event.type = "other"  # type: ignore[misc,assignment]  # that is what is tested


def test_events_have_the_documented_attributes() -> None:
    assert MessageEvent(b"x").data == b"x"
    close = CloseEvent(1006, "gone", was_clean=False)
    assert (close.code, close.reason, close.was_clean) == (1006, "gone", False)
    error = ValueError("x")
    event = ErrorEvent("Uncaught ValueError: x", error)
    assert (event.message, event.error) == ("Uncaught ValueError: x", error)
