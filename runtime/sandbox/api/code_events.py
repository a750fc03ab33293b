"""What comes out of a code host, as programs have it. It may be anything: it comes from inside."""

import time
from collections.abc import Mapping
from typing import Any, Final, get_args, get_type_hints

from ..errors import SandboxError, error_of
from ..results import timestamp_of
from .code_results import (
    FORMATS,
    ChartData,
    CodeContext,
    CodeResult,
    ExecutionError,
    ExecutionLogs,
    ExecutionResult,
    OutputMessage,
)

_TEXTS: Final = tuple(name for name in FORMATS if name not in {"json", "chart"})
_CHARTS: Final = get_args(get_type_hints(ChartData)["type"])
# Ours to put updates in their places.
_OWN: Final = {"display_id", "is_update", "line_number"}


class Execution:
    """What is known so far of code that runs."""

    def __init__(self, code: str) -> None:
        self._code = code
        self._logs: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self._results: list[CodeResult] = []
        self._places: dict[str, int] = {}
        self._error: ExecutionError | None = None
        self._answer: Mapping[str, Any] = {}

    def take(self, message: Mapping[str, Any]) -> tuple[str, Any]:
        """Take what comes; return its kind, and what a callback for that kind gets, or None."""
        answer, event = message.get("answer"), message.get("event")
        if isinstance(answer, dict):
            self._answer = answer
        if not isinstance(event, dict):
            return "", None
        kind = str(event.get("type"))
        if kind in self._logs:
            output = OutputMessage(text=_text(event, "text") or "", timestamp=_moment(event))
            self._logs[kind].append(output.text)
            return kind, output
        if kind == "result":
            result = result_of(event)
            self._place(result, event)
            return kind, result
        if kind == "error":
            self._error = error_in(event)
            return kind, self._error
        return kind, None

    def result(self) -> ExecutionResult:
        """What became of it."""
        context = self._answer.get("context")
        return ExecutionResult(
            code=self._code,
            logs=ExecutionLogs(stdout=self._logs["stdout"], stderr=self._logs["stderr"]),
            results=self._results,
            error=self._error,
            execution_count=_whole(self._answer, "execution_count"),
            context_id=_text(context, "id") if isinstance(context, dict) else None,
            dropped_bytes=_whole(self._answer, "dropped_bytes") or 0,
        )

    def _place(self, result: CodeResult, event: Mapping[str, Any]) -> None:
        """Put it behind the others, or in the place of what it is a newer state of."""
        name = _text(event, "display_id")
        if name is not None and name in self._places:
            self._results[self._places[name]] = result
            return
        if name is not None:
            self._places[name] = len(self._results)
        self._results.append(result)


def result_of(event: Mapping[str, Any]) -> CodeResult:
    """What code has shown."""
    data, metadata = event.get("data"), event.get("metadata")
    return CodeResult(
        **{name: _text(event, name) for name in _TEXTS},
        json=event.get("json"),
        chart=_chart(event.get("chart")),
        data=data if isinstance(data, dict) else None,
        metadata=metadata if isinstance(metadata, dict) and metadata else None,
    )


def error_in(event: Mapping[str, Any]) -> ExecutionError:
    """What went wrong in code."""
    traceback = event.get("traceback")
    return ExecutionError(
        name=_text(event, "ename") or "Error",
        message=_text(event, "evalue") or "",
        traceback=[str(line) for line in traceback] if isinstance(traceback, list) else [],
        line_number=_whole(event, "line_number"),
    )


def context_of(record: Any) -> CodeContext:
    """What is told of a context.

    Raises:
        SandboxError: It is none.
    """
    if not isinstance(record, dict) or not isinstance(record.get("id"), str):
        raise _garbled()
    return CodeContext(
        id=record["id"],
        language=_text(record, "language") or "",
        cwd=_text(record, "cwd") or "",
        created_at=_when(record, "created_at"),
        last_used=_when(record, "last_used"),
    )


def event_of_original(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event with the original's names, as it is sent to those who read the stream."""
    fields = {k: v for k, v in event.items() if v is not None and k not in _OWN}
    if (line := _whole(event, "line_number")) is not None:
        fields["lineNumber"] = line
    return fields


def _chart(chart: Any) -> ChartData | None:
    if not isinstance(chart, dict):
        return None
    kind: Any = chart.get("type")
    return ChartData(
        type=kind if kind in _CHARTS else "unknown",
        title=_text(chart, "title"),
        data=chart.get("data"),
        layout=chart.get("layout"),
        config=chart.get("config"),
        library=_text(chart, "library") or "unknown",
        image=_text(chart, "image"),
    )


def _text(table: Mapping[str, Any], name: str) -> str | None:
    value = table.get(name)
    return value if isinstance(value, str) else None


def _whole(table: Mapping[str, Any], name: str) -> int | None:
    value = table.get(name)
    return value if type(value) is int else None


def _moment(event: Mapping[str, Any]) -> int:
    found = _whole(event, "timestamp")
    return int(time.time() * 1000) if found is None else found


def _when(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    if type(value) not in {int, float}:
        raise _garbled()
    try:
        return timestamp_of(value)
    except (ValueError, OverflowError, OSError):
        raise _garbled() from None


def _garbled() -> SandboxError:
    return error_of(
        "INTERPRETER_NOT_READY", "What runs code in the sandbox says what makes no sense"
    )
