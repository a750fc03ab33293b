"""Events as people read them."""

from typing import Any

import pytest

from perdure.cli.event_line import LABELS, event_line
from perdure.runtime.observe.stream import EVENTS

WHO = {"namespace": "Room", "name": "lobby", "id": "ab" * 32}


def shown(name: str, fields: dict[str, Any]) -> str:
    """The line, without the time of day, which depends on where one is."""
    line = event_line({"time_ms": 1_795_257_551_007, "event": name, **fields}).plain
    time, _, rest = line.partition(" ")
    assert time.endswith(".007")
    return " ".join(rest.split(" ", 1)[0:1]) + " " + rest.partition(" ")[2].strip()


@pytest.mark.parametrize(
    ("name", "fields", "line"),
    [
        (
            "request",
            {"method": "GET", "path": "/a?b", "status": 404, "duration_ms": 1.25, "address": "::1"},
            "request GET /a?b 404 Not Found 1.2 ms address=::1",
        ),
        (
            "message.sent",
            {**WHO, "socket": "0123456789abcdef", "kind": "text", "size_bytes": 2},
            "sent Room lobby text 2 bytes socket=01234567",
        ),
        (
            "alarm",
            {**WHO, "outcome": "error", "then": "retry", "retry_count": 1},
            "alarm Room lobby outcome=error then=retry retry_count=1",
        ),
        (
            "log",
            {"level": "info", "logger": "chat", "message": "hi", "fields": {"who": "me and you"}},
            'log info hi chat who="me and you"',
        ),
        (
            "console",
            {**WHO, "stream": "stdout", "text": "hello there"},
            "console Room lobby hello there",
        ),
        (
            "actor.handled",
            {**WHO, "handler": "fetch", "outcome": "ok", "took_ms": 12.5},
            "handled Room lobby fetch ok took=12 ms",
        ),
        (
            "actor.evicted",
            {**WHO, "name": None, "sockets": 2},
            f"evicted Room {'ab' * 8} sockets=2",
        ),
        ("events.lost", {"count": 1200}, "LOST 1,200 events: they came faster than they were read"),
    ],
)
def test_a_line_says_what_where_and_the_rest(name: str, fields: dict[str, Any], line: str) -> None:
    assert shown(name, fields) == line


def test_an_error_has_its_traceback_below_it() -> None:
    exception = {"type": "KeyError", "message": "'x'", "traceback": "Traceback:\nKeyError: 'x'"}
    text = shown("error", {**WHO, "handler": "fetch", "exception": exception})
    assert text == "error Room lobby in fetch: KeyError: 'x'\n  Traceback:\n  KeyError: 'x'"


def test_an_error_that_is_told_by_itself_has_one_traceback() -> None:
    exception = {"type": "KeyError", "message": "'x'", "traceback": "KeyError: 'x'"}
    event = {"time_ms": 0, "event": "log", "level": "error", "message": "request.failed"}
    for logger, has_errors, count in (
        ("perdure.edge", False, 2),
        ("perdure.edge", True, 1),
        ("chat", True, 2),
    ):
        line = event_line(
            {**event, "logger": logger, "exception": exception}, has_errors=has_errors
        )
        assert len(line.plain.split("\n")) == count


def test_nothing_that_a_client_has_sent_can_move_the_cursor_or_forge_a_line() -> None:
    fields = {"method": "GET", "path": "/\x1b[2J\n", "status": 200, "duration_ms": 1.0}
    assert "/\\x1b[2J\\n 200" in shown("request", fields)
    assert "\n" not in shown("console", {"stream": "stdout", "text": "a\rb\nc"})


def test_every_event_has_a_label() -> None:
    assert set(LABELS) == {*EVENTS, "events.lost"}
