"""What is said of a message that kills."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from perdure.actors.http import Request
from perdure.runtime.shards.sockets.deadly import report_deadly


def asked() -> Request:
    return Request("http://x/room?token=secret")


@dataclass
class Held:
    kept: list[Any] | None = None
    whose: list[Any] | None = None
    request: Request | None = field(default_factory=asked)


@pytest.mark.parametrize(
    ("name", "actor"), [("lobby", "lobby"), (None, "07" * 32)], ids=["named", "by id"]
)
def test_the_log_names_the_actor_and_its_handler(
    caplog: pytest.LogCaptureFixture, name: str | None, actor: str
) -> None:
    whose: list[Any] = ["app-Room", b"\x07" * 32, name, "session"]
    reason = report_deadly(Held([*whose, [], None], whose), 3)
    assert reason == "3 processes in a row have died in web_socket_message of app-Room"
    [record] = caplog.records
    said = vars(record)
    assert (record.getMessage(), said["deaths"]) == ("websocket.message.deadly", 3)
    assert (said["namespace"], said["actor"]) == ("app-Room", actor)
    assert (said["handler"], said["url"]) == ("web_socket_message", "http://x/room")


def test_of_a_listener_the_actor_is_named_or_only_the_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reason = report_deadly(Held(whose=["app-Room", bytes(32), "lobby", "session"]), 3)
    assert reason == "3 processes in a row have died in a message listener of app-Room"
    assert vars(caplog.records[0])["actor"] == "lobby"
    assert report_deadly(Held(), 3) == "3 processes in a row have died in a message listener"
    assert vars(caplog.records[1])["url"] == "http://x/room"


@pytest.mark.parametrize("is_listener", [False, True])
def test_the_reason_fits_into_a_close_frame(*, is_listener: bool) -> None:
    whose: list[Any] = ["\u00fc" * 300, bytes(32), "name", "session"]
    held = Held(None if is_listener else [*whose, [], None], whose, None)
    assert len(report_deadly(held, 3).encode()) <= 123
