from dataclasses import fields
from typing import Any

from perdure.actors.records import payload_of_record, record_of
from perdure.runtime.sandbox.api.code_results import (
    FORMATS,
    ChartData,
    CodeResult,
    ExecutionError,
    ExecutionLogs,
    ExecutionResult,
)


def test_formats_are_those_that_it_has() -> None:
    assert CodeResult().formats() == []
    assert CodeResult(data={"a/b": 1}, metadata={"a/b": {}}).formats() == []
    assert CodeResult(text="", json=False).formats() == ["text", "json"]
    chart = ChartData(type="bar")
    everything: dict[str, Any] = {name: chart if name == "chart" else "x" for name in FORMATS}
    assert CodeResult(**everything).formats() == list(FORMATS)
    assert {field.name for field in fields(CodeResult)} == {*FORMATS, "data", "metadata"}


def test_calls_carry_them_as_what_they_are() -> None:
    result = ExecutionResult(
        code="1",
        logs=ExecutionLogs(stdout=["a"], stderr=[]),
        results=[
            CodeResult(text="1", json={"a": [1, None]}, chart=ChartData(type="pie", data=[1]))
        ],
        error=ExecutionError(name="E", message="m", traceback=["t"], line_number=3),
        execution_count=2,
        context_id="x",
    )
    assert record_of(payload_of_record(result, "a result")) == result
