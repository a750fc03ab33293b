"""One call sets up all logging of the process."""

import io
import json
import logging
import warnings
from collections.abc import Iterator

import pytest

from perdure.runtime.observe.logs import LIBRARIES, LogStyle, set_up_logs


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in LIBRARIES}
    root.handlers[:] = []  # else they would be closed, and pytest needs its own
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def test_user_code_is_heard_from_the_level_on() -> None:
    stream = io.StringIO()
    set_up_logs(stream, LogStyle(level="info"))
    log = logging.getLogger("chat")
    log.debug("too much")
    log.info("as much as this")
    assert stream.getvalue().endswith(" info    chat as much as this\n")
    assert stream.getvalue().count("\n") == 1


def test_libraries_are_heard_when_something_is_wrong() -> None:
    stream = io.StringIO()
    set_up_logs(stream, LogStyle(level="debug", brief=True))
    logging.getLogger("asyncio").debug("Using selector")
    logging.getLogger("asyncio").warning("slow")
    logging.getLogger("perdure.host").debug("all of ours")
    assert [line[9:] for line in stream.getvalue().splitlines()] == [
        "warning slow",
        "debug   all of ours",
    ]


def test_json_is_chosen_with_a_flag() -> None:
    stream = io.StringIO()
    set_up_logs(stream, LogStyle(as_json=True))
    logging.getLogger("perdure.server").info("server.ready", extra={"url": "http://x"})
    assert json.loads(stream.getvalue())["url"] == "http://x"


def test_a_second_call_takes_the_place_of_the_first() -> None:
    first, second = io.StringIO(), io.StringIO()
    set_up_logs(first, LogStyle())
    set_up_logs(second, LogStyle())
    logging.getLogger("x").error("once")
    assert first.getvalue() == ""
    assert second.getvalue().count("once") == 1


def test_warnings_of_python_go_the_same_way() -> None:
    stream = io.StringIO()
    set_up_logs(stream, LogStyle(as_json=True))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    entry = json.loads(stream.getvalue())
    assert entry["logger"] == "py.warnings"
    assert "DeprecationWarning: old" in entry["event"]
