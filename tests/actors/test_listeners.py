"""Who hears the events of a WebSocket."""

from typing import Any

import pytest

from perdure.actors.listeners import SocketListeners
from perdure.storage.errors import UsageError


def nothing(event: Any) -> None:
    del event


def other(event: Any) -> None:
    del event


def test_the_attribute_hears_first_then_the_added_in_order() -> None:
    target = SocketListeners()
    assert target.listeners("close") == []
    target.add_event_listener("close", other)
    target.add_event_listener("close", other)
    target.on_close = nothing
    assert target.listeners("close") == [nothing, other]


def test_who_listens_once_is_forgotten_when_asked_for() -> None:
    target = SocketListeners()
    target.add_event_listener("message", nothing, once=True)
    assert target.has_listeners
    assert target.listeners("message") == [nothing]
    assert target.listeners("message") == []
    assert not target.has_listeners


def test_who_hears_messages_is_known_anew_after_each_change() -> None:
    target = SocketListeners()
    assert tuple(target.message_listeners()) == ()
    target.on_message = nothing
    assert tuple(target.message_listeners()) == (nothing,)
    target.add_event_listener("message", other)
    assert tuple(target.message_listeners()) == (nothing, other)
    assert target.message_listeners() is target.message_listeners()
    target.remove_event_listener("message", other)
    target.on_message = None
    assert tuple(target.message_listeners()) == ()
    target.add_event_listener("message", other, once=True)
    assert tuple(target.message_listeners()) == (other,)
    assert tuple(target.message_listeners()) == ()


def test_who_is_removed_hears_nothing() -> None:
    target = SocketListeners()
    target.remove_event_listener("error", nothing)
    target.add_event_listener("error", nothing)
    target.remove_event_listener("error", other)
    assert target.listeners("error") == [nothing]
    target.remove_event_listener("error", nothing)
    assert target.listeners("error") == []


def test_there_are_four_events() -> None:
    with pytest.raises(
        UsageError, match="no event 'opened'; there are close, error, message, open"
    ):
        SocketListeners().add_event_listener("opened", nothing)  # type: ignore[arg-type]  # tested
