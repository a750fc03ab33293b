"""The environ of a request."""

from collections.abc import Coroutine
from typing import Any

from perdure import Request
from perdure.actors.body import BytesSource
from perdure.runtime.compat.gateway.wsgi_environ import environ_of


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """What waits for nothing can be run without a loop."""
    try:
        work.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits")


def test_cookies_are_joined_as_cookies() -> None:
    headers = [("Cookie", "a=1"), ("Cookie", "b=2"), ("Content-Type", "text/x")]
    environ = environ_of(Request("http://do:81/?x", method="POST", headers=headers, body="12"), run)
    assert environ["HTTP_COOKIE"] == "a=1; b=2"
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("do", "81")
    assert (environ["CONTENT_TYPE"], environ["CONTENT_LENGTH"]) == ("text/x", "2")
    assert environ["wsgi.input"].read() == b"12"


def test_a_stream_is_a_file_with_lines() -> None:
    source = BytesSource(b"first\nsecond\nthird")
    environ = environ_of(Request("http://do/", method="POST", body=source), run)
    file = environ["wsgi.input"]
    assert file.readline() == b"first\n"
    assert file.read(3) == b"sec"
    assert list(file) == [b"ond\n", b"third"]
    assert file.read() == b""
    assert "CONTENT_LENGTH" not in environ
