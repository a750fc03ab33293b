"""What is said of a message that kills."""

from typing import Any

import pytest

from perdure.actors.http import Request
from perdure.runtime.shards.sockets.deadly import report_deadly


@pytest.mark.parametrize(
    ("name", "actor"), [("lobby", "lobby"), (None, "07" * 32)], ids=["named", "by id"]
)
def test_the_log_names_the_actor_and_its_handler(
    caplog: pytest.LogCaptureFixture, name: str | None, actor: str
) -> None:
    kept: list[Any] = ["app-Room", b"\x07" * 32, name, "session", [], None]
    reason = report_deadly(kept, Request("http://x/room?token=secret"), 3)
    assert reason == "3 processes in a row have died in web_socket_message of app-Room"
    [record] = caplog.records
    said = vars(record)
    assert (record.getMessage(), said["deaths"]) == ("websocket.message.deadly", 3)
    assert (said["namespace"], said["actor"]) == ("app-Room", actor)
    assert (said["handler"], said["url"]) == ("web_socket_message", "http://x/room")


def test_of_a_listener_only_the_request_is_known(caplog: pytest.LogCaptureFixture) -> None:
    reason = report_deadly(None, Request("http://x/room"), 3)
    assert reason == "3 processes in a row have died in a message listener"
    assert vars(caplog.records[0])["url"] == "http://x/room"


def test_the_reason_fits_into_a_close_frame() -> None:
    kept: list[Any] = ["\u00fc" * 300, bytes(32), "name", "session", [], None]
    assert len(report_deadly(kept, None, 3).encode()) <= 123
