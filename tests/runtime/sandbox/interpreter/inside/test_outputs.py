import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.sandbox.interpreter.inside import outputs
from perdure.runtime.sandbox.interpreter.inside.outputs import OVERHEAD_BYTES, Outputs, encode

MARK = "is left out"


class Sent:
    def __init__(self) -> None:
        self.lines: list[bytes] = []

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line)["event"] for line in self.lines]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "TEXT_BYTES_MAX", 4000)
    monkeypatch.setattr(outputs, "RESULTS_BYTES_MAX", 4000)


def test_what_is_not_too_much_goes_as_it_is() -> None:
    sent = Sent()
    out = Outputs(sent.lines.append)
    out.emit({"type": "stdout", "text": "a\n\u2028é"})
    out.emit({"type": "result", "text": "1", "json": [1]})
    out.emit({"type": "execution_complete", "execution_count": 1})
    events = sent.events
    assert all(event.pop("timestamp") > 0 for event in events)
    assert events == [
        {"type": "stdout", "text": "a\n\u2028é"},
        {"type": "result", "text": "1", "json": [1]},
        {"type": "execution_complete", "execution_count": 1},
    ]
    assert out.dropped_bytes == 0


@pytest.mark.usefixtures("small")
def test_of_too_much_text_the_beginning_goes_and_a_mark_once() -> None:
    sent = Sent()
    out = Outputs(sent.lines.append)
    for _ in range(100):
        out.emit({"type": "stdout", "text": "x" * 1000})
    out.emit({"type": "stderr", "text": "y"})
    out.emit({"type": "stderr", "text": "y"})
    texts = [event["text"] for event in sent.events]
    assert texts[0] == "x" * 1000
    assert [MARK in text for text in texts[-2:]] == [True, True]  # one for each stream
    assert sum(MARK in text for text in texts) == 2
    assert out.dropped_bytes > 90_000


@pytest.mark.usefixtures("small")
def test_a_result_that_is_too_large_is_left_out_and_a_smaller_one_after_it_is_not() -> None:
    sent = Sent()
    out = Outputs(sent.lines.append)
    out.emit({"type": "result", "png": "x" * 5000})
    out.emit({"type": "result", "text": "small"})
    out.emit({"type": "stdout", "text": "written"})
    assert [event["text"].startswith("[perdure: ") for event in sent.events] == [True, False, False]
    assert out.dropped_bytes > 5000


@pytest.mark.usefixtures("small")
def test_many_that_are_small_are_too_many() -> None:
    sent = Sent()
    out = Outputs(sent.lines.append)
    for _ in range(1000):
        out.emit({"type": "result"})
    assert len(sent.lines) < 4000 / OVERHEAD_BYTES + 1


@given(st.lists(st.tuples(st.sampled_from(["stdout", "stderr", "result"]), st.text(max_size=3000))))
def test_there_is_an_end_to_what_is_sent(given_events: list[tuple[str, str]]) -> None:
    sent = Sent()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outputs, "TEXT_BYTES_MAX", 4000)
        patch.setattr(outputs, "RESULTS_BYTES_MAX", 4000)
        out = Outputs(sent.lines.append)
        for kind, text in given_events:
            out.emit({"type": kind, "text": text})
    kept = [event for event in sent.events if MARK not in event["text"]]
    marks = [event for event in sent.events if MARK in event["text"]]
    assert sum(len(encode({"event": event})) for event in kept) <= 8000
    assert len({event["type"] for event in marks}) == len(marks)
    assert bool(marks) == (out.dropped_bytes > 0)
    for kind in ("stdout", "stderr"):
        whole = "".join(text for each, text in given_events if each == kind)
        assert whole.startswith("".join(event["text"] for event in kept if event["type"] == kind))


def test_what_is_no_json_goes_as_text_on_one_line() -> None:
    assert json.loads(encode({"a": {1}})) == {"a": "{1}"}
    assert encode({"a": "\ud800\n"}).count(b"\n") == 1
