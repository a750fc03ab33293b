"""Records as people and as collectors read them."""

import json
import logging
import re
import sys
from typing import Any

import pytest

from perdure.runtime.observe.formatters import JsonFormatter, TextFormatter, fields_of, utc

MOMENT = 1_774_000_000.25


def record(
    event: str, *args: object, level: int = logging.INFO, failed: bool = False, **fields: object
) -> logging.LogRecord:
    exc_info: Any = None
    if failed:
        try:
            raise ValueError("no \x1b[31mred\ninfo forged")
        except ValueError:
            exc_info = sys.exc_info()
    made = logging.getLogger("perdure.host").makeRecord(
        "perdure.host", level, __file__, 1, event, args, exc_info, None, fields
    )
    made.created = MOMENT
    return made


def text(made: logging.LogRecord, **options: Any) -> str:
    return TextFormatter(**options).format(made)


def as_json(made: logging.LogRecord) -> dict[str, Any]:
    line = JsonFormatter().format(made)
    assert "\n" not in line

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    entry = json.loads(line, parse_constant=refuse)
    assert isinstance(entry, dict)
    return entry


def test_utc_has_milliseconds() -> None:
    assert utc(MOMENT) == "2026-03-20T09:46:40.250Z"


def test_fields_are_what_was_given_as_extra() -> None:
    assert fields_of(record("actor.evicted", actor="a", idle_s=12.0)) == {
        "actor": "a",
        "idle_s": 12.0,
    }


def test_lines_of_several_processes_say_which() -> None:
    made = record("actor.evicted", actor="ab12")
    assert text(made, process="worker-0").endswith(" actor.evicted actor=ab12 process=worker-0")
    assert json.loads(JsonFormatter(process="worker-0").format(made))["process"] == "worker-0"


def test_text_is_one_line_with_the_fields() -> None:
    line = text(record("actor.evicted", actor="ab12", idle_s=12.0))
    assert line == (
        "2026-03-20T09:46:40.250Z info    perdure.host actor.evicted actor=ab12 idle_s=12.0"
    )


def test_a_value_that_is_not_one_word_is_quoted() -> None:
    line = text(record("x", a="", b="two words", c='q"', d="k=v", e="a\nb\x1b[0m"))
    assert line.endswith(r'x a="" b="two words" c="q\"" d="k=v" e="a\nb\u001b[0m"')


def test_brief_text_has_the_time_of_day_and_no_logger() -> None:
    assert re.fullmatch(r"\d\d:\d\d:\d\d warning slow$", text(record("slow", level=30), brief=True))


def test_colour_sets_off_time_level_and_field_names() -> None:
    line = text(record("x", level=logging.ERROR, a=1), colour=True)
    assert "\x1b[31merror  \x1b[0m" in line
    assert "\x1b[2ma=\x1b[0m1" in line
    assert "\x1b" not in text(record("x", level=logging.ERROR, a=1))


def test_a_message_of_user_code_looks_alike() -> None:
    assert text(record("hello %s", "world")).endswith("perdure.host hello world")


def test_nothing_in_a_record_can_pass_for_another_record() -> None:
    shown = text(record("one\n2026-03-20T09:46:40.250Z error forged\x1b[2J", failed=True))
    first, *rest = shown.splitlines()
    assert first.endswith(" one")
    assert rest
    assert all(line.startswith("  ") for line in rest)
    assert "\x1b" not in shown


def test_an_error_stands_below_its_record() -> None:
    lines = text(record("request.failed", failed=True, path="/x")).splitlines()
    assert lines[0].endswith("request.failed path=/x")
    assert lines[1] == "  Traceback (most recent call last):"
    assert lines[-2] == r"  ValueError: no \x1b[31mred"
    assert lines[-1] == "  info forged"


def test_the_stack_is_shown_when_it_was_asked_for() -> None:
    made = record("x")
    made.stack_info = "Stack (most recent call last):\n  here"
    assert text(made).endswith("\n  Stack (most recent call last):\n    here")
    assert as_json(made)["stack"] == made.stack_info


def test_json_is_one_object_with_the_fields() -> None:
    assert as_json(record("actor.evicted", actor="ab12", idle_s=12.0)) == {
        "time": "2026-03-20T09:46:40.250Z",
        "level": "info",
        "logger": "perdure.host",
        "event": "actor.evicted",
        "actor": "ab12",
        "idle_s": 12.0,
    }


def test_json_has_the_error_in_parts() -> None:
    exception = as_json(record("request.failed", failed=True))["exception"]
    assert exception["type"] == "ValueError"
    assert exception["message"] == "no \x1b[31mred\ninfo forged"
    assert exception["traceback"].startswith("Traceback (most recent call last):")


def test_a_field_named_like_a_standard_one_is_kept_beside_it() -> None:
    entry = as_json(record("x", time=1, logger="mine"))
    assert (entry["logger"], entry["logger_"], entry["time_"]) == ("perdure.host", "mine", 1)


def test_json_takes_values_that_json_has_no_form_for() -> None:
    nested = {1: [float("inf"), b"x"]}
    made = record("x", nan=float("nan"), nested=nested, file="\ud800", where=MemoryError)
    entry = as_json(made)
    assert entry["nan"] == "nan"
    assert entry["nested"] == {"1": ["inf", "b'x'"]}
    assert entry["file"] == "\ud800"
    assert entry["where"] == "<class 'MemoryError'>"


def test_an_error_that_cannot_be_printed_does_not_stop_the_log() -> None:
    class Unspeakable(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    made = record("x")
    made.exc_info = (Unspeakable, Unspeakable(), None)
    assert as_json(made)["exception"]["message"] == "<its __str__ raised RuntimeError>"
    assert "Unspeakable" in text(made)


@pytest.mark.parametrize(
    ("level", "colour"), [(10, "2"), (20, "36"), (30, "33"), (40, "31"), (50, "31")]
)
def test_each_level_has_its_colour(level: int, colour: str) -> None:
    assert f"\x1b[{colour}m" in text(record("x", level=level), colour=True, brief=True)
