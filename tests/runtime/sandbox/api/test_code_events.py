"""What comes from inside may be anything."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.sandbox.api.code_events import (
    Execution,
    context_of,
    error_in,
    event_of_original,
    result_of,
)
from perdure.runtime.sandbox.api.code_results import CodeContext, CodeResult, OutputMessage
from perdure.runtime.sandbox.errors import SandboxInterpreterError

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
NAMES = ["text", "json", "chart", "data", "metadata", "ename", "traceback", "timestamp", "png"]
NAMES += ["display_id", "line_number", "execution_count", "id", "created_at", "context"]
TYPES = st.sampled_from(["stdout", "stderr", "result", "error", "execution_complete", 3, None])
tables = st.dictionaries(st.sampled_from(NAMES), anything)
events = st.builds(lambda kind, more: {**more, "type": kind}, TYPES, tables)


@given(st.lists(st.fixed_dictionaries({"event": events | anything, "answer": tables | anything})))
def test_whatever_comes_there_is_a_result_of_plain_values(messages: list[dict[str, Any]]) -> None:
    execution = Execution("code")
    for message in messages:
        execution.take(message)
    result = execution.result()
    texts = [*result.logs.stdout, *result.logs.stderr]
    texts += [each.text for each in result.results if each.text is not None]
    texts += result.error.traceback if result.error is not None else []
    assert all(isinstance(text, str) for text in texts)
    assert isinstance(result.dropped_bytes, int)
    assert result.execution_count is None or isinstance(result.execution_count, int)


@given(anything | tables)
def test_a_context_is_one_or_an_error(record: Any) -> None:
    with contextlib.suppress(SandboxInterpreterError):
        assert isinstance(context_of(record), CodeContext)


def test_a_context_has_moments_as_text() -> None:
    record = {"id": "x", "language": "python", "cwd": "/", "created_at": 0, "last_used": 1.5}
    assert context_of(record) == CodeContext(
        id="x",
        language="python",
        cwd="/",
        created_at="1970-01-01T00:00:00.000Z",
        last_used="1970-01-01T00:00:01.500Z",
    )
    for moment in (None, "now", float("nan"), 1e300):
        with pytest.raises(SandboxInterpreterError) as caught:
            context_of({**record, "created_at": moment})
        assert caught.value.code == "INTERPRETER_NOT_READY"


def test_callbacks_get_what_has_come() -> None:
    execution = Execution("code")
    event = {"type": "stdout", "text": "a", "timestamp": 5}
    assert execution.take({"event": event}) == ("stdout", OutputMessage(text="a", timestamp=5))
    kind, result = execution.take({"event": {"type": "result", "text": "1"}})
    assert (kind, result) == ("result", CodeResult(text="1"))
    assert execution.take({"event": {"type": "execution_complete"}})[1] is None
    assert execution.take({}) == ("", None)


def test_a_newer_state_takes_the_place_of_the_older_one() -> None:
    execution = Execution("code")
    for text, name in (("1", "a"), ("2", None), ("3", "a"), ("4", "b")):
        execution.take({"event": {"type": "result", "text": text, "display_id": name}})
    assert [each.text for each in execution.result().results] == ["3", "2", "4"]


def test_an_error_and_a_chart_have_what_is_known() -> None:
    assert error_in({}).name == "Error"
    assert result_of({"chart": {"type": "no", "library": "plotly"}}).chart is not None
    chart = result_of({"chart": {"type": ["bar"], "title": 3}}).chart
    assert chart is not None
    assert (chart.type, chart.title) == ("unknown", None)


def test_events_are_sent_with_the_names_of_the_original() -> None:
    event = {"type": "error", "ename": "E", "line_number": 3, "display_id": "x", "text": None}
    assert event_of_original(event) == {"type": "error", "ename": "E", "lineNumber": 3}
    event = {"type": "result", "json": None, "execution_count": 1, "is_update": True}
    assert json.loads(json.dumps(event_of_original(event))) == {
        "type": "result",
        "execution_count": 1,
    }
